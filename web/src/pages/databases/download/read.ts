// Reads the documents of a database, page by page, each as the text that the server sent.

import { ask } from "../../../api/http";
import { dbPath } from "../../../api/couch";
import { members, scan } from "../../../api/jsontext";
import { type Filter, rangeOf, readPage } from "../documents/sources";

const FIRST_ROWS = 50;
const ROWS_MAX = 2000;
const PAGE_CHARS = 4_000_000;
const PAGE_MS = 120_000;
const IDS_AT_ONCE = 100;

export interface Asked {
  db: string;
  filter: Filter;
  attachments: boolean;
  signal: AbortSignal;
}

/** Texts of documents, a page at a time. Raises ApiError. */
export async function* texts(asked: Asked): AsyncGenerator<string[], void> {
  if (asked.filter.kind === "all") yield* inOrder(asked, asked.filter.prefix);
  else yield* found(asked, asked.filter);
}

async function* inOrder(asked: Asked, prefix: string): AsyncGenerator<string[], void> {
  let from: string | null = null;
  let limit = FIRST_ROWS;
  for (;;) {
    const text = await page(asked, { method: "GET", query: { limit: limit + 1, ...rangeOf(prefix, false, from) } });
    const rows = rowsIn(text);
    yield rows.slice(0, limit).flatMap(docIn);
    const next = rows[limit];
    if (!next) return;
    from = JSON.parse(members(next).get("id") ?? '""') as string;
    // Pages as large as can be held well: documents with attachments are few of them.
    limit = Math.max(1, Math.min(ROWS_MAX, limit * 2, Math.floor((limit * PAGE_CHARS) / Math.max(text.length, 1))));
  }
}

async function* found(asked: Asked, filter: Filter): AsyncGenerator<string[], void> {
  let from: string | null = null;
  do {
    const ids = await readPage(asked.db, filter, from, IDS_AT_ONCE, asked.signal);
    const keys = ids.rows.map((row) => row.id);
    yield rowsIn(await page(asked, { method: "POST", json: { keys } })).flatMap(docIn);
    from = ids.next;
  } while (from !== null);
}

async function page(asked: Asked, how: { method: string; json?: unknown; query?: Record<string, string | number | boolean | undefined> }): Promise<string> {
  const query = { include_docs: true, attachments: asked.attachments || undefined, ...how.query };
  const answer = await ask(dbPath(asked.db, "_all_docs"), { ...how, query, signal: asked.signal, timeoutMs: PAGE_MS });
  return answer.text();
}

function rowsIn(text: string): string[] {
  const rows = scan(text).members.find((one) => one.name === "rows");
  return rows?.value.items.map((row) => text.slice(row.start, row.end)) ?? [];
}

/** None when it was deleted meanwhile. */
function docIn(row: string): string[] {
  const doc = members(row).get("doc");
  return doc && doc !== "null" ? [doc] : [];
}
