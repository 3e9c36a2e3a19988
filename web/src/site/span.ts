// How much of the last hour is drawn: who has just begun sees minutes, not an empty hour.

import type { History } from "../api/dashboard";
import type { Past } from "./past";

/** Minutes that are drawn, the least that has all that is known. */
const SPANS_MIN = [5, 10, 15, 30, 60];

/** The end of `history` of which something is known; and how long that is, in words: "15 min". */
export function spanned(history: History): { past: History; span: string } {
  const all = [...rows(history.regions), ...rows(history.links), ...rows(history.balancer)];
  const known = Math.max(0, ...all.map((values) => { const first = values.findIndex((one) => one !== null); return first < 0 ? 0 : values.length - first; }));
  const minutes = SPANS_MIN.find((one) => one * 60 >= known * history.step_s) ?? 60;
  const steps = Math.round((minutes * 60) / history.step_s);
  const cut = <R extends object>(table: Record<string, R>): Record<string, R> =>
    Object.fromEntries(Object.entries(table).map(([name, row]) => [name, Object.fromEntries(Object.entries(row as Record<string, (number | null)[]>).map(([kind, values]) => [kind, values.slice(-steps)])) as R]));
  const past = { ...history, regions: cut(history.regions), links: cut(history.links), balancer: cut(history.balancer) };
  return { past, span: minutes === 60 ? "1 h" : `${minutes} min` };
}

function rows(table: Record<string, object>): Past[] {
  return Object.values(table).flatMap((row) => Object.values(row as Record<string, Past>));
}
