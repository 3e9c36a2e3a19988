// The rows of the live list of changes: the newest first, and never more than a bounded number of them.

import type { Change } from "../../../api/couch";

export const ROWS_MAX = 500;

export interface Row extends Change {
  /** Milliseconds since the epoch when this page heard of it; null: it was there before. */
  heard: number | null;
}

/** `waiting`: what came while it was paused; `missed` of them are dropped already. */
export interface Feed {
  rows: readonly Row[];
  waiting: readonly Row[];
  missed: number;
  paused: boolean;
}

export const EMPTY: Feed = { rows: [], waiting: [], missed: 0, paused: false };

/** Takes changes, the oldest first. */
export function came(feed: Feed, news: readonly Row[]): Feed {
  const newest = [...news].reverse();
  if (!feed.paused) return { ...feed, rows: [...newest, ...feed.rows].slice(0, ROWS_MAX) };
  const waiting = [...newest, ...feed.waiting];
  return { ...feed, waiting: waiting.slice(0, ROWS_MAX), missed: feed.missed + Math.max(0, waiting.length - ROWS_MAX) };
}

export const pause = (feed: Feed): Feed => ({ ...feed, paused: true });

export const resume = (feed: Feed): Feed => ({ rows: [...feed.waiting, ...feed.rows].slice(0, ROWS_MAX), waiting: [], missed: 0, paused: false });

/** How many came while it was paused. */
export const held = (feed: Feed) => feed.waiting.length + feed.missed;
