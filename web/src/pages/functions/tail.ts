// The live tail: which activations are new. Lists are by the time of the start, but a record is there when it
// has ended; so each question looks back a while, and what was seen is left out.

import type { ActivationRow } from "../../api/whisk";

/** So many rows are kept. */
export const ROWS_MAX = 500;
/** So many rows are asked for at a time. */
export const PAGE_ROWS = 200;
/** A run that takes longer, and was waited for, may be missed. */
export const BACK_MS = 60_000;

/** `rows` newest first. `seen`: ids, with the time of their start, that are not new. `missed`: more came at
 * once than are asked for. */
export interface Tail<R extends ActivationRow> {
  rows: readonly R[];
  seen: ReadonlyMap<string, number>;
  newest: number;
  missed: boolean;
}

/** A tail that begins after what there is: the rows of the newest activations. */
export function begun<R extends ActivationRow>(there: readonly ActivationRow[]): Tail<R> {
  const ended = there.filter((row) => row.end !== undefined);
  return {
    rows: [],
    seen: new Map(ended.map((row) => [row.activationId, row.start])),
    newest: Math.max(0, ...there.map((row) => row.start)),
    missed: false,
  };
}

/** Since when to ask (milliseconds since the epoch). */
export function since(tail: Tail<ActivationRow>): number {
  return Math.max(0, tail.newest - BACK_MS);
}

/** Those of `found` that were not seen and have ended. */
export function fresh(tail: Tail<ActivationRow>, found: readonly ActivationRow[]): ActivationRow[] {
  return found.filter((row) => row.end !== undefined && !tail.seen.has(row.activationId));
}

/** With new records. */
export function taken<R extends ActivationRow>(tail: Tail<R>, records: readonly R[], full = false): Tail<R> {
  const added = records.filter((one) => !tail.seen.has(one.activationId));
  if (!added.length) return full ? { ...tail, missed: true } : tail;
  const newest = added.reduce((most, one) => Math.max(most, one.start), tail.newest);
  const seen = new Map([...tail.seen, ...added.map((one) => [one.activationId, one.start] as const)]);
  for (const [id, start] of seen) if (start < newest - 2 * BACK_MS) seen.delete(id);
  const rows = [...added, ...tail.rows].sort((one, other) => other.start - one.start).slice(0, ROWS_MAX);
  return { ...tail, rows, seen, newest, missed: tail.missed || full };
}
