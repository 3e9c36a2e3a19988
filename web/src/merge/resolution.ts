// What is written to end a conflict. A plan is made of the leaves that somebody has seen:
//
//   keep the winner      a tombstone on each other leaf
//   keep another leaf    a child of it with its own content, then a tombstone on each other leaf
//   merge                a child of the winner with the merged content, then a tombstone on each other leaf
//   delete               a tombstone on each leaf
//
// The child comes first: as long as it is not written nothing else is. Its revision, and a tombstone's, follow
// from the parent and the content, so the same decision in two regions makes the same revisions. Of different
// decisions at the same time no content is lost that somebody picked over the winner or merged: that was an edit,
// and an edit beside a tombstone is a living leaf. (Keeping the winner is none: whoever deletes it elsewhere has
// edited another leaf, or wanted the document to go.)

import { type Json, type JsonMap, write } from "./json";
import { attachmentToken, type Leaf, living } from "./leaf";

/** An attachment of the new revision. `from`: the leaf that has its bytes; null: the parent has it, so a stub
 * will do. */
export interface Kept {
  name: string;
  stub: JsonMap;
  from: string | null;
}

export interface Child {
  parent: string;
  body: JsonMap;
  attachments: Kept[];
}

/** `child`: written first; null: nothing is. `tombstones`: leaves that are deleted then. */
export interface Plan {
  child: Child | null;
  tombstones: string[];
}

/** Attachments that were picked: name, and the leaf whose attachment it is. */
export type Attached = ReadonlyMap<string, Leaf>;

/** The leaf `rev` stays, as the only one. `leaves`: all, the winner first. */
export function planKeep(leaves: readonly Leaf[], rev: string): Plan {
  const [winner, ...others] = living(leaves);
  const kept = [winner, ...others].find((one) => one?.rev === rev);
  if (!winner || !kept) return { child: null, tombstones: [] };
  const tombstones = living(leaves).map((one) => one.rev).filter((one) => one !== rev);
  if (kept === winner) return { child: null, tombstones };
  const attachments = [...kept.attachments].map(([name, stub]): Kept => ({ name, stub: stub as JsonMap, from: null }));
  return { child: { parent: rev, body: kept.body, attachments }, tombstones };
}

/** The winner is followed by `body` with these attachments, and the others end. */
export function planMerge(leaves: readonly Leaf[], body: JsonMap, attached: Attached): Plan {
  const [winner, ...others] = living(leaves);
  if (!winner) return { child: null, tombstones: [] };
  const attachments = [...attached].map(([name, leaf]): Kept => {
    const stub = leaf.attachments.get(name);
    const has = attachmentToken(winner.attachments.get(name)) === attachmentToken(stub);
    return { name, stub: stub as JsonMap, from: has ? null : leaf.rev };
  });
  return { child: { parent: winner.rev, body, attachments }, tombstones: others.map((one) => one.rev) };
}

/** All end. */
export const planDelete = (leaves: readonly Leaf[]): Plan => ({ child: null, tombstones: living(leaves).map((one) => one.rev) });

/** The child as it is sent. `bytes`: those of attachments that the parent has not, in Base64, by name. */
export function childText(id: string, child: Child, bytes: ReadonlyMap<string, string>): string {
  const doc: JsonMap = new Map<string, Json>([["_id", id], ["_rev", child.parent]]);
  if (child.attachments.length) {
    doc.set("_attachments", new Map(child.attachments.map(({ name, stub, from }) => [name, from === null ? stubOf(stub) : inline(stub, bytes.get(name) ?? "")])));
  }
  for (const [name, value] of child.body) doc.set(name, value);
  return write(doc);
}

function stubOf(stub: JsonMap): JsonMap {
  return new Map<string, Json>([...stub, ["stub", true]]);
}

function inline(stub: JsonMap, data: string): JsonMap {
  return new Map<string, Json>([["content_type", stub.get("content_type") ?? "application/octet-stream"], ["data", data]]);
}

/** Names that a document's own members can't have, of those that this one has. */
export const reserved = (body: JsonMap) => [...body.keys()].filter((name) => name.startsWith("_"));

/** The tombstones of one document, as `_bulk_docs` takes them. */
export const tombstones = (id: string, revs: readonly string[]) => revs.map((rev) => ({ _id: id, _rev: rev, _deleted: true as const }));

/** What one document of a `_bulk_docs` became. */
export interface Answered {
  id?: string;
  ok?: boolean;
  rev?: string;
  error?: string;
  reason?: string;
}

/** `done`, `refused`: in words, for each revision. CouchDB answers in the order in which it was asked. */
export function reportOf(revs: readonly string[], answers: readonly Answered[]): { done: string[]; refused: string[] } {
  const done: string[] = [];
  const refused: string[] = [];
  revs.forEach((rev, at) => {
    const answer = answers[at];
    if (answer && !answer.error) done.push(`${rev} deleted`);
    else refused.push(`${rev} not deleted: ${answer ? [answer.error, answer.reason].filter(Boolean).join(": ") : "the server said nothing of it"}`);
  });
  return { done, refused };
}
