// What the list of databases asks for, a page at a time.

import { ApiError, getJson } from "../../../api/http";
import { allDbs, databaseInfo, databaseInfos, type DatabaseInfo } from "../../../api/couch";
import { config } from "../../../config";
import { cut } from "../documents/paging";
import { type Job, type Links, linksOf } from "./links";

export const PAGE_ROWS = 50;
/** So many names are searched; the rest has to be opened by its beginning. */
const SEARCHED_MAX = 100_000;
const NAMES_AT_ONCE = 10_000;
const ASKED_AT_ONCE = 6;
const JOBS_MAX = 2000;

export interface ListRow {
  name: string;
  /** undefined: it may not be seen, or is gone; `why` says it. */
  info: DatabaseInfo | undefined;
  why: string;
  links: Links | undefined;
}

export interface ListPage {
  rows: ListRow[];
  next: string | null;
  total: number | null;
}

/** The page that begins with this name, of all. Raises ApiError: 401 or 403 for who may not list. */
export async function pageFrom(start: string | null, signal: AbortSignal): Promise<ListPage> {
  const names = await allDbs({ ...(start === null ? {} : { startkey: start }), limit: PAGE_ROWS + 1 }, signal);
  // A server that knows no limit answers with all.
  const { rows, next } = cut(start === null ? names : names.filter((name) => name >= start), PAGE_ROWS);
  return { rows: await rowsOf(rows, signal), next, total: null };
}

/** Page number `at` of the names that were found. Raises ApiError. */
export async function pageOf(names: readonly string[], at: number, signal: AbortSignal): Promise<ListPage> {
  const rows = await rowsOf(names.slice(at * PAGE_ROWS, (at + 1) * PAGE_ROWS), signal);
  return { rows, next: names[(at + 1) * PAGE_ROWS] ?? null, total: names.length };
}

/** All names, for a search. Raises ApiError. */
export async function everyName(signal: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  for (;;) {
    const last = names.at(-1);
    const more = await allDbs({ ...(last === undefined ? {} : { startkey: last }), limit: NAMES_AT_ONCE + 1 }, signal);
    const fresh = more.filter((name) => last === undefined || name > last);
    names.push(...fresh);
    if (more.length !== NAMES_AT_ONCE + 1 || names.length >= SEARCHED_MAX) return names.slice(0, SEARCHED_MAX);
  }
}

async function rowsOf(names: readonly string[], signal: AbortSignal): Promise<ListRow[]> {
  const [infos, links] = await Promise.all([infosOf(names, signal), linked(signal)]);
  return names.map((name) => ({ name, ...(infos.get(name) ?? { info: undefined, why: "gone" }), links: links.get(name) }));
}

type Seen = Pick<ListRow, "info" | "why">;

async function infosOf(names: readonly string[], signal: AbortSignal): Promise<Map<string, Seen>> {
  try {
    const infos = await databaseInfos(names, signal);
    return new Map([...infos].map(([name, info]) => [name, { info, why: "" }]));
  } catch (error) {
    // A server without `_dbs_info`, or a user who may not ask it.
    if (!(error instanceof ApiError) || error.status === 0 || error.status >= 500) throw error;
    return oneByOne(names, signal);
  }
}

/** Figures of each, asked by itself: what an ordinary user may do. */
export async function oneByOne(names: readonly string[], signal: AbortSignal): Promise<Map<string, Seen>> {
  const found = new Map<string, Seen>();
  const left = [...names];
  const ask = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) found.set(name, await infoOf(name, signal));
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, ask));
  return found;
}

async function infoOf(name: string, signal: AbortSignal): Promise<Seen> {
  try {
    return { info: await databaseInfo(name, signal), why: "" };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 0) throw error;
    return { info: undefined, why: error.status === 404 ? "there is none of this name" : error.message };
  }
}

/** A server without a scheduler, or a user who may not ask it, shows no links. */
async function linked(signal: AbortSignal): Promise<Map<string, Links>> {
  try {
    const { jobs } = await getJson<{ jobs?: Job[] }>(`${config().couch}_scheduler/jobs`, { signal, query: { limit: JOBS_MAX } });
    return linksOf(jobs ?? [], new URL(config().couch, location.href).host);
  } catch (error) {
    if (error instanceof ApiError) return new Map();
    throw error;
  }
}
