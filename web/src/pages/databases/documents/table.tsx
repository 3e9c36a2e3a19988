// The table of documents: ids, revisions, and their fields or the beginning of their JSON.

import { type JSX } from "preact";
import { brief } from "../../../api/jsontext";
import { type Column, Table } from "../../../ui/table";
import { Badge } from "../../../ui/parts";
import { documentHref } from "../place";
import { bodyOf, fieldsOf } from "./preview";
import type { Shown } from "./sources";
import type { Look } from "./state";

const CELL = 60;
const JSON_CELL = 400;

interface How {
  rows: readonly Shown[];
  look: Look;
  db: string;
  picked: ReadonlySet<string>;
  /** Without it rows can't be selected. */
  pick?: (ids: ReadonlySet<string>) => void;
}

export function DocumentsTable({ rows, look, db, picked, pick }: How): JSX.Element {
  const all = rows.length > 0 && rows.every((row) => picked.has(row.id));
  const turn = (id: string, pick: (ids: ReadonlySet<string>) => void) => {
    const next = new Set(picked);
    if (!next.delete(id)) next.add(id);
    pick(next);
  };
  const columns: Column<Shown>[] = [
    ...(pick ? [{
      name: "pick",
      title: <input type="checkbox" aria-label="Select all of this page" checked={all} onChange={() => pick(new Set(all ? [] : rows.map((row) => row.id)))} />,
      cell: (row: Shown) => <input type="checkbox" aria-label={`Select ${row.id}`} checked={picked.has(row.id)} onChange={() => turn(row.id, pick)} />,
    }] : []),
    { name: "id", title: "Id", cell: (row) => <><a class="mono" title={row.id} href={documentHref(db, row.id)}>{row.id}</a> {row.deleted && <Badge tone="bad">deleted</Badge>}</> },
    { name: "rev", title: "Revision", cell: (row) => <span class="mono soft" title={row.rev}>{shortRev(row.rev)}</span> },
    ...(look === "json" ? [jsonColumn] : fieldColumns(rows)),
  ];
  return <div class={`databases-docs ${look}`}><Table label="Documents" rows={rows} columns={columns} id={(row) => row.id} pageRows={Math.max(rows.length, 1)} picked={(row) => picked.has(row.id)} /></div>;
}

const jsonColumn: Column<Shown> = {
  name: "json",
  title: "JSON",
  cell: (row) => <code class="soft">{brief(JSON.stringify(bodyOf(row.doc)), JSON_CELL)}</code>,
};

const fieldColumns = (rows: readonly Shown[]): Column<Shown>[] =>
  fieldsOf(rows.map((row) => row.doc)).map((name) => ({
    name: `field ${name}`,
    title: name,
    cell: (row) => {
      const value = row.doc && Object.hasOwn(row.doc, name) ? row.doc[name] : undefined;
      return <span class={typeof value === "string" ? "" : "mono"}>{brief(value, CELL)}</span>;
    },
  }));

/** 3-abc1234…: what tells revisions apart at a glance. */
export const shortRev = (rev: string) => (rev.length > 12 ? `${rev.slice(0, rev.indexOf("-") + 8)}…` : rev);
