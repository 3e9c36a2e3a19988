// Links are one for each database; what a person wants to know first is how a pair of regions is.

import type { LinkNow, RegionNow } from "../api/dashboard";
import type { Tone } from "../ui/parts";

/** States of a link that does its work, or is about to. */
const GOOD = new Set(["running", "pending", "initializing", "completed"]);

/** Seconds of lag from which on a link is called slow. */
export const LAG_WARN_S = 5;

/** All databases' ways from `source` to `target`: the largest lag, the sums of the rest; null when a link does
 * not know. `cut`: nothing can come through. `state`: a word for people. */
export interface Pair {
  id: string;
  source: string;
  target: string;
  lag_s: number | null;
  pending: number | null;
  rate_s: number | null;
  dead_letters: number;
  cut: boolean;
  state: string;
  tone: Tone;
  errors: string[];
  links: LinkNow[];
}

export const pairId = (source: string, target: string): string => `${source}>${target}`;

/** Grouped, in the order of the regions. `known`: pairs that there were before, "london>dallas": a region that is
 * down tells of no links, and they are not gone but cut. */
export function pairsOf(links: readonly LinkNow[], regions: readonly RegionNow[], known: readonly string[] = []): Pair[] {
  const down = new Set(regions.filter((one) => one.state === "down").map((one) => one.name));
  const order = new Map(regions.map((one, at) => [one.name, at]));
  const groups = new Map<string, LinkNow[]>();
  for (const link of links) {
    const id = pairId(link.source, link.target);
    groups.set(id, [...(groups.get(id) ?? []), link]);
  }
  const silent = known.filter((id) => !groups.has(id)).flatMap((id) => cutOff(id, down));
  const rank = (name: string) => order.get(name) ?? order.size;
  return [...[...groups.values()].map((group) => pairOf(group, down)), ...silent]
    .sort((one, other) => rank(one.source) - rank(other.source) || rank(one.target) - rank(other.target));
}

/** A pair of which nobody tells since one of its regions is down. */
function cutOff(id: string, down: ReadonlySet<string>): Pair[] {
  const [source = "", target = ""] = id.split(">");
  const gone = [source, target].filter((name) => down.has(name));
  if (!gone.length) return [];
  return [{ id, source, target, lag_s: null, pending: null, rate_s: null, dead_letters: 0, cut: true, ...stateOf([], gone, null, 0), errors: [], links: [] }];
}

function pairOf(links: LinkNow[], down: ReadonlySet<string>): Pair {
  const { source, target } = links[0]!;
  const gone = [source, target].filter((name) => down.has(name));
  const cut = gone.length > 0 || links.some((one) => !one.peer_reachable);
  const lags = links.map((one) => one.lag_s);
  const lag_s = known(lags) ? Math.max(...lags) : null;
  const dead_letters = links.reduce((sum, one) => sum + one.dead_letters, 0);
  return {
    id: pairId(source, target),
    source,
    target,
    lag_s,
    pending: total(links.map((one) => one.pending)),
    rate_s: total(links.map((one) => one.rate_s)),
    dead_letters,
    cut,
    ...stateOf(links, gone, lag_s, dead_letters),
    errors: [...new Set(links.map((one) => one.error).filter(Boolean))],
    links,
  };
}

function stateOf(links: readonly LinkNow[], gone: readonly string[], lag_s: number | null, dead: number): { state: string; tone: Tone } {
  if (gone.length) return { state: `cut: ${gone.join(" and ")} down`, tone: "bad" };
  if (links.some((one) => !one.peer_reachable)) return { state: `cut: ${links[0]?.source} not reached`, tone: "bad" };
  const bad = links.find((one) => linkTone(one) === "bad");
  if (bad) return { state: bad.error ? "failing" : bad.state, tone: "bad" };
  if (dead) return { state: "dead letters", tone: "warn" };
  if (lag_s === null) return { state: "lag not known", tone: "soft" };
  return lag_s >= LAG_WARN_S ? { state: "behind", tone: "warn" } : { state: "in step", tone: "good" };
}

/** Of one database's link. */
export function linkTone(link: LinkNow): Tone {
  if (!link.peer_reachable || link.error || !GOOD.has(link.state)) return "bad";
  return link.dead_letters || (link.lag_s ?? 0) >= LAG_WARN_S ? "warn" : "good";
}

function known(values: readonly (number | null)[]): values is readonly number[] {
  return values.every((one) => one !== null);
}

function total(values: readonly (number | null)[]): number | null {
  return known(values) ? values.reduce((sum, one) => sum + one, 0) : null;
}
