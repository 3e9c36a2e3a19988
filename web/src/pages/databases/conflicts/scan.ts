// Finds the documents of a database that have conflicts, without a design document: `_changes` says which have
// several leaves, and `conflicts=true` which of those are in conflict. Later ones are seen in the feed.

import { type ReadonlySignal, signal } from "@preact/signals";
import { changes, dbPath, docsByIds, type Change, type DocRow } from "../../../api/couch";
import { lines } from "../../../api/http";
import { pause, whileSeen } from "../../../ui/seen";
import { words } from "../../../ui/toast";

/** A document with conflicts: its winner, and the other leaves that live. */
export interface Found {
  id: string;
  rev: string;
  conflicts: string[];
}

/** `total` null: nobody knows. `failed`: what was wrong, "" when nothing was. */
export interface Progress {
  state: "scanning" | "following" | "stopped" | "full" | "failed";
  seen: number;
  total: number | null;
  failed: string;
}

export const PAGE_ROWS = 1000;
/** Documents of which the leaves are asked at once; they come with their bodies. */
const CHECKED = 25;
/** More conflicts are not held; the search goes on when some of them are resolved. */
export const FOUND_MAX = 10_000;
const RETRY_MS = 1000;
/** What changes within this time is looked at together. */
const GATHER_MS = 250;
const HEARTBEAT_MS = 20_000;

/** One search; `stop` ends it. */
export class Scan {
  private readonly foundNow = signal<ReadonlyMap<string, Found>>(new Map());
  private readonly progressNow = signal<Progress>({ state: "stopped", seen: 0, total: null, failed: "" });
  private since: string | number = 0;
  private over = new AbortController();

  constructor(private readonly db: string) {}

  get found(): ReadonlySignal<ReadonlyMap<string, Found>> {
    return this.foundNow;
  }

  get progress(): ReadonlySignal<Progress> {
    return this.progressNow;
  }

  /** Begins, or goes on where it stopped. */
  start(): void {
    this.over.abort();
    this.over = new AbortController();
    void this.run(this.over.signal);
  }

  stop(): void {
    this.over.abort();
    if (this.progressNow.value.state !== "full") this.tell({ state: "stopped" });
  }

  /** Looks at these documents again. Raises ApiError. */
  async check(ids: readonly string[], over?: AbortSignal): Promise<void> {
    for (let at = 0; at < ids.length; at += CHECKED) {
      const keys = ids.slice(at, at + CHECKED);
      const answer = await docsByIds(this.db, keys, { include_docs: true, conflicts: true }, over);
      const found = new Map(this.foundNow.value);
      for (const id of keys) found.delete(id);
      for (const one of conflictsOf(answer.rows)) if (found.size < FOUND_MAX) found.set(one.id, one);
      this.foundNow.value = found;
    }
  }

  private async run(over: AbortSignal): Promise<void> {
    this.tell({ state: "scanning", failed: "" });
    try {
      await this.scan(over);
      if (this.foundNow.value.size >= FOUND_MAX) return this.tell({ state: "full" });
    } catch (error) {
      if (!over.aborted) this.tell({ state: "failed", failed: words(error) });
      return;
    }
    over.addEventListener("abort", whileSeen((hidden) => void this.followed(AbortSignal.any([over, hidden]))));
  }

  private async followed(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      try {
        await this.follow(over);
      } catch (error) {
        if (over.aborted) return;
        this.tell({ state: "following", failed: words(error) });
      }
      await pause(RETRY_MS, over);
    }
  }

  private async scan(over: AbortSignal): Promise<void> {
    for (;;) {
      const page = await changes(this.db, { style: "all_docs", since: this.since, limit: PAGE_ROWS }, over);
      await this.check(branched(page.results), over);
      this.since = page.last_seq;
      const seen = this.progressNow.value.seen + page.results.length;
      this.tell({ seen, total: page.pending === undefined ? null : seen + page.pending });
      if (page.results.length < PAGE_ROWS || this.foundNow.value.size >= FOUND_MAX) return;
    }
  }

  private async follow(over: AbortSignal): Promise<void> {
    this.tell({ state: "following", failed: "" });
    const waiting = new Set<string>();
    let timer = 0;
    let looks = 0;
    let last = this.since;
    const look = async () => {
      timer = 0;
      const ids = [...waiting];
      const upto = last;
      waiting.clear();
      looks += 1;
      try {
        await this.check(ids, over);
        this.since = upto;
      } catch (error) {
        if (!over.aborted) this.tell({ failed: words(error) });
      } finally {
        looks -= 1;
      }
    };
    const query = { feed: "continuous", style: "all_docs", since: this.since, heartbeat: HEARTBEAT_MS };
    for await (const one of lines<Partial<Change> & { last_seq?: string }>(dbPath(this.db, "_changes"), { query, signal: over })) {
      if (one.id === undefined || one.seq === undefined) continue;
      last = one.seq;
      if ((one.changes?.length ?? 0) < 2 && !this.foundNow.value.has(one.id)) {
        // What was not looked at yet is heard again, should the feed end before.
        if (!looks && !waiting.size) this.since = last;
        continue;
      }
      waiting.add(one.id);
      if (!timer) timer = window.setTimeout(look, GATHER_MS);
    }
  }

  private tell(news: Partial<Progress>): void {
    this.progressNow.value = { ...this.progressNow.value, ...news };
  }
}

/** Documents that have several leaves, deleted ones among them. */
export const branched = (rows: readonly Change[]) => [...new Set(rows.filter((one) => one.changes.length > 1).map((one) => one.id))];

/** Those of the rows that are in conflict. */
export function conflictsOf(rows: readonly DocRow[]): Found[] {
  return rows.flatMap(({ id, doc }) => {
    const conflicts = doc?._conflicts;
    if (!doc?._rev || !Array.isArray(conflicts) || !conflicts.length) return [];
    return [{ id, rev: doc._rev, conflicts: conflicts.map(String) }];
  });
}
