// The documents of a database, a page at a time: no more than a page is ever asked for.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import type { DatabaseInfo } from "../../../api/couch";
import { Icon } from "../../../ui/icon";
import { useLast, useLive } from "../../../ui/live";
import { Button, Empty, Failed, Loading } from "../../../ui/parts";
import { Pager } from "../../../ui/table";
import { count } from "../../../ui/words";
import { DownloadDialog } from "../download/dialog";
import { newDocumentHref } from "../place";
import { UploadDialog } from "../upload/dialog";
import { DeleteDialog } from "./delete";
import { FilterBar } from "./filter";
import { backwards, before, firstPage, onwards, start } from "./paging";
import { type Filter, readPage } from "./sources";
import { type Look, looking, type Looking, SIZES } from "./state";
import { DocumentsTable } from "./table";

export function DocumentsView({ db, info, changed }: { db: string; info: DatabaseInfo; changed: () => void }): JSX.Element {
  const state = looking(db);
  const { filter, pages, size, look } = state.value;
  const picked = useSignal<ReadonlySet<string>>(new Set());
  const dialog = useSignal<"" | "upload" | "download" | "delete">("");
  const change = (to: Partial<Looking>) => {
    picked.value = new Set();
    state.value = { ...state.value, ...to };
  };
  const live = useLive((signal) => readPage(db, filter, start(pages), size, signal), 0, [db, filter, pages, size]);
  const page = useLast(live.value.value);
  const loading = !live.value.value && !live.failed.value;
  const first = before(pages) * size;
  const again = () => { picked.value = new Set(); changed(); void live.again(); };
  const close = () => { dialog.value = ""; };
  return (
    <div class="stack databases-documents">
      <div class="row">
        <a class="button main" href={newDocumentHref(db)}><Icon name="plus" /> New document</a>
        <Button icon="up" onClick={() => { dialog.value = "upload"; }}>Upload</Button>
        <Button icon="down" onClick={() => { dialog.value = "download"; }}>Download</Button>
        <span class="grow" />
        {picked.value.size > 0 && <Button icon="trash" tone="bad" onClick={() => { dialog.value = "delete"; }}>Delete {count(picked.value.size)} selected</Button>}
        <ViewChoice look={look} size={size} change={change} />
        <button class="plain" onClick={again}><Icon name="refresh" label="Read again" /></button>
      </div>
      <FilterBar key={filter.kind} db={db} filter={filter} change={(next: Filter) => change({ filter: next, pages: firstPage() })} />
      {loading && page && filter.kind !== "all" && <p class="hint" role="status">Reading all documents …</p>}
      {live.failed.value && <Failed text={live.failed.value} again={() => void live.again()} />}
      {page?.note && !loading && <p class="note">{page.note}</p>}
      {!page && loading && <Loading />}
      {page && !live.failed.value && (
        <div aria-busy={loading} class={loading ? "databases-busy" : ""}>
          {page.rows.length ? <DocumentsTable rows={page.rows} look={look} db={db} picked={picked.value} {...(filter.kind === "deleted" ? {} : { pick: (ids: ReadonlySet<string>) => { picked.value = ids; } })} /> : <Nothing filter={filter} />}
          {page.rows.length > 0 && (
            <Pager from={first + 1} to={first + page.rows.length} total={filter.kind === "all" && !filter.prefix ? (page.total ?? info.doc_count) : null}
              back={first && !loading ? () => change({ pages: backwards(pages) }) : undefined}
              on={page.next === null || loading ? undefined : () => change({ pages: onwards(pages, page.next ?? "") })} />
          )}
        </div>
      )}
      {dialog.value === "upload" && <UploadDialog db={db} empty={info.doc_count === 0} onClose={close} done={again} />}
      {dialog.value === "download" && <DownloadDialog db={db} filter={filter} total={info.doc_count} onClose={close} />}
      {dialog.value === "delete" && page && <DeleteDialog db={db} docs={page.rows.filter((row) => picked.value.has(row.id))} onClose={close} done={again} />}
    </div>
  );
}

function ViewChoice({ look, size, change }: { look: Look; size: number; change: (to: Partial<Looking>) => void }): JSX.Element {
  return (
    <>
      <select aria-label="Columns" value={look} onChange={(event) => change({ look: event.currentTarget.value as Look })}>
        <option value="fields">Fields</option>
        <option value="json">JSON</option>
      </select>
      <select aria-label="Rows of a page" value={size} onChange={(event) => change({ size: Number(event.currentTarget.value), pages: firstPage() })}>
        {SIZES.map((one) => <option key={one} value={one}>{one} rows</option>)}
      </select>
    </>
  );
}

function Nothing({ filter }: { filter: Filter }): JSX.Element {
  if (filter.kind === "deleted") return <Empty title="Nothing was deleted here" />;
  if (filter.kind === "find") return <Empty title="No document is like that" />;
  if (filter.prefix) return <Empty title={`No id begins with “${filter.prefix}”`} />;
  return <Empty title="No documents yet"><p>Write the first one, or upload JSON.</p></Empty>;
}
