// Who gets how much, and what a drain would do, in words.

import type { Admitted, BalancerNow } from "../../api/dashboard";
import { listed } from "../../site/words";
import { count } from "../../ui/words";

/** Each region's part of all requests, 0 to 1; null when there are none, or nobody counted. */
export function shares(regions: Record<string, Admitted>): Record<string, number | null> {
  const total = Object.values(regions).reduce((sum, one) => sum + (one.requests_s ?? 0), 0);
  return Object.fromEntries(Object.entries(regions).map(([name, one]) => [name, total > 0 && one.requests_s !== null ? one.requests_s / total : null]));
}

/** By hand, so that it can be let in again. */
export const isDrained = (one: Admitted): boolean => one.state === "draining" || one.state === "drained";

/** "3 requests are under way" */
export function underWay(requests: number): string {
  if (!requests) return "no request is under way";
  return requests === 1 ? "1 request is under way" : `${count(requests)} requests are under way`;
}

/** What happens when `region` is drained. `alone`: nobody would serve. */
export function drainWords(balancer: BalancerNow, region: string): { text: string; alone: boolean } {
  const others = Object.entries(balancer.regions).filter(([name]) => name !== region);
  const named = (state: string) => others.filter(([, one]) => one.state === state).map(([name]) => name);
  const serving = named("serving");
  const next = named("standby");
  const requests = balancer.regions[region]?.requests ?? 0;
  const way = `${region} gets no new requests from now on. Right now ${underWay(requests)} there${requests ? "; they end in peace." : "."}`;
  if (serving.length) return { text: `${way} ${listed(serving)} ${serving.length > 1 ? "go" : "goes"} on serving.`, alone: false };
  if (next.length) return { text: `${way} ${next[0]} takes over.`, alone: false };
  return { text: `${way} No other region can serve: clients get errors until one can.`, alone: true };
}

/** What to run on the balancer's machine. */
export const command = (region: string, drained: boolean): string => `couchgrass ${drained ? "drain" : "undrain"} ${region}`;
