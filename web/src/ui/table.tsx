// Tables: sorted by a click, filtered by words, shown a page at a time.

import { useSignal } from "@preact/signals";
import { type ComponentChildren, type JSX } from "preact";
import { Icon } from "./icon";

export interface Column<R> {
  name: string;
  title: ComponentChildren;
  cell: (row: R) => ComponentChildren;
  /** What it is sorted by; without it the column can't be sorted. */
  sort?: (row: R) => string | number;
  /** Numbers stand at the right. */
  number?: boolean;
}

interface How<R> {
  /** What it is a table of, for screen readers. */
  label: string;
  rows: readonly R[];
  columns: readonly Column<R>[];
  id: (row: R) => string;
  /** Name of the column that it is sorted by at first; with "-" before it the other way. */
  sorted?: string;
  pageRows?: number;
  picked?: (row: R) => boolean;
  empty?: ComponentChildren;
}

export function Table<R>(how: How<R>): JSX.Element {
  const sorted = useSignal(how.sorted ?? "");
  const page = useSignal(0);
  if (!how.rows.length && how.empty) return <>{how.empty}</>;
  const rows = inOrder(how.rows, how.columns, sorted.value);
  const size = how.pageRows ?? 50;
  const last = Math.max(0, Math.ceil(rows.length / size) - 1);
  const at = Math.min(page.value, last);
  const turn = (name: string) => { sorted.value = sorted.value === name ? `-${name}` : name; };
  return (
    <>
      <div class="table-wrap" tabIndex={0} role="region" aria-label={how.label}>
        <table>
          <caption class="hidden">{how.label}</caption>
          <thead>
            <tr>
              {how.columns.map((column) => {
                const mine = sorted.value.replace("-", "") === column.name;
                const way = !mine ? undefined : sorted.value.startsWith("-") ? "descending" : "ascending";
                return (
                  <th key={column.name} scope="col" class={column.number ? "num" : ""} aria-sort={way}>
                    {column.sort
                      ? <button onClick={() => turn(column.name)}>{column.title}<span aria-hidden="true">{way === "ascending" ? "▲" : way ? "▼" : ""}</span></button>
                      : column.title}
                  </th>
                );
              })}
            </tr>
          </thead>
          <tbody>
            {rows.slice(at * size, (at + 1) * size).map((row) => (
              <tr key={how.id(row)} class={how.picked?.(row) ? "picked" : ""}>
                {how.columns.map((column) => <td key={column.name} class={column.number ? "num" : ""}>{column.cell(row)}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {last > 0 && (
        <Pager from={at * size + 1} to={Math.min((at + 1) * size, rows.length)} total={rows.length}
          back={at > 0 ? () => { page.value = at - 1; } : undefined} on={at < last ? () => { page.value = at + 1; } : undefined} />
      )}
    </>
  );
}

function inOrder<R>(rows: readonly R[], columns: readonly Column<R>[], sorted: string): readonly R[] {
  const by = columns.find((column) => column.name === sorted.replace("-", ""))?.sort;
  if (!by) return rows;
  const sign = sorted.startsWith("-") ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [a, b] = [by(one), by(other)];
    return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  });
}

/** Which rows are shown, and the way to the others. `total` null: nobody counted. */
export function Pager({ from, to, total, back, on }: { from: number; to: number; total: number | null; back: (() => void) | undefined; on: (() => void) | undefined }): JSX.Element {
  return (
    <nav class="pager" aria-label="Pages of the table">
      <span class="nums" aria-live="polite">{from.toLocaleString("en")}–{to.toLocaleString("en")}{total !== null && ` of ${total.toLocaleString("en")}`}</span>
      <button disabled={!back} onClick={back}>Previous</button>
      <button disabled={!on} onClick={on}>Next</button>
    </nav>
  );
}

/** A field that filters what is below it. */
export function Search({ label, value, onInput }: { label: string; value: string; onInput: (text: string) => void }): JSX.Element {
  return (
    <label class="search inline">
      <span class="hidden">{label}</span>
      <Icon name="search" />
      <input type="search" placeholder={label} value={value} onInput={(event) => onInput(event.currentTarget.value)} />
    </label>
  );
}
