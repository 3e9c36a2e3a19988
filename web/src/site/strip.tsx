// How something was over time, as a strip of colours.

import { type JSX } from "preact";
import type { Past } from "./past";

const HEIGHT = 14;

/** Steps of the same colour as one: [tone, first, after the last]. */
export function runs(values: Past): [tone: string, from: number, to: number][] {
  const found: [string, number, number][] = [];
  values.forEach((value, at) => {
    const tone = toneOf(value);
    const last = found.at(-1);
    if (last && last[0] === tone) last[2] = at + 1;
    else found.push([tone, at, at + 1]);
  });
  return found;
}

/** A step in which it was well for a part of the time only is not green. */
function toneOf(value: number | null): string {
  if (value === null) return "";
  if (value > 0.999) return "good";
  return value >= 0.5 ? "warn" : "bad";
}

/** `values`: 1 well, 0.5 partly, 0 not at all, null not known. `calm`: partly is nothing to worry about. */
export function Strip({ values, label, calm = false }: { values: Past; label: string; calm?: boolean }): JSX.Element {
  return (
    <svg class={`site-strip ${calm ? "calm" : ""}`} viewBox={`0 0 ${Math.max(1, values.length)} ${HEIGHT}`} height={HEIGHT} preserveAspectRatio="none" role="img" aria-label={label}>
      {runs(values).map(([tone, from, to]) => <rect key={from} class={tone} x={from} width={to - from} y="0" height={HEIGHT} />)}
    </svg>
  );
}

/** How much of the time it was well, or at least `least`: "98.2 %"; "–" when nothing is known. */
export function share(values: Past, least = 0.999): string {
  const known = values.filter((one) => one !== null);
  if (!known.length) return "–";
  const well = known.filter((one) => one >= least).length / known.length;
  return `${Math.floor(well * 1000) / 10} %`;
}

/** A strip in words: "ready for 98.2 % of the last 15 min, as far as it is known". */
export function shareWords(values: Past, span: string, word: string, least = 0.999): string {
  const part = share(values, least);
  return part === "–" ? `nothing is known of the last ${span}` : `${word} for ${part} of the last ${span}, as far as it is known`;
}
