// The table of names with their rights, as Cloudant has it.

import { type JSX } from "preact";
import { Badge, Button } from "../../../ui/parts";
import { type Column, Table } from "../../../ui/table";
import { NOBODY, type Right, RIGHTS, type Row } from "./table";

interface How {
  rows: readonly Row[];
  /** What CouchDB's lists give everybody already. */
  open: boolean;
  readOnly: boolean;
  set: (name: string, right: Right, has: boolean) => void;
  remove: (row: Row) => void;
}

export function Rights({ rows, open, readOnly, set, remove }: How): JSX.Element {
  const columns: Column<Row>[] = [
    { name: "name", title: "Name", cell: (row) => <Name row={row} open={open} /> },
    ...RIGHTS.map(([right, means]): Column<Row> => ({
      name: right,
      title: <code title={means}>{right}</code>,
      cell: (row) => (
        <label class="inline">
          <input type="checkbox" aria-label={`${right} for ${row.name === NOBODY ? "everybody" : row.name}`} checked={row.rights.includes(right)}
            disabled={readOnly} onChange={(event) => set(row.name, right, event.currentTarget.checked)} />
          <code class="permissions-word">{right}</code>
        </label>
      ),
    })),
  ];
  if (!readOnly) {
    columns.push({
      name: "remove",
      title: <span class="hidden">Remove</span>,
      cell: (row) => row.name !== NOBODY && <Button tone="plain" icon="trash" title={`Remove ${row.name}`} onClick={() => remove(row)}><span class="hidden">Remove {row.name}</span></Button>,
    });
  }
  return <div class="permissions-rights"><Table label="Rights" rows={rows} columns={columns} id={(row) => row.name} /></div>;
}

function Name({ row, open }: { row: Row; open: boolean }): JSX.Element {
  if (row.kind === "everybody") return <span><strong>Everybody</strong> <span class="soft small">{open ? "may read and write, as no member is named" : "signed in or not"}</span></span>;
  return (
    <span class="permissions-name">
      <code>{row.name}</code> {row.kind === "API key" && <Badge tone="soft">API key</Badge>}
      {row.others.map((one) => <Badge key={one}>{one}</Badge>)}
    </span>
  );
}
