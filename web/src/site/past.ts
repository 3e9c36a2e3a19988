// The last hour comes every few seconds; what was seen since then is put behind it, so that charts are live.

import type { Admitted, History, Overview, RegionState } from "../api/dashboard";
import { pairsOf } from "./pairs";

export type Past = readonly (number | null)[];

/** `at`: seconds since the epoch. */
export interface Sample {
  at: number;
  value: number | null;
}

const STEP_S = 10;
const HOUR = 360;

const UP: Record<RegionState, number> = { ready: 1, live: 0.5, down: 0 };

/** How a region's state is drawn: 1 is well. */
export const upOf = (state: RegionState): number => UP[state];

/** The same of what the balancer makes of it: 1 serving, 0.5 standing by. */
export const admittedUp = (one: Admitted): number => ({ serving: 1, standby: 0.5 })[one.state] ?? 0;

type Join = (values: readonly number[]) => number;

/** As the server has it: the worst where something is well or not, the mean of what flows. */
const mean: Join = (values) => values.reduce((sum, one) => sum + one, 0) / values.length;
const least: Join = (values) => Math.min(...values);
const most: Join = (values) => Math.max(...values);

/** `past`, whose last step ended at `end`, with a step more for each `step_s` until `until`, made of its samples
 * by `join`. As many steps are dropped at the beginning. */
export function extended(past: Past, end: number, step_s: number, samples: readonly Sample[], until: number, join: Join = mean): Past {
  const more = Math.min(past.length, Math.max(0, Math.ceil((until - end) / step_s - 1e-9)));
  if (!more) return past;
  const steps = Array.from({ length: more }, (): number[] => []);
  for (const { at, value } of samples) {
    const step = Math.ceil((at - end) / step_s - 1e-9) - 1;
    if (value !== null) steps[step]?.push(value);
  }
  return [...past.slice(more), ...steps.map((values) => (values.length ? join(values) : null))];
}

/** The last hour until the newest of `seen`. `history` undefined: it has not come yet, and all before `seen` is
 * not known. */
export function liveHistory(history: History | undefined, seen: readonly Overview[]): History {
  const last = seen.at(-1);
  const step_s = history?.step_s ?? STEP_S;
  const end = history?.end ?? (seen[0]?.at ?? 0) - 1e-3;
  if (!last) return history ?? { step_s, end, regions: {}, links: {}, balancer: {}, events: [] };
  // The server's last step may not be over: it counts as a sample of it.
  const runs = end > last.at ? 1 : 0;
  const over = end - runs * step_s;
  const until = Math.max(last.at, end);
  const unknown = new Array<null>(HOUR).fill(null);
  const grown = (past: Past = unknown, value: (one: Overview) => number | null | undefined, join: Join = mean): (number | null)[] => {
    const samples = [...past.slice(past.length - runs).map((one) => ({ at: end, value: one })), ...seen.map((one) => ({ at: one.at, value: value(one) ?? null }))];
    const before = runs ? [null, ...past.slice(0, -1)] : past;
    return [...extended(before, over, step_s, samples, until, join)];
  };
  const of = (name: string) => (one: Overview) => one.regions.find((region) => region.name === name);
  const pairs = new Map(seen.map((one) => [one, pairsOf(one.links, one.regions)]));
  const result: History = { step_s, end: over + step_s * Math.ceil((until - over) / step_s - 1e-9), regions: {}, links: {}, balancer: {}, events: history?.events ?? [] };
  for (const { name } of last.regions) {
    const before = history?.regions[name];
    const region = of(name);
    result.regions[name] = {
      up: grown(before?.up, (one) => { const found = region(one); return found && upOf(found.state); }, least),
      requests_s: grown(before?.requests_s, (one) => region(one)?.rates.requests_s),
      errors_s: grown(before?.errors_s, (one) => region(one)?.rates.errors_s),
      activations_s: grown(before?.activations_s, (one) => region(one)?.rates.activations_s),
      cold_s: grown(before?.cold_s, (one) => region(one)?.rates.cold_s),
      lag_s: grown(before?.lag_s, (one) => region(one)?.lag_s, most),
    };
  }
  for (const id of new Set([...Object.keys(history?.links ?? {}), ...[...pairs.values()].flat().map((one) => one.id)])) {
    const before = history?.links[id];
    const pair = (one: Overview) => pairs.get(one)?.find((found) => found.id === id);
    result.links[id] = {
      lag_s: grown(before?.lag_s, (one) => pair(one)?.lag_s, most),
      pending: grown(before?.pending, (one) => pair(one)?.pending, most),
      rate_s: grown(before?.rate_s, (one) => pair(one)?.rate_s),
    };
  }
  for (const name of Object.keys(last.balancer?.regions ?? {})) {
    const before = history?.balancer[name];
    result.balancer[name] = {
      requests_s: grown(before?.requests_s, (one) => one.balancer?.regions[name]?.requests_s),
      up: grown(before?.up, (one) => { const found = one.balancer?.regions[name]; return found && admittedUp(found); }, least),
    };
  }
  return result;
}
