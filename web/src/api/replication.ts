// CouchDB's API of replication: what the scheduler says, the documents that ask for jobs, and active tasks.
// Members that couchgrass alone has are optional; whoever shows them looks whether they are there.

import { config } from "../config";
import { ApiError, ask, getJson } from "./http";

/** What a job has done so far. Sequences are texts whose beginning is a number. */
export interface Counts {
  revisions_checked?: number;
  missing_revisions_found?: number;
  docs_read?: number;
  docs_written?: number;
  doc_write_failures?: number;
  changes_pending?: number | null;
  checkpointed_source_seq?: string | number | null;
  source_seq?: string | number | null;
  through_seq?: string | number | null;
}

/** Instead of the counts, when something is wrong. */
export interface Wrong {
  error: string;
}

/** A document that the target refused. */
export interface Letter {
  id: string;
  rev: string;
  error: string;
  reason: string;
  time: string;
}

interface Ours {
  lag_s?: number | null;
  next_try?: string | null;
  dead_letters?: number;
  dead_letters_list?: Letter[];
}

/** A row of `_scheduler/docs`. `id` is null for a job that is over. */
export interface DocRow extends Ours {
  doc_id: string;
  database: string;
  id: string | null;
  source: string | null;
  target: string | null;
  state: string;
  info: Counts | Wrong | string | null;
  error_count: number;
  last_updated: string | null;
  start_time: string | null;
}

export interface HistoryEvent {
  timestamp: string;
  type: string;
  reason?: string;
}

/** A row of `_scheduler/jobs`. `database` and `doc_id` are null for a job of `_replicate`. */
export interface JobRow extends Ours {
  id: string;
  pid: string | null;
  source: string;
  target: string;
  database: string | null;
  doc_id: string | null;
  user: string | null;
  info: Counts | null;
  history: HistoryEvent[];
  start_time: string | null;
}

/** A replication's document: what is known of it, and whatever else it has. */
export interface ReplicationDoc {
  _id: string;
  _rev?: string;
  source?: unknown;
  target?: unknown;
  [member: string]: unknown;
}

/** A row of `_active_tasks`; each type has members of its own. Times are seconds since the epoch. */
export interface Task {
  type: string;
  pid?: string;
  node?: string;
  started_on?: number;
  updated_on?: number;
  progress?: number;
  changes_done?: number;
  total_changes?: number;
  database?: string;
  [member: string]: unknown;
}

/** What the server is, as far as it matters for a document: whether local databases may be named, and
 * whether it reads `auth` in an end. */
export interface Server {
  isOurs: boolean;
  hasAuth: boolean;
  /** Where it is, for ends that have to be URLs. */
  base: string;
}

export interface DatabaseInfo {
  doc_count: number;
}

/** How many rows are asked for at once, and at most. */
export const PAGE_ROWS = 500;
export const ROWS_MAX = 20_000;

const couch = () => config().couch;

/** The path of a document of a replicator database. */
export function docPath(database: string, id: string): string {
  return `${couch()}${encodeURIComponent(database)}/${encodeURIComponent(id)}`;
}

function schedulerPath(database: string, id: string): string {
  return `${couch()}_scheduler/docs/${encodeURIComponent(database)}/${encodeURIComponent(id)}`;
}

/** Rows of all replicator databases, and how many there are in all. Raises ApiError. */
export async function schedulerDocs(signal: AbortSignal): Promise<{ rows: DocRow[]; total: number }> {
  return pages<DocRow, "docs">("_scheduler/docs", "docs", signal);
}

/** What runs and what waits, jobs of `_replicate` too. Raises ApiError. */
export async function schedulerJobs(signal: AbortSignal): Promise<{ rows: JobRow[]; total: number }> {
  return pages<JobRow, "jobs">("_scheduler/jobs", "jobs", signal);
}

async function pages<R, M extends "docs" | "jobs">(path: string, member: M, signal: AbortSignal): Promise<{ rows: R[]; total: number }> {
  type Page = { total_rows: number } & Record<M, R[]>;
  const rows: R[] = [];
  for (;;) {
    const page = await getJson<Page>(`${couch()}${path}`, { signal, query: { limit: PAGE_ROWS, skip: rows.length } });
    rows.push(...page[member]);
    if (page[member].length < PAGE_ROWS || rows.length >= ROWS_MAX) return { rows, total: Math.max(page.total_rows, rows.length) };
  }
}

/** What the scheduler knows of one document, null when nothing. Raises ApiError. */
export function schedulerDoc(database: string, id: string, signal?: AbortSignal): Promise<DocRow | null> {
  return orNull(getJson<DocRow>(schedulerPath(database, id), signal ? { signal } : {}));
}

/** What the scheduler knows of one job, null when nothing. Raises ApiError. */
export function schedulerJob(id: string, signal?: AbortSignal): Promise<JobRow | null> {
  return orNull(getJson<JobRow>(`${couch()}_scheduler/jobs/${encodeURIComponent(id)}`, signal ? { signal } : {}));
}

/** Has dead letters tried again, all or those of one document; how many. Only couchgrass can. Raises ApiError. */
export async function retryLetters(job: { database: string | null; docId: string | null; jobId: string | null }, only?: string): Promise<number> {
  const path = job.database && job.docId ? schedulerPath(job.database, job.docId) : `${couch()}_scheduler/jobs/${encodeURIComponent(job.jobId ?? "")}`;
  const json = only === undefined ? {} : { doc_ids: [only] };
  return (await getJson<{ dead_letters: number }>(`${path}/_retry`, { method: "POST", json })).dead_letters;
}

/** Ends a job of `_replicate`. Raises ApiError. */
export async function cancelJob(id: string): Promise<void> {
  await ask(`${couch()}_replicate`, { method: "POST", json: { cancel: true, replication_id: id } });
}

/** The newest revision, null when there is none. Raises ApiError. */
export function readDoc(database: string, id: string, signal?: AbortSignal): Promise<ReplicationDoc | null> {
  return orNull(getJson<ReplicationDoc>(docPath(database, id), signal ? { signal } : {}));
}

/** Writes it; its revision. `_rev` says which one it replaces. Raises ApiError. */
export async function writeDoc(database: string, doc: ReplicationDoc): Promise<string> {
  return (await getJson<{ rev: string }>(docPath(database, doc._id), { method: "PUT", json: doc })).rev;
}

/** Raises ApiError. */
export async function deleteDoc(database: string, id: string, rev: string): Promise<void> {
  await ask(docPath(database, id), { method: "DELETE", query: { rev } });
}

/** Documents of a database that the user may list. Raises ApiError. */
export async function listDocs(database: string, signal: AbortSignal): Promise<ReplicationDoc[]> {
  const answer = await getJson<{ rows: { id: string; doc: ReplicationDoc | null }[] }>(
    `${couch()}${encodeURIComponent(database)}/_all_docs`, { signal, query: { include_docs: true, limit: PAGE_ROWS } });
  return answer.rows.flatMap((row) => (row.doc && !row.id.startsWith("_design/") ? [row.doc] : []));
}

/** Names of all databases; [] for who may not list them. Raises ApiError. */
export async function databaseNames(): Promise<string[]> {
  try {
    return await getJson<string[]>(`${couch()}_all_dbs`);
  } catch (error) {
    if (error instanceof ApiError && (error.status === 401 || error.status === 403)) return [];
    throw error;
  }
}

/** Raises ApiError: 404 when it is not there, 403 for who may not read it. */
export function databaseInfo(name: string): Promise<DatabaseInfo> {
  return getJson<DatabaseInfo>(`${couch()}${encodeURIComponent(name)}`);
}

/** Raises ApiError. */
export async function createDatabase(name: string): Promise<void> {
  await ask(`${couch()}${encodeURIComponent(name)}`, { method: "PUT" });
}

/** What runs in the background. Raises ApiError. */
export function activeTasks(signal: AbortSignal): Promise<Task[]> {
  return getJson<Task[]>(`${couch()}_active_tasks`, { signal });
}

/** What the server is. Raises ApiError. */
export async function serverIs(): Promise<Server> {
  const told = await getJson<{ version?: string; vendor?: { name?: string } }>(couch());
  return serverOf(told, new URL(couch(), location.href).href);
}

/** Reads what a server says at `/`. CouchDB reads `auth` since 3.2, and no local names since 3.0. */
export function serverOf(told: { version?: string; vendor?: { name?: string } }, base: string): Server {
  const isOurs = told.vendor?.name === "couchgrass";
  const [major = 0, minor = 0] = (told.version ?? "").split(".").map(Number);
  return { isOurs, hasAuth: isOurs || major > 3 || (major === 3 && minor >= 2), base };
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}
