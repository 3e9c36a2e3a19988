// Many conflicts resolved by one rule: each document's winner stays, the other leaves are deleted.

import { bulkDocs, docsByIds } from "../../../api/couch";
import { reportOf, tombstones } from "../../../merge/resolution";
import { conflictsOf, type Found } from "./scan";

const BATCH = 25;

/** What became of them. `skipped`: ids of those that changed meanwhile; `refused`: in words. */
export interface Ruled {
  done: string[];
  skipped: string[];
  refused: string[];
}

/** Raises ApiError; what was done before is in `told` then. `told` is called after each batch. */
export async function keepWinners(db: string, chosen: readonly Found[], over: AbortSignal, told: (ruled: Ruled) => void): Promise<Ruled> {
  const ruled: Ruled = { done: [], skipped: [], refused: [] };
  for (let at = 0; at < chosen.length && !over.aborted; at += BATCH) {
    const batch = chosen.slice(at, at + BATCH);
    const now = await docsByIds(db, batch.map((one) => one.id), { include_docs: true, conflicts: true }, over);
    const [still, changed] = unchanged(batch, conflictsOf(now.rows));
    ruled.skipped.push(...changed);
    const docs = still.flatMap((one) => tombstones(one.id, one.conflicts));
    // A write is not given up half-way: what it did must be known.
    const answers = docs.length ? await bulkDocs(db, docs) : [];
    let from = 0;
    for (const one of still) {
      const { refused } = reportOf(one.conflicts, answers.slice(from, from + one.conflicts.length));
      from += one.conflicts.length;
      if (refused.length) ruled.refused.push(...refused.map((words) => `${one.id}: ${words}`));
      else ruled.done.push(one.id);
    }
    told({ done: [...ruled.done], skipped: [...ruled.skipped], refused: [...ruled.refused] });
  }
  return ruled;
}

/** Those whose leaves are as they were seen, and the ids of the others. */
export function unchanged(seen: readonly Found[], now: readonly Found[]): [Found[], string[]] {
  const leavesOf = (one: Found) => [one.rev, ...[...one.conflicts].sort()].join(" ");
  const current = new Map(now.map((one) => [one.id, leavesOf(one)]));
  const still = seen.filter((one) => current.get(one.id) === leavesOf(one));
  return [still, seen.filter((one) => !still.includes(one)).map((one) => one.id)];
}
