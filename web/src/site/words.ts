// What states of regions, links and the balancer are called, and which colour they have.

import type { Admitted, Overview, RegionNow, RegionState } from "../api/dashboard";
import type { Tone } from "../ui/parts";
import { clock, seconds } from "../ui/words";

export const REGION_WORDS: Record<RegionState, { word: string; tone: Tone }> = {
  ready: { word: "ready", tone: "good" },
  live: { word: "catching up", tone: "warn" },
  down: { word: "down", tone: "bad" },
};

const ADMITTED: Record<string, { tone: Tone; means: string }> = {
  serving: { tone: "good", means: "gets requests" },
  standby: { tone: "soft", means: "gets requests when those before it are gone" },
  out: { tone: "bad", means: "gets no requests until it is ready again" },
  draining: { tone: "warn", means: "gets no new requests; those under way end in peace" },
  drained: { tone: "warn", means: "gets no requests until it is let in again" },
  starting: { tone: "soft", means: "has not been ready yet" },
};

/** What the balancer makes of a region. */
export function admittedWords(state: string): { tone: Tone; means: string } {
  return ADMITTED[state] ?? { tone: "plain", means: "" };
}

const POLICIES: Record<string, string> = {
  failover: "Failover: all requests go to the first region of the file that can serve; the others take over when it can't.",
  geo: "Nearest: all requests go to the region nearest to the balancer that can serve.",
  weighted: "Weighted: requests are shared among all regions that can serve, by their weights.",
  "least-request": "Least requests: each request goes to the region with the fewest under way.",
};

/** A policy in a sentence. */
export function policyWords(policy: string): string {
  return POLICIES[policy] ?? policy;
}

/** "12:03:04" of seconds since the epoch. */
export function at(seconds: number, now?: number): string {
  return clock(seconds * 1000, now);
}

/** What is said of a region that does not work: "dallas is down since 12:03:04: its agent does not answer". */
export function downWords(region: RegionNow, now?: number): string {
  const why = region.reasons.join("; ");
  return `${region.name} is down since ${at(region.since, now)}${why ? `: ${why}` : ""}`;
}

/** A lag: what is less than a look can tell is no "0.0 s". */
export function lagWords(lag_s: number | null): string {
  return lag_s !== null && lag_s < 0.095 ? "< 0.1 s" : seconds(lag_s);
}

/** Who the balancer sends requests to, in a sentence. */
export function servingWords(regions: Record<string, Admitted>): string {
  const who = Object.entries(regions).filter(([, one]) => one.state === "serving").map(([name]) => name);
  if (!who.length) return "No region serves";
  return `${listed(who)} ${who.length > 1 ? "serve" : "serves"}`;
}

/** "a", "a and b", "a, b and c" */
export function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** The window's title: who is down comes first, so that it is seen in a tab. */
export function titleOf(page: string, region: string, now: Overview | undefined, silent: boolean): string {
  const base = `${page} – couchgrass${region ? ` ${region}` : ""}`;
  if (silent) return `⚠ ${region || "The dashboard"} does not answer – ${base}`;
  const down = now?.regions.filter((one) => one.state === "down").map((one) => one.name) ?? [];
  return down.length ? `⚠ ${listed(down)} ${down.length > 1 ? "are" : "is"} down – ${base}` : base;
}

/** All in a sentence. */
export function summary(now: Overview): string {
  const not = (state: RegionState, word: string) => {
    const names = now.regions.filter((one) => one.state === state).map((one) => one.name);
    return names.length ? [`${listed(names)} ${names.length > 1 ? "are" : "is"} ${word}`] : [];
  };
  const many = now.regions.length;
  const all = many > 2 ? `All ${many} regions are ready` : many === 2 ? "Both regions are ready" : `${now.regions[0]?.name ?? "No region"} is ready`;
  const well = [...not("down", "down"), ...not("live", "catching up")].join(", ") || all;
  return now.balancer?.answers ? `${well}; ${servingWords(now.balancer.regions)}` : well;
}
