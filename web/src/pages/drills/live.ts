// What is seen while a drill runs: requests from the feed, and moments from what the drill says.

import type { Overview } from "../../api/dashboard";
import type { Series } from "../../ui/chart";

/** One value of the feed, as far as it is drawn. `at`: seconds since the epoch. */
export interface Moment {
  at: number;
  requests: Record<string, number | null>;
  errors: number;
}

const STEP_S = 0.5;
const STEPS_MAX = 600;

export function momentOf(now: Overview): Moment {
  return {
    at: now.at,
    requests: Object.fromEntries(now.regions.map((one) => [one.name, one.rates.requests_s])),
    errors: now.regions.reduce((sum, one) => sum + (one.rates.errors_s ?? 0), 0),
  };
}

/** With one more, and no more than are drawn. */
export function followed(moments: readonly Moment[], one: Moment): readonly Moment[] {
  return [...moments, one].slice(-STEPS_MAX);
}

/** Lines of requests a second by region and of errors, half a second a value, from the first moment on. */
export function lines(moments: readonly Moment[]): Series[] {
  const first = moments[0];
  const last = moments.at(-1);
  if (!first || !last) return [];
  const steps = Math.min(STEPS_MAX, Math.round((last.at - first.at) / STEP_S) + 1);
  const names = [...new Set(moments.flatMap((one) => Object.keys(one.requests)))];
  const filled = (value: (one: Moment) => number | null) => {
    const values = new Array<number | null>(steps).fill(null);
    for (const one of moments) values[placeOf(one.at, first.at)] = value(one);
    // A value that came a little late leaves a step empty, which is no gap.
    return values.map((one, at) => one ?? (at && at < steps - 1 && values[at + 1] !== null ? values[at - 1] ?? null : null));
  };
  return [
    ...names.map((name) => ({ name, values: filled((one) => one.requests[name] ?? null) })),
    { name: "errors", color: "var(--red)", values: filled((one) => one.errors) },
  ];
}

export interface Said {
  /** Seconds of the drill's clock; null: it did not say. */
  at_s: number | null;
  text: string;
}

/** A line of the drill's log: "   5.2 s  healed". */
export function said(line: string): Said {
  const found = /^\s*(\d+(?:\.\d+)?) s\s+(.*)$/.exec(line);
  return found ? { at_s: Number(found[1]), text: found[2] ?? "" } : { at_s: null, text: line.trim() };
}

/** When the drill's clock was 0, in seconds since the epoch, as well as it can be told: a line is seen a little
 * after it was said, so the earliest guess is the best. `before`: the guess so far. A clock that went back
 * begins another drill. */
export function zeroOf(before: number | null, log: readonly string[], seenBefore: number, now: number): number | null {
  const fresh = log.slice(seenBefore).map(said);
  let zero = before;
  for (const { at_s } of fresh) {
    if (at_s === null) continue;
    const guess = now - at_s;
    zero = zero === null || guess < zero || at_s < 0.5 ? guess : zero;
  }
  return zero;
}

const MARKED = /^(fault:|healed)/;

const BEGINS = /^load of /;

/** Moments of the log that are marked in the chart, as places in its values: those of the newest drill, since
 * `zero` is of its clock. */
export function markedAt(log: readonly string[], zero: number | null, moments: readonly Moment[]): { at: number; text: string }[] {
  const first = moments[0];
  if (zero === null || !first) return [];
  const all = log.map(said);
  const begun = Math.max(0, all.findLastIndex((one) => BEGINS.test(one.text)));
  const places = all.slice(begun).filter((one) => one.at_s !== null && MARKED.test(one.text)).map((one) => ({ at: (zero + (one.at_s ?? 0) - first.at) / STEP_S, text: one.text }));
  return places.filter((one) => one.at >= 0 && one.at <= placeOf(moments.at(-1)?.at ?? 0, first.at));
}

function placeOf(at: number, first: number): number {
  return Math.min(STEPS_MAX - 1, Math.max(0, Math.round((at - first) / STEP_S)));
}
