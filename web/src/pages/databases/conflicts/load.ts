// Reads a document's leaves, and what is known of the revisions before them.

import { ApiError, ask } from "../../../api/http";
import { docPath, readDocText } from "../../../api/couch";
import { JsonError, parse } from "../../../merge/json";
import { type Leaf, leafOf, leavesOf } from "../../../merge/leaf";
import { commonAncestor } from "../../../merge/tree";

/** What a server says of a revision: its content is "available", was "deleted", or is "missing". */
export type Status = "available" | "missing" | "deleted";

/** Of so many leaves the histories' states are asked for; each is a request. */
const HISTORIES_MAX = 20;

/** All leaves, the winner first. Raises ApiError. */
export async function readLeaves(db: string, id: string, signal?: AbortSignal): Promise<Leaf[]> {
  const text = await readDocText(db, id, { open_revs: "all", revs: true }, signal);
  return read(() => leavesOf(text));
}

/** One revision; null: its content is not there. Raises ApiError. */
export async function readRevision(db: string, id: string, rev: string, signal?: AbortSignal): Promise<Leaf | null> {
  try {
    const text = await readDocText(db, id, { rev, revs: true }, signal);
    return read(() => {
      const doc = parse(text);
      return doc instanceof Map ? leafOf(doc) : null;
    });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/** The last revision that all these leaves come from, with its content; null: none is known, or it is gone.
 * Raises ApiError. */
export async function readAncestor(db: string, id: string, leaves: readonly Leaf[], signal?: AbortSignal): Promise<Leaf | null> {
  const rev = leaves.length > 1 ? commonAncestor(leaves.map((one) => one.path)) : null;
  return rev === null ? null : readRevision(db, id, rev, signal);
}

/** States of revisions, as far as the server tells them: of the winner's history, and of other leaves' where it
 * answers for them too. Raises ApiError. */
export async function readStatuses(db: string, id: string, leaves: readonly Leaf[], signal?: AbortSignal): Promise<Map<string, Status>> {
  const found = new Map<string, Status>();
  for (const leaf of leaves.slice(0, HISTORIES_MAX)) {
    const answer = await ask(docPath(db, id), { query: { rev: leaf.rev, revs_info: true }, ...(signal ? { signal } : {}) });
    const { _revs_info } = (await answer.json()) as { _revs_info?: { rev: string; status: Status }[] };
    // Apache's server does not answer it for a revision that is named: then for the winner alone.
    if (!_revs_info) return found.size ? found : await winnerStatuses(db, id, leaves, signal);
    for (const { rev, status } of _revs_info) found.set(rev, status);
  }
  return found;
}

async function winnerStatuses(db: string, id: string, leaves: readonly Leaf[], signal?: AbortSignal): Promise<Map<string, Status>> {
  if (leaves[0]?.deleted !== false) return new Map();
  const answer = await ask(docPath(db, id), { query: { revs_info: true }, ...(signal ? { signal } : {}) });
  const { _revs_info = [] } = (await answer.json()) as { _revs_info?: { rev: string; status: Status }[] };
  return new Map(_revs_info.map(({ rev, status }) => [rev, status]));
}

function read<T>(how: () => T): T {
  try {
    return how();
  } catch (error) {
    if (error instanceof JsonError) throw new ApiError(200, "no_json", `the server's answer is no JSON: ${error.message}`);
    throw error;
  }
}
