// The query of a view, from what was typed into its form, and how its pages follow each other.

import { key, type ViewRow } from "../../../api/couch";
import { JsonError, scan } from "../../../api/jsontext";

/** Keys as they were typed: JSON, "" for none. `group`: "" for one result of all, "exact", or a level. */
export interface ViewForm {
  key: string;
  startkey: string;
  endkey: string;
  descending: boolean;
  inclusiveEnd: boolean;
  includeDocs: boolean;
  reduce: boolean;
  group: string;
}

export const PLAIN: ViewForm = { key: "", startkey: "", endkey: "", descending: false, inclusiveEnd: true, includeDocs: false, reduce: false, group: "exact" };

/** Where a page begins: a row by its key and id, or, of reduced rows, how many are before it. */
export type Cursor = { key: string; id: string } | { skip: number };

export class QueryError extends Error {}

/** The query for `limit + 1` rows. Raises QueryError. */
export function queryOf(form: ViewForm, from: Cursor | null, limit: number): Record<string, string | number | boolean | undefined> {
  const at = from && "key" in from ? from : null;
  return {
    key: keyOf("key", form.key),
    startkey: at ? at.key : keyOf("startkey", form.startkey),
    startkey_docid: at?.id,
    endkey: keyOf("endkey", form.endkey),
    inclusive_end: form.endkey && !form.inclusiveEnd ? false : undefined,
    descending: form.descending || undefined,
    include_docs: (form.includeDocs && !form.reduce) || undefined,
    reduce: form.reduce,
    group: form.reduce && form.group === "exact" ? true : undefined,
    group_level: form.reduce && form.group !== "exact" && form.group !== "" ? Number(form.group) : undefined,
    skip: from && "skip" in from ? from.skip : undefined,
    limit: limit + 1,
  };
}

/** Where the page after this one begins. */
export function nextOf(form: ViewForm, from: Cursor | null, next: ViewRow | null, limit: number): Cursor | null {
  if (!next) return null;
  // With one key the rows differ by their ids alone; CouchDB takes startkey_docid for it only with a startkey.
  if (form.reduce || next.id === undefined || form.key) return { skip: (from && "skip" in from ? from.skip : 0) + limit };
  return { key: key(next.key), id: next.id };
}

function keyOf(name: string, text: string): string | undefined {
  if (!text.trim()) return undefined;
  try {
    scan(text);
    return text;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new QueryError(`${name} is no JSON: ${error.message}. A text needs quotes: ${JSON.stringify(text)}`);
  }
}
