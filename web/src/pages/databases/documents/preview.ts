// Which fields the table of documents shows: those that most of its documents have.

import type { Doc } from "../../../api/couch";

export const FIELDS_MAX = 6;

/** Names of fields, the most frequent first, in the order in which they were met. */
export function fieldsOf(docs: readonly (Doc | null)[], max = FIELDS_MAX): string[] {
  const counts = new Map<string, number>();
  for (const doc of docs) for (const name of Object.keys(doc ?? {})) if (!name.startsWith("_")) counts.set(name, (counts.get(name) ?? 0) + 1);
  const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, max).map(([name]) => name);
  return [...counts.keys()].filter((name) => most.includes(name));
}

/** A document's own fields, without CouchDB's. */
export function bodyOf(doc: Doc | null): Record<string, unknown> {
  return Object.fromEntries(Object.entries(doc ?? {}).filter(([name]) => !name.startsWith("_")));
}
