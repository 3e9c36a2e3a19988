// Where the rows of the table of documents come from: all of them by id, those of a selector, deleted ones.

import { ApiError } from "../../../api/http";
import { allDocs, type Change, changes, changesOf, type Doc, find, type JsonObject, key, welcome } from "../../../api/couch";
import { above, cut } from "./paging";

export type Filter =
  | { kind: "all"; prefix: string; descending: boolean }
  | { kind: "find"; selector: JsonObject }
  | { kind: "deleted" };

export interface Shown {
  id: string;
  rev: string;
  deleted: boolean;
  doc: Doc | null;
}

/** `next`: where the next page begins; null: there is none. `total` null: nobody counted. */
export interface Page {
  rows: readonly Shown[];
  next: string | null;
  total: number | null;
  note: string;
}

/** The page that begins at `from`; null is the beginning. Raises ApiError. */
export async function readPage(db: string, filter: Filter, from: string | null, limit: number, signal: AbortSignal): Promise<Page> {
  switch (filter.kind) {
    case "all":
      return byId(db, filter, from, limit, signal);
    case "find":
      return selected(db, filter.selector, from, limit, signal);
    case "deleted":
      return (await isPouch(signal)) ? deletedHere(db, from, limit, signal) : changed(db, { _deleted: true }, from, limit, "", signal);
  }
}

async function byId(db: string, filter: Filter & { kind: "all" }, from: string | null, limit: number, signal: AbortSignal): Promise<Page> {
  const { rows, total_rows } = await allDocs(db, { include_docs: true, limit: limit + 1, ...rangeOf(filter.prefix, filter.descending, from) }, signal);
  const { rows: mine, next } = cut(rows, limit);
  return {
    rows: mine.map((row) => ({ id: row.id, rev: row.value.rev, deleted: false, doc: row.doc ?? null })),
    next: next?.id ?? null,
    total: filter.prefix ? null : (total_rows ?? null),
    note: "",
  };
}

/** The query of `_all_docs` for ids that begin with `prefix`, from `from` on. */
export function rangeOf(prefix: string, descending: boolean, from: string | null): Record<string, string | boolean | undefined> {
  const end = prefix ? above(prefix) : undefined;
  if (!descending) {
    const first = from ?? (prefix || undefined);
    return { startkey: first === undefined ? undefined : key(first), endkey: end === undefined ? undefined : key(end), inclusive_end: end === undefined ? undefined : false };
  }
  // From above: what is just above the prefix is no row itself but for a document of that very id.
  const first = from ?? end;
  return { descending: true, startkey: first === undefined ? undefined : key(first), endkey: prefix ? key(prefix) : undefined };
}

async function selected(db: string, selector: JsonObject, from: string | null, limit: number, signal: AbortSignal): Promise<Page> {
  // A place in the changes goes on there; places of `_find` are marked, since both are the server's texts. One
  // of PouchDB gives no bookmarks.
  if (from === null || from.startsWith(BOOKMARK) || from.startsWith(SKIP)) {
    try {
      const skip = from?.startsWith(SKIP) ? Number(from.slice(SKIP.length)) : 0;
      const bookmark = from?.startsWith(BOOKMARK) ? from.slice(BOOKMARK.length) : "";
      const found = await find(db, { selector, limit, ...(bookmark ? { bookmark } : {}), ...(skip ? { skip } : {}) }, signal);
      const rows = found.docs.map((doc) => ({ id: doc._id, rev: doc._rev ?? "", deleted: false, doc }));
      const next = found.bookmark ? BOOKMARK + found.bookmark : SKIP + (skip + limit);
      return { rows, next: rows.length === limit ? next : null, total: null, note: found.warning ?? "" };
    } catch (error) {
      if (!(error instanceof ApiError && NO_FIND.includes(error.status))) throw error;
    }
  }
  const living = livingOf(selector);
  return changed(db, living, from, limit, "This server has no _find (Mango queries). Its changes are searched instead: every document is read, and the rows are in the order of their last change.", signal);
}

/** Of the changes, which tell of deleted documents too. An empty selector takes all, but within `$and` CouchDB reads
 * it as equal to `{}`, and takes none. */
export function livingOf(selector: JsonObject): JsonObject {
  const living = { _deleted: { $exists: false } };
  return Object.keys(selector).length ? { $and: [selector, living] } : living;
}

const BOOKMARK = "bookmark:";
const SKIP = "skip:";
const NO_FIND = [404, 405, 501];

async function changed(db: string, selector: JsonObject, from: string | null, limit: number, note: string, signal: AbortSignal): Promise<Page> {
  const { results } = await changesOf(db, selector, { limit: limit + 1, include_docs: true, since: from ?? 0 }, signal);
  const mine = results.slice(0, limit);
  const last = mine.at(-1);
  return {
    rows: mine.map((row) => ({ id: row.id, rev: row.changes[0]?.rev ?? "", deleted: row.deleted ?? false, doc: row.doc ?? null })),
    next: results.length > limit && last ? String(last.seq) : null,
    total: null,
    note,
  };
}

let pouch: boolean | null = null;

/** A server of PouchDB dies of a `_selector`. */
async function isPouch(signal: AbortSignal): Promise<boolean> {
  return (pouch ??= "express-pouchdb" in (await welcome(signal)));
}

const CHANGES_AT_ONCE = 2000;

/** Deleted ones, found among all changes here in the browser. */
async function deletedHere(db: string, from: string | null, limit: number, signal: AbortSignal): Promise<Page> {
  const found: Change[] = [];
  let since: string | number = from ?? 0;
  for (;;) {
    const { results }: { results: Change[] } = await changes(db, { since, limit: CHANGES_AT_ONCE }, signal);
    found.push(...results.filter((row) => row.deleted));
    const last = results.at(-1);
    if (found.length > limit || results.length < CHANGES_AT_ONCE || !last) break;
    since = last.seq;
  }
  const { rows, next } = cut(found, limit);
  const last = rows.at(-1);
  return {
    rows: rows.map((row) => ({ id: row.id, rev: row.changes[0]?.rev ?? "", deleted: true, doc: null })),
    next: next && last ? String(last.seq) : null,
    total: null,
    note: "",
  };
}
