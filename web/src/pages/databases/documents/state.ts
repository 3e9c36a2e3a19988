// What somebody looked at in each database, so that the way back from a document leads to the same page.

import { type Signal, signal } from "@preact/signals";
import { firstPage, type Pages } from "./paging";
import type { Filter } from "./sources";

export const SIZES = [20, 50, 100] as const;
export type Look = "fields" | "json";

export interface Looking {
  filter: Filter;
  pages: Pages<string>;
  size: number;
  look: Look;
}

const KEPT_MAX = 50;
const kept = new Map<string, Signal<Looking>>();

export const ALL: Filter = { kind: "all", prefix: "", descending: false };

/** Of one database, as long as this page of the browser is open. */
export function looking(db: string): Signal<Looking> {
  const found = kept.get(db) ?? signal<Looking>({ filter: ALL, pages: firstPage(), size: 20, look: "fields" });
  kept.delete(db);
  kept.set(db, found);
  const [oldest] = kept.keys();
  if (kept.size > KEPT_MAX && oldest !== undefined) kept.delete(oldest);
  return found;
}
