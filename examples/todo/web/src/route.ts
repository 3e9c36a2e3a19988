// What is shown stands in the address: #/active?at=dallas, #/?side=london,dallas

import { signal } from "@preact/signals";

export const FILTERS = ["all", "active", "completed"] as const;
export type Filter = (typeof FILTERS)[number];

/** `at`: the name of the place whose list it is; `side`: two, side by side. */
export interface Shows {
  filter: Filter;
  at: string;
  side: [string, string] | null;
}

export function parsed(hash: string): Shows {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const told = new URLSearchParams(query);
  const [one, other] = (told.get("side") ?? "").split(",");
  return {
    filter: FILTERS.find((name) => name === path) ?? "all",
    at: told.get("at") ?? "",
    side: one && other ? [one, other] : null,
  };
}

export function written({ filter, at, side }: Shows): string {
  const query = new URLSearchParams();
  if (side) query.set("side", side.join(","));
  else if (at) query.set("at", at);
  const text = query.toString().replaceAll("%2C", ",");
  return `#/${filter === "all" ? "" : filter}${text ? `?${text}` : ""}`;
}

export const shows = signal(parsed(location.hash));
addEventListener("hashchange", () => { shows.value = parsed(location.hash); });
