// One direction between two regions on the map: colour by lag, width and movement by rate.

import { type JSX } from "preact";
import type { Pair } from "../../site/pairs";
import { lagWords } from "../../site/words";
import { rate } from "../../ui/words";
import type { Arc } from "./arcs";
import type { Subject } from "./told";

/** A shorter one has no room for words. */
const SHORT = 140;

/** Pixels: 1.5 when nothing moves, 4.5 at a thousand documents a second and more. */
export function thickness(rate_s: number | null): number {
  return 1.5 + Math.min(1, Math.log10(1 + Math.max(0, rate_s ?? 0)) / 3) * 3;
}

/** How fast its dots move: "" when nothing does. */
export function flow(pair: Pick<Pair, "cut" | "rate_s">): "" | "slow" | "quick" | "fast" {
  const found = pair.rate_s ?? 0;
  if (pair.cut || found < 0.05) return "";
  if (found < 5) return "slow";
  return found < 100 ? "quick" : "fast";
}

/** A link in words, for who does not see it. */
export function linkWords(pair: Pair): string {
  const lag = pair.lag_s === null ? "lag not known" : `lag ${lagWords(pair.lag_s)}`;
  return `${pair.source} to ${pair.target}: ${pair.state}, ${lag}, ${rate(pair.rate_s)} documents a second`;
}

export function LinkArc({ pair, arc, quiet, told, tell }: { pair: Pair; arc: Arc; quiet: boolean; told: boolean; tell: (subject: Subject | null) => void }): JSX.Element {
  const moving = flow(pair);
  const show = () => tell({ kind: "link", id: pair.id, at: arc.middle });
  const hide = () => tell(null);
  const tone = pair.cut ? "cut" : pair.tone;
  return (
    <g class={`overview-arc ${tone} ${told ? "told" : ""}`} role="img" tabIndex={0} aria-label={linkWords(pair)}
      onPointerEnter={show} onPointerLeave={hide} onFocus={show} onBlur={hide}>
      <path class="hit" d={arc.path} />
      <path class="way" d={arc.path} stroke-width={thickness(pair.rate_s).toFixed(1)} />
      {moving && <path class={`dots ${moving}`} d={arc.path} />}
      <g transform={`translate(${arc.middle.x.toFixed(1)} ${arc.middle.y.toFixed(1)})`}>
        {pair.cut
          ? <><circle class="cross-ground" r="8" /><path class="cross" d="M-4-4 4 4M4-4-4 4" /></>
          : <path class="head" d={arc.long > SHORT ? "M-4-5 4 0-4 5" : "M-2-3 2 0-2 3"} transform={`rotate(${arc.angle.toFixed(1)})`} />}
      </g>
      {!pair.cut && arc.long > SHORT && (!quiet || pair.tone !== "good") && <text class="lag" x={arc.beside.x} y={arc.beside.y + 4} text-anchor="middle">{lagWords(pair.lag_s)}</text>}
    </g>
  );
}
