// The table of databases, of any page of them.

import { type ComponentChildren, type JSX } from "preact";
import { seqNumber } from "../../../api/couch";
import { Icon } from "../../../ui/icon";
import { Badge } from "../../../ui/parts";
import { type Column, Table } from "../../../ui/table";
import { bytes, count } from "../../../ui/words";
import { databaseHref } from "../place";
import type { Links } from "./links";
import type { ListRow } from "./source";

/** What can be done with a row: an icon and its words. */
export interface RowAction {
  icon: "trash" | "close";
  words: string;
  act: (name: string) => void;
}

export function DatabasesTable({ rows, action, empty }: { rows: readonly ListRow[]; action: RowAction | undefined; empty: ComponentChildren }): JSX.Element {
  const linked = rows.some((row) => row.links);
  const columns: Column<ListRow>[] = [
    { name: "name", title: "Name", cell: (row) => <><a href={databaseHref(row.name)}>{row.name}</a>{row.why && <span class="soft small"> {row.why}</span>}</> },
    { name: "docs", title: "Documents", number: true, sort: (row) => row.info?.doc_count ?? -1, cell: (row) => count(row.info?.doc_count) },
    { name: "deleted", title: "Deleted", number: true, sort: (row) => row.info?.doc_del_count ?? -1, cell: (row) => count(row.info?.doc_del_count) },
    { name: "size", title: <span title="What living documents take, of what the file has">Size (of file)</span>, number: true, sort: (row) => row.info?.sizes?.file ?? -1, cell: sizeOf },
    { name: "seq", title: "Update seq", number: true, cell: (row) => (row.info ? seqNumber(row.info.update_seq) : "–") },
    ...(linked ? [{ name: "links", title: "Replication", cell: (row: ListRow) => row.links && <LinkBadge links={row.links} /> }] : []),
    ...(action ? [{
      name: "act", title: <span class="hidden">{action.words}</span>, number: true,
      cell: (row: ListRow) => <button class="plain" onClick={() => action.act(row.name)}><Icon name={action.icon} label={`${action.words} ${row.name}`} /></button>,
    }] : []),
  ];
  return <div class="databases-list"><Table label="Databases" rows={rows} columns={columns} id={(row) => row.name} pageRows={Math.max(rows.length, 1)} empty={empty} /></div>;
}

function sizeOf({ info }: ListRow): JSX.Element | string {
  if (!info?.sizes) return "–";
  return <>{bytes(info.sizes.active)} <span class="soft">of {bytes(info.sizes.file)}</span></>;
}

function LinkBadge({ links }: { links: Links }): JSX.Element {
  const parts = [links.in ? `${links.in} in` : "", links.out ? `${links.out} out` : ""].filter(Boolean);
  return <Badge tone="good"><Icon name="link" /> {parts.join(", ")}</Badge>;
}
