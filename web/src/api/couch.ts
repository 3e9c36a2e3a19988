// CouchDB's API, typed: what any CouchDB answers below `config().couch`. All of it raises ApiError.

import { config } from "../config";
import { ApiError, ask, type Ask, getJson } from "./http";

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

/** A document as it is sent and answered; members of CouchDB's own begin with an underscore. */
export type Doc = JsonObject & { _id: string; _rev?: string; _deleted?: boolean };

/** What `_attachments` says of one whose bytes are elsewhere. */
export interface AttachmentStub {
  content_type: string;
  digest: string;
  length: number;
  revpos: number;
  stub?: boolean;
}

/** GET /db. A server of another kind may leave out `sizes`. */
export interface DatabaseInfo {
  db_name: string;
  doc_count: number;
  doc_del_count?: number;
  update_seq: string | number;
  sizes?: { active?: number; file?: number; external?: number };
  compact_running?: boolean;
  props?: { partitioned?: boolean };
}

/** A row of `_all_docs`. `error`: the key that was asked for is not there. */
export interface DocRow {
  id: string;
  key: string;
  value: { rev: string; deleted?: boolean };
  doc?: Doc | null;
  error?: string;
}

export interface Rows<R> {
  total_rows?: number;
  offset?: number | null;
  rows: R[];
}

/** A row of a view; reduced ones have no id. */
export interface ViewRow {
  id?: string;
  key: Json;
  value: Json;
  doc?: Doc | null;
}

export interface Change {
  seq: string | number;
  id: string;
  changes: { rev: string }[];
  deleted?: boolean;
  doc?: Doc | null;
}

export interface Changes {
  results: Change[];
  last_seq: string | number;
  pending?: number;
}

/** What became of one document of a `_bulk_docs`. */
export interface Written {
  id: string;
  ok?: boolean;
  rev?: string;
  error?: string;
  reason?: string;
}

export interface Security {
  admins?: { names?: string[]; roles?: string[] };
  members?: { names?: string[]; roles?: string[] };
  [name: string]: unknown;
}

const DESIGN = "_design/";
const LOCAL = "_local/";

/** The address of a database, and of what is below it: `below` is already encoded. */
export function dbPath(db: string, below = ""): string {
  return `${config().couch}${segment(db)}${below ? `/${below}` : ""}`;
}

/** A document's id as a path. The slash of `_design/` and `_local/` stays one. */
export function idPath(id: string): string {
  for (const kind of [DESIGN, LOCAL]) if (id.startsWith(kind)) return kind + segment(id.slice(kind.length));
  return segment(id);
}

/** The address of a document. */
export const docPath = (db: string, id: string) => dbPath(db, idPath(id));

/** The address of an attachment; slashes in its name are no part of the path. */
export const attachmentPath = (db: string, id: string, name: string) => `${docPath(db, id)}/${segment(name)}`;

/** One segment of a path. Raises ApiError for what no browser can put there. */
export function segment(text: string): string {
  if (text === "." || text === "..") throw new ApiError(0, "no_address", `a browser can't ask for the name “${text}”`);
  try {
    return encodeURIComponent(text);
  } catch {
    throw new ApiError(0, "no_address", "this name has half a character in it");
  }
}

export const isDesign = (id: string) => id.startsWith(DESIGN);
export const isLocal = (id: string) => id.startsWith(LOCAL);

/** Keys of a query of lists and views are JSON. */
export const key = (value: Json) => JSON.stringify(value);

const abortable = (signal: AbortSignal | undefined): Ask => (signal ? { signal } : {});

/** GET /: its version, and what it says that it can do. */
export const welcome = (signal?: AbortSignal) =>
  getJson<{ version: string; features?: string[]; vendor?: { name: string } }>(config().couch || "./", abortable(signal));

/** Names of databases, in order. Only server admins may ask, mostly. */
export const allDbs = (query: { startkey?: string; endkey?: string; limit?: number; skip?: number } = {}, signal?: AbortSignal) =>
  getJson<string[]>(`${config().couch}_all_dbs`, {
    ...abortable(signal),
    query: {
      startkey: query.startkey === undefined ? undefined : key(query.startkey),
      endkey: query.endkey === undefined ? undefined : key(query.endkey),
      limit: query.limit,
      skip: query.skip,
    },
  });

export const databaseInfo = (db: string, signal?: AbortSignal) => getJson<DatabaseInfo>(dbPath(db), abortable(signal));

/** Figures of up to 100 databases; of one that is gone there are none. */
export async function databaseInfos(names: readonly string[], signal?: AbortSignal): Promise<Map<string, DatabaseInfo>> {
  if (!names.length) return new Map();
  const rows = await getJson<{ key: string; info?: DatabaseInfo }[]>(`${config().couch}_dbs_info`, { ...abortable(signal), method: "POST", json: { keys: names } });
  return new Map(rows.flatMap((row) => (row.info ? [[row.key, row.info] as const] : [])));
}

/** 412 when there is one of this name. */
export const createDatabase = (db: string, query: { partitioned?: boolean; q?: number } = {}) =>
  ask(dbPath(db), { method: "PUT", query: { partitioned: query.partitioned || undefined, q: query.q } });

export const deleteDatabase = (db: string) => ask(dbPath(db), { method: "DELETE" });

export type ListQuery = Ask["query"];

/** `_all_docs`; keys in the query are JSON already (`key()`). */
export const allDocs = (db: string, query: ListQuery = {}, signal?: AbortSignal) =>
  getJson<Rows<DocRow>>(dbPath(db, "_all_docs"), { ...abortable(signal), query });

/** Rows for these ids, in their order; `error` in a row: not there. */
export const docsByIds = (db: string, keys: readonly string[], query: ListQuery = {}, signal?: AbortSignal) =>
  getJson<Rows<DocRow>>(dbPath(db, "_all_docs"), { ...abortable(signal), method: "POST", json: { keys }, query });

/** `ddoc` without its `_design/`. */
export const view = (db: string, ddoc: string, name: string, query: ListQuery = {}, signal?: AbortSignal) =>
  getJson<Rows<ViewRow>>(dbPath(db, `${DESIGN}${segment(ddoc)}/_view/${segment(name)}`), { ...abortable(signal), query });

export const changes = (db: string, query: ListQuery = {}, signal?: AbortSignal) =>
  getJson<Changes>(dbPath(db, "_changes"), { ...abortable(signal), query });

/** Changes of documents that a selector takes, from one sequence on. The server reads all of them for it. */
export const changesOf = (db: string, selector: JsonObject, query: ListQuery = {}, signal?: AbortSignal) =>
  getJson<Changes>(dbPath(db, "_changes"), { ...abortable(signal), method: "POST", json: { selector }, query: { ...query, filter: "_selector" }, timeoutMs: 120_000 });

/** Mango. 404, 405 or 501: this server has none. */
export const find = (db: string, query: { selector: JsonObject; limit: number; bookmark?: string; skip?: number }, signal?: AbortSignal) =>
  getJson<{ docs: Doc[]; bookmark?: string; warning?: string }>(dbPath(db, "_find"), { ...abortable(signal), method: "POST", json: query, timeoutMs: 120_000 });

export const readDoc = (db: string, id: string, query: ListQuery = {}, signal?: AbortSignal) =>
  getJson<Doc>(docPath(db, id), { ...abortable(signal), query });

/** The same as text, since a number may be larger than JavaScript's are. */
export const readDocText = async (db: string, id: string, query: ListQuery = {}, signal?: AbortSignal) =>
  (await ask(docPath(db, id), { ...abortable(signal), query })).text();

/** Writes it; `doc` as text goes as it is. 409: somebody else did. */
export const writeDoc = (db: string, id: string, doc: JsonObject | string, query: ListQuery = {}) =>
  getJson<Written>(docPath(db, id), {
    method: "PUT",
    query,
    ...(typeof doc === "string" ? { body: doc, headers: { "content-type": "application/json" } } : { json: doc }),
  });

export const deleteDoc = (db: string, id: string, rev: string) =>
  getJson<Written>(docPath(db, id), { method: "DELETE", query: { rev } });

/** A copy with its attachments, which CouchDB makes itself. */
export const copyDoc = (db: string, id: string, to: string) =>
  getJson<Written>(docPath(db, id), { method: "COPY", headers: { destination: idPath(to) } });

/** With `newEdits` false only the refused ones are in the answer. */
export const bulkDocs = (db: string, docs: readonly JsonObject[], newEdits = true, signal?: AbortSignal) =>
  getJson<Written[]>(dbPath(db, "_bulk_docs"), {
    ...abortable(signal),
    method: "POST",
    json: newEdits ? { docs } : { docs, new_edits: false },
    timeoutMs: 120_000,
  });

export const security = (db: string, signal?: AbortSignal) => getJson<Security>(dbPath(db, "_security"), abortable(signal));

export const writeSecurity = (db: string, value: Security) => ask(dbPath(db, "_security"), { method: "PUT", json: value });

/** The beginning of a sequence: its number, as far as it has one. */
export const seqNumber = (seq: string | number) => (typeof seq === "number" ? String(seq) : (seq.split("-", 1)[0] ?? seq));
