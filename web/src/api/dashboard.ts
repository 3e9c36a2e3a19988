// What a region's dashboard server answers beside the APIs that it passes on. The same names are in
// `src/couchgrass/dashboard/seen.py`.

import { ask, getJson } from "./http";

/** "ready": takes requests. "live": could, but has not caught up with the others. "down": can't. */
export type RegionState = "ready" | "live" | "down";

/** Per second, of the last seconds; null: not known. `errors_s`: answers of 5xx. `cold_s`: activations that
 * had to wait for a new process. */
export interface Rates {
  requests_s: number | null;
  errors_s: number | null;
  activations_s: number | null;
  cold_s: number | null;
}

/** `since`: seconds since the epoch, when the dashboard first saw this state. `coordinates`: degrees north
 * and east. `here`: on the dashboard's machine. */
export interface RegionNow {
  name: string;
  location: string;
  coordinates: [number, number] | null;
  here: boolean;
  state: RegionState;
  since: number;
  reasons: string[];
  lag_s: number | null;
  database_url: string;
  functions_url: string;
  gateway_url: string;
  dashboard_url: string;
  rates: Rates;
}

/** One database's way from `source` to `target`. `rate_s`: documents written a second. */
export interface LinkNow {
  database: string;
  source: string;
  target: string;
  state: string;
  job: string;
  lag_s: number | null;
  pending: number | null;
  rate_s: number | null;
  dead_letters: number;
  error: string;
  peer_reachable: boolean;
}

/** `state`: "serving", "standby", "out", "draining", "drained", "starting". `requests`: under way now. */
export interface Admitted {
  state: string;
  reason: string;
  since: number;
  requests: number;
  requests_s: number | null;
  weight: number | null;
}

export interface BalancerNow {
  url: string;
  answers: boolean;
  here: boolean;
  policy: string;
  regions: Record<string, Admitted>;
}

/** All that can be seen now. `wrong`: in words, what is. `at`: seconds since the epoch. `links_left_out`: how many
 * links are not in `links`, for there are too many; those that are not well are always the first to be in it. */
export interface Overview {
  at: number;
  region: string;
  wrong: string[];
  regions: RegionNow[];
  links: LinkNow[];
  balancer: BalancerNow | null;
  links_left_out: number;
}

/** A value for each step, the last one at `end`; null: not known then. */
type Past = (number | null)[];

/** The last hour. `up`: 1 ready, 0.5 live, 0 down. Links are pairs of regions, "london>dallas", with the
 * largest lag and the sums of all their databases. `events`: what changed, the newest last. */
export interface History {
  step_s: number;
  end: number;
  regions: Record<string, { up: Past; requests_s: Past; errors_s: Past; activations_s: Past; cold_s: Past; lag_s: Past }>;
  links: Record<string, { lag_s: Past; pending: Past; rate_s: Past }>;
  balancer: Record<string, { requests_s: Past; up: Past }>;
  events: { at: number; region: string; text: string; tone: "good" | "bad" | "warn" | "plain" }[];
}

export const OVERVIEW = "_dashboard/overview";
/** A feed of `Overview`, two a second. */
export const OVERVIEW_FEED = "_dashboard/overview/feed";

export const overview = (signal?: AbortSignal) => getJson<Overview>(OVERVIEW, signal ? { signal } : {});
export const history = (signal?: AbortSignal) => getJson<History>("_dashboard/history", signal ? { signal } : {});

/** Takes a region out of the balancer, or lets it in again. Raises ApiError. */
export const drain = (region: string, drained: boolean) =>
  ask("_dashboard/balancer/drained", { method: "POST", json: { region, drained } });

/** The namespaces of the region's functions. */
export const namespaces = () => getJson<{ namespaces: string[] }>("_dashboard/namespaces");

/** What is asked of a drill; as of `couchgrass drill`. `how` "": the usual one; `region` "": the one that serves. */
export interface DrillAsked {
  fault: string;
  how: string;
  region: string;
  load: number;
  seconds: number;
}

/** One drill. `ended` null: it runs. `kept`: whether all promises were, null while it is not known, and of a drill
 * that ended before its end. */
export interface DrillRun extends DrillAsked {
  id: string;
  began: number;
  ended: number | null;
  kept: boolean | null;
  broken_promises: string[];
}

/** `log`: what the drill said so far. `reports`: its reports, as `couchgrass drill --json` writes them. */
export interface DrillSeen extends DrillRun {
  log: string[];
  reports: DrillReport[];
}

/** The parts of a report that are shown; see `src/couchgrass/drill/report.py` for all. */
export type DrillReport = Record<string, unknown>;

/** `available` false: `why` says why not. */
export interface Drills {
  available: boolean;
  why: string;
  drills: DrillRun[];
}

export const drills = (signal?: AbortSignal) => getJson<Drills>("_dashboard/drills", signal ? { signal } : {});
export const drill = (id: string, signal?: AbortSignal) => getJson<DrillSeen>(`_dashboard/drills/${id}`, signal ? { signal } : {});
export const startDrill = (asked: DrillAsked) => getJson<{ id: string }>("_dashboard/drills", { method: "POST", json: asked });
/** Ends one that runs, and what it broke is healed; removes the report of one that has ended. */
export const endDrill = (id: string) => ask(`_dashboard/drills/${id}`, { method: "DELETE" });
/** The report's own page, with charts. */
export const drillPage = (id: string) => `_dashboard/drills/${id}/report.html`;
