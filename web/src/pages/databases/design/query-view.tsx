// A view that is queried: the form, and the rows a page at a time.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { readDoc, type Rows, view, type ViewRow } from "../../../api/couch";
import { brief } from "../../../api/jsontext";
import { useLast, useLive } from "../../../ui/live";
import { Empty, Failed, Loading } from "../../../ui/parts";
import { type Column, Pager, Table } from "../../../ui/table";
import { backwards, before, cut, firstPage, onwards, type Pages, start } from "../documents/paging";
import { databaseHref, documentHref } from "../place";
import { viewsOf } from "./parts";
import { type Cursor, nextOf, PLAIN, QueryError, queryOf, type ViewForm } from "./query";
import { QueryForm } from "./query-form";

const ROWS = 50;
const CELL = 200;

interface Answer {
  rows: readonly ViewRow[];
  next: Cursor | null;
  total: number | null;
}

export function QueryView({ db, ddoc, name }: { db: string; ddoc: string; name: string }): JSX.Element {
  const design = useLive((signal) => readDoc(db, `_design/${ddoc}`, {}, signal), 0, [db, ddoc]);
  const about = design.value.value && viewsOf(design.value.value).find((one) => one.name === name);
  return (
    <div class="stack">
      <h2><a href={databaseHref(db, "design")}>Design documents</a> / <a href={documentHref(db, `_design/${ddoc}`)}>{ddoc}</a> / {name}</h2>
      {design.failed.value && <Failed text={design.failed.value} again={() => void design.again()} />}
      {design.value.value && (about ? <Results db={db} ddoc={ddoc} name={name} reduces={about.reduce !== ""} /> : <Empty title={`${ddoc} has no view “${name}”`} />)}
    </div>
  );
}

function Results({ db, ddoc, name, reduces }: { db: string; ddoc: string; name: string; reduces: boolean }): JSX.Element {
  const form = useSignal<ViewForm>({ ...PLAIN, reduce: reduces });
  const pages = useSignal<Pages<Cursor>>(firstPage());
  const wrong = useSignal("");
  const read = async (signal: AbortSignal): Promise<Answer> => {
    const from = start(pages.value);
    const found: Rows<ViewRow> = await view(db, ddoc, name, queryOf(form.value, from, ROWS), signal);
    const { rows, next } = cut(found.rows, ROWS);
    return { rows, next: nextOf(form.value, from, next, ROWS), total: form.value.reduce ? null : (found.total_rows ?? null) };
  };
  const live = useLive(read, 0, [db, ddoc, name, form.value, pages.value]);
  const answer = useLast(live.value.value);
  const loading = !live.value.value && !live.failed.value;
  const first = before(pages.value) * ROWS;
  const run = (to: ViewForm) => {
    wrong.value = "";
    try {
      queryOf(to, null, ROWS);
      pages.value = firstPage();
      form.value = to;
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      wrong.value = error.message;
    }
  };
  return (
    <>
      <QueryForm form={form.value} reduces={reduces} run={run} wrong={wrong.value} />
      {live.failed.value && <Failed text={live.failed.value} again={() => void live.again()} />}
      {!answer && loading && <Loading text="The view is being built …" />}
      {answer && !live.failed.value && (
        <div aria-busy={loading} class={loading ? "databases-busy" : ""}>
          <RowsTable db={db} rows={answer.rows} reduced={form.value.reduce} docs={form.value.includeDocs && !form.value.reduce} />
          {(answer.next !== null || first > 0) && (
            <Pager from={first + 1} to={first + answer.rows.length} total={form.value.key || form.value.startkey || form.value.endkey ? null : answer.total}
              back={first && !loading ? () => { pages.value = backwards(pages.value); } : undefined}
              on={answer.next === null || loading ? undefined : () => { if (answer.next) pages.value = onwards(pages.value, answer.next); }} />
          )}
        </div>
      )}
    </>
  );
}

interface Numbered extends ViewRow {
  at: number;
}

function RowsTable({ db, rows, reduced, docs }: { db: string; rows: readonly ViewRow[]; reduced: boolean; docs: boolean }): JSX.Element {
  const columns: Column<Numbered>[] = [
    { name: "key", title: "Key", cell: (row) => <code>{brief(JSON.stringify(row.key), CELL)}</code> },
    { name: "value", title: "Value", cell: (row) => <code>{brief(JSON.stringify(row.value), CELL)}</code> },
    ...(reduced ? [] : [{ name: "id", title: "Document", cell: (row: Numbered) => row.id !== undefined && <a class="mono" href={documentHref(db, row.id)}>{row.id}</a> }]),
    ...(docs ? [{ name: "doc", title: "JSON", cell: (row: Numbered) => <code class="soft">{brief(JSON.stringify(row.doc ?? null), CELL)}</code> }] : []),
  ];
  // One document may have several rows of one key, so a row is known by its place.
  return <Table label="Rows of the view" rows={rows.map((row, at) => ({ ...row, at }))} columns={columns} id={(row) => String(row.at)} pageRows={ROWS} empty={<Empty title="No rows" />} />;
}
