// A document's leaves as CouchDB answers them for `?open_revs=all&revs=true`.

import { Exact, type Json, type JsonMap, parse } from "./json";
import { type Branch, generation, pathOf, winnerFirst } from "./tree";

/** One of the revisions that nobody built on. `body`: its own members, without CouchDB's; `attachments`: the
 * stubs of `_attachments` by name. */
export interface Leaf extends Branch {
  body: JsonMap;
  attachments: JsonMap;
}

/** The leaves, the winner first. Raises JsonError. */
export function leavesOf(text: string): Leaf[] {
  const answer = parse(text);
  const found = (Array.isArray(answer) ? answer : []).flatMap((one) => {
    const doc = one instanceof Map ? one.get("ok") : undefined;
    return doc instanceof Map ? [leafOf(doc)] : [];
  });
  return winnerFirst(found);
}

/** One revision of a document, as it was read. */
export function leafOf(doc: JsonMap): Leaf {
  const rev = String(doc.get("_rev") ?? "");
  const revisions = doc.get("_revisions");
  const ids = revisions instanceof Map ? revisions.get("ids") : undefined;
  const start = revisions instanceof Map ? Number(numberOf(revisions.get("start"))) : generation(rev);
  const attachments = doc.get("_attachments");
  return {
    rev,
    deleted: doc.get("_deleted") === true,
    path: Array.isArray(ids) ? pathOf(start, ids.map(String)) : [rev],
    body: new Map([...doc].filter(([name]) => !name.startsWith("_"))),
    attachments: attachments instanceof Map ? attachments : new Map(),
  };
}

const numberOf = (value: Json | undefined) => (value instanceof Exact ? value.text : value);

/** The ones that are in conflict: all that are not deleted. */
export const living = (leaves: readonly Leaf[]) => leaves.filter((one) => !one.deleted);

/** What tells one attachment's content from another's: digest, length and type, as one text. */
export function attachmentToken(stub: Json | undefined): string {
  if (!(stub instanceof Map)) return "";
  const [type, length, digest] = ["content_type", "length", "digest"].map((name) => String(numberOf(stub.get(name)) ?? ""));
  return `${type}, ${length} bytes, ${digest}`;
}

/** Attachments as members that can be compared: name and token. */
export const attachmentTokens = (leaf: Leaf): JsonMap =>
  new Map([...leaf.attachments].map(([name, stub]) => [name, attachmentToken(stub)]));

/** What became different between two looks at the leaves, in words; [] when nothing did. */
export function newsOf(seen: readonly Branch[], now: readonly Branch[]): string[] {
  const news: string[] = [];
  const before = new Map(seen.map((one) => [one.rev, one]));
  const after = new Set(now.map((one) => one.rev));
  for (const leaf of now) {
    if (before.has(leaf.rev)) continue;
    const parent = leaf.path.slice(1).find((rev) => before.has(rev));
    if (parent) news.push(`${parent} was ${leaf.deleted ? "deleted" : "edited"}: it is ${leaf.rev} now`);
    else news.push(`another ${leaf.deleted ? "deleted revision" : "revision"} arrived: ${leaf.rev}`);
  }
  const followed = new Set(now.flatMap((leaf) => leaf.path));
  for (const leaf of seen) {
    if (!after.has(leaf.rev) && !followed.has(leaf.rev)) news.push(`${leaf.rev} is not there any more`);
  }
  return news;
}
