// What the scheduler's rows mean, whichever server they are from: one `Job` for each document or job.

import { type Counts, type DocRow, type HistoryEvent, type JobRow, type Letter, type ReplicationDoc } from "../../api/replication";
import { type Tone } from "../../ui/parts";
import { isPausedReason } from "./pause";
import { bare, isObject } from "../../api/secrets";

export type State = "initializing" | "error" | "running" | "pending" | "crashing" | "completed" | "failed" | "paused" | "unknown";

export interface StateWords {
  tone: Tone;
  word: string;
  says: string;
}

/** Each state, in the order of what wants looking after first, with what it means. */
export const STATES: Record<State, StateWords> = {
  crashing: { tone: "bad", word: "Crashing", says: "It fails, and is tried again by itself; the error says why." },
  error: { tone: "bad", word: "Error", says: "It could not be set up, and is tried again by itself." },
  failed: { tone: "bad", word: "Failed", says: "It was given up, and is not tried again until its document changes." },
  running: { tone: "good", word: "Running", says: "It copies, or waits for the next change." },
  pending: { tone: "warn", word: "Pending", says: "It waits for its turn." },
  initializing: { tone: "warn", word: "Initializing", says: "It is being set up." },
  paused: { tone: "soft", word: "Paused", says: "Somebody paused it. It keeps its place, and goes on when it is started." },
  completed: { tone: "plain", word: "Completed", says: "It ran once, and is done." },
  unknown: { tone: "soft", word: "Unknown", says: "The server does not tell the state." },
};

/** What the job's state means for it. One that has just begun has counted nothing yet. */
export function saysOf(job: Job): string {
  return job.state === "running" && !job.counts ? "It has begun, and looks at both databases." : STATES[job.state].says;
}

export type Direction = "pull" | "push" | "local" | "remote";

export const DIRECTIONS: Record<Direction, string> = {
  pull: "From another server to this one",
  push: "From this server to another one",
  local: "Both databases are on this server",
  remote: "Both databases are on other servers",
};

export interface End {
  /** "" for a database of this server. */
  host: string;
  database: string;
  /** All of it, without credentials. */
  full: string;
}

/** A replication as it is shown. What is null is not known; times are milliseconds since the epoch. */
export interface Job {
  key: string;
  /** null: no document asks for it (`_replicate`). */
  database: string | null;
  docId: string | null;
  jobId: string | null;
  source: End;
  target: End;
  direction: Direction;
  continuous: boolean | null;
  state: State;
  error: string;
  errorCount: number;
  lagS: number | null;
  deadLetters: number | null;
  letters: Letter[];
  counts: Counts | null;
  history: HistoryEvent[];
  nextTry: number | null;
  owner: string | null;
  updated: number | null;
  started: number | null;
  /** The server tells what couchgrass alone has: lag, dead letters and the next try. */
  isOurs: boolean;
  /** Kept by the topology's agent. */
  isKept: boolean;
}

const TOPOLOGY = "couchgrass-topology-";

/** Whether the region's agent keeps this document. */
export function isKept(id: string | null): boolean {
  return id?.startsWith(TOPOLOGY) ?? false;
}

/** The job of a document, of what runs for it, or of both. */
export function jobOf(doc: DocRow | null, job: JobRow | null): Job {
  const [info, error] = told(doc?.info ?? null);
  const ours = doc?.dead_letters !== undefined ? doc : job;
  const ends = { source: endOf(doc?.source ?? job?.source ?? ""), target: endOf(doc?.target ?? job?.target ?? "") };
  const database = doc?.database ?? job?.database ?? null;
  const docId = doc?.doc_id ?? job?.doc_id ?? null;
  const jobId = doc?.id ?? job?.id ?? null;
  const state = doc ? stateOf(doc.state, error) : stateOfJob(job);
  return {
    key: `${database ?? ""}/${docId ?? jobId ?? ""}`,
    database,
    docId,
    jobId,
    ...ends,
    direction: directionOf(ends.source, ends.target),
    continuous: jobId === null ? null : jobId.includes("+continuous"),
    state,
    error: error || (state === "crashing" ? job?.history.find((one) => one.type === "crashed")?.reason ?? "" : ""),
    errorCount: doc?.error_count ?? 0,
    lagS: ours?.lag_s ?? null,
    deadLetters: ours?.dead_letters ?? null,
    letters: doc?.dead_letters_list ?? job?.dead_letters_list ?? [],
    counts: info ?? job?.info ?? null,
    history: job?.history ?? [],
    nextTry: time(ours?.next_try),
    owner: job?.user ?? null,
    updated: time(doc?.last_updated),
    started: time(doc?.start_time ?? job?.start_time),
    isOurs: ours?.dead_letters !== undefined,
    isKept: isKept(docId),
  };
}

/** The job of a document of which the scheduler says nothing. */
export function jobOfDocument(database: string, doc: ReplicationDoc): Job {
  const state = typeof doc._replication_state === "string" ? doc._replication_state : "";
  const reason = typeof doc._replication_state_reason === "string" ? doc._replication_state_reason : "";
  const row: DocRow = {
    doc_id: doc._id, database, id: null, source: urlOf(doc.source), target: urlOf(doc.target), state: state || "unknown",
    info: reason ? { error: reason } : null, error_count: 0, last_updated: null, start_time: null,
  };
  const owner = typeof doc.owner === "string" ? doc.owner : null;
  return { ...jobOf(row, null), continuous: doc.continuous === true, owner };
}

/** All jobs: those of documents, and those that no document asks for. */
export function jobsOf(docs: readonly DocRow[], jobs: readonly JobRow[]): Job[] {
  const byId = new Map(jobs.map((job) => [`${job.database ?? ""}/${job.doc_id ?? job.id}`, job]));
  const asked = docs.map((doc) => jobOf(doc, byId.get(`${doc.database}/${doc.doc_id}`) ?? null));
  return [...asked, ...jobs.filter((job) => !job.doc_id).map((job) => jobOf(null, job))];
}

function stateOf(state: string, error: string): State {
  if (state === "failed" && isPausedReason(error)) return "paused";
  // What servers without a scheduler write while a job runs.
  if (state === "triggered") return "running";
  return state in STATES ? (state as State) : "unknown";
}

// A row of `_scheduler/jobs` names no state; the newest of its history does.
function stateOfJob(job: JobRow | null): State {
  if (job?.pid) return "running";
  return job?.history[0]?.type === "crashed" ? "crashing" : "pending";
}

function told(info: DocRow["info"]): [Counts | null, string] {
  if (typeof info === "string") return [null, info];
  if (info && "error" in info) return [null, typeof info.error === "string" ? info.error : JSON.stringify(info.error)];
  return [info, ""];
}

/** The database of an end as the server shows it: a name, or a URL. */
export function endOf(shown: string): End {
  const full = bare(shown);
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(full)) return { host: "", database: full, full };
  try {
    const url = new URL(full);
    const parts = url.pathname.split("/").filter(Boolean);
    return { host: url.host, database: decodeURIComponent(parts.at(-1) ?? ""), full: full.replace(/\/$/, "") };
  } catch {
    return { host: full, database: "", full };
  }
}

export function directionOf(source: End, target: End): Direction {
  if (!source.host) return target.host ? "push" : "local";
  return target.host ? "remote" : "pull";
}

function urlOf(end: unknown): string {
  if (typeof end === "string") return end;
  return isObject(end) && typeof end.url === "string" ? end.url : "";
}

function time(text: string | null | undefined): number | null {
  const at = Date.parse(text ?? "");
  return Number.isNaN(at) ? null : at;
}

/** Whether all the words are somewhere in what names the job. */
export function matches(job: Job, words: string): boolean {
  const text = `${job.docId} ${job.database} ${job.source.full} ${job.target.full} ${job.owner} ${job.error} ${job.direction}`.toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** How many jobs are in each state that has any. */
export function countsOf(jobs: readonly Job[]): [State, number][] {
  const found = new Map<State, number>();
  for (const job of jobs) found.set(job.state, (found.get(job.state) ?? 0) + 1);
  return (Object.keys(STATES) as State[]).flatMap((state) => (found.has(state) ? [[state, found.get(state) ?? 0]] : []));
}

/** The number that a sequence begins with. */
export function seqNumber(seq: string | number | null | undefined): number | null {
  const found = /^"?(\d+)/.exec(String(seq ?? ""));
  return found ? Number(found[1]) : null;
}
