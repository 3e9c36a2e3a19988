// Which fields the table of documents shows: those that most of its documents have.

import { type Doc, isDesign } from "../../../api/couch";

export const FIELDS_MAX = 6;

/** Names of the most frequent fields, in the order in which they were met. Design documents count only where
 * there is nothing else: theirs are no one's data. */
export function fieldsOf(docs: readonly (Doc | null)[], max = FIELDS_MAX): string[] {
  const counts = new Map<string, number>();
  const own = docs.filter((doc) => doc && !isDesign(doc._id));
  for (const doc of own.length ? own : docs) for (const name of Object.keys(doc ?? {})) if (!name.startsWith("_")) counts.set(name, (counts.get(name) ?? 0) + 1);
  const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, max).map(([name]) => name);
  return [...counts.keys()].filter((name) => most.includes(name));
}

/** A document's own fields, without CouchDB's. */
export function bodyOf(doc: Doc | null): Record<string, unknown> {
  return Object.fromEntries(Object.entries(doc ?? {}).filter(([name]) => !name.startsWith("_")));
}
