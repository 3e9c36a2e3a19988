// Where the revisions of a tree are drawn: a row for each, the newest at the top, the branches in lanes side by
// side. What is long and has no branches is one row.

import { type Branch, generation, winnerFirst } from "./tree";

/** Of a stretch without branches so many are shown at its newest end, and one at its oldest. */
const NEWEST_SHOWN = 4;
/** A shorter rest is shown after all. */
const HIDDEN_MIN = 4;

export type Row =
  | { kind: "rev"; rev: string; lane: number; leaf: boolean }
  /** `count` revisions that are not shown, from `newest` to `oldest`; `key`: what opens it. */
  | { kind: "run"; key: string; count: number; newest: string; oldest: string; lane: number }
  /** Before `rev` there were `count` that nobody knows any more. */
  | { kind: "forgotten"; rev: string; count: number; lane: number };

/** From a row to one below it; `open`: to what is not shown. */
export interface Edge {
  from: number;
  fromLane: number;
  to: number;
  toLane: number;
  open: boolean;
}

export interface Layout {
  rows: Row[];
  edges: Edge[];
  lanes: number;
}

interface Placed {
  rows: Row[];
  /** The revision of another branch that it grew from; null: none. */
  fork: string | null;
}

/** `opened`: how many more are shown of a run, by its key. */
export function layOut(leaves: readonly Branch[], opened: ReadonlyMap<string, number> = new Map()): Layout {
  const branches = branchesOf(leaves, opened);
  const order = new Map<Row, number>();
  const rows = branches.flatMap((one, at) => one.rows.map((row) => ({ row, at, height: heightOf(row) })))
    .sort((one, other) => other.height - one.height || one.at - other.at)
    .map(({ row }, at) => { order.set(row, at); return row; });
  const rowOf = new Map(rows.flatMap((row, at) => (row.kind === "rev" ? [[row.rev, at] as const] : [])));
  const place = (row: Row) => order.get(row) ?? 0;
  const lanes: number[][] = [];
  for (const branch of branches) {
    const top = place(branch.rows[0] as Row);
    const end = branch.fork === null ? place(branch.rows.at(-1) as Row) : (rowOf.get(branch.fork) ?? top);
    const lane = freeLane(lanes, top, end);
    for (const row of branch.rows) row.lane = lane;
  }
  return { rows, lanes: lanes.length, edges: branches.flatMap((branch) => edgesOf(branch, place, rows, rowOf)) };
}

function branchesOf(leaves: readonly Branch[], opened: ReadonlyMap<string, number>): Placed[] {
  const taken = new Set<string>();
  const forks = new Set<string>();
  const own = winnerFirst(leaves).map((leaf) => {
    const at = leaf.path.findIndex((rev) => taken.has(rev));
    const mine = at < 0 ? leaf.path : leaf.path.slice(0, at);
    const fork = at < 0 ? null : (leaf.path[at] ?? null);
    for (const rev of mine) taken.add(rev);
    if (fork !== null) forks.add(fork);
    return { mine, fork };
  });
  return own.filter(({ mine }) => mine.length).map(({ mine, fork }) => ({ fork, rows: rowsOf(mine, fork, forks, opened) }));
}

function rowsOf(mine: readonly string[], fork: string | null, forks: ReadonlySet<string>, opened: ReadonlyMap<string, number>): Row[] {
  const rows: Row[] = [];
  const shown = (rev: string): Row => ({ kind: "rev", rev, lane: 0, leaf: rev === mine[0] });
  let at = 0;
  while (at < mine.length) {
    let end = at + 1;
    while (end < mine.length && !forks.has(mine[end] as string)) end += 1;
    const stretch = mine.slice(at, end);
    const oldest = stretch.at(-1) as string;
    const top = NEWEST_SHOWN + (opened.get(oldest) ?? 0);
    const hidden = stretch.slice(top, -1);
    if (hidden.length < HIDDEN_MIN) rows.push(...stretch.map(shown));
    else {
      rows.push(...stretch.slice(0, top).map(shown));
      rows.push({ kind: "run", key: oldest, count: hidden.length, newest: hidden[0] as string, oldest: hidden.at(-1) as string, lane: 0 });
      rows.push(shown(oldest));
    }
    at = end;
  }
  const root = mine.at(-1) as string;
  const before = generation(root) - 1;
  if (fork === null && before > 0) rows.push({ kind: "forgotten", rev: root, count: before, lane: 0 });
  return rows;
}

function heightOf(row: Row): number {
  switch (row.kind) {
    case "rev":
      return generation(row.rev);
    case "run":
      return generation(row.newest);
    case "forgotten":
      return generation(row.rev) - 0.5;
  }
}

/** The first lane in which nothing is between these rows; it is taken then. */
function freeLane(lanes: number[][], top: number, end: number): number {
  // Each lane has its stretches as pairs: top, end, top, end, …
  const free = lanes.findIndex((taken) => taken.every((_, at) => at % 2 === 1 || end < (taken[at] as number) || top > (taken[at + 1] as number)));
  const lane = free < 0 ? lanes.length : free;
  (lanes[lane] ??= []).push(top, end);
  return lane;
}

function edgesOf(branch: Placed, place: (row: Row) => number, rows: readonly Row[], rowOf: ReadonlyMap<string, number>): Edge[] {
  const edges = branch.rows.slice(1).map((row, at) => {
    const above = branch.rows[at] as Row;
    return { from: place(above), fromLane: above.lane, to: place(row), toLane: row.lane, open: row.kind !== "rev" || above.kind !== "rev" };
  });
  const last = branch.rows.at(-1) as Row;
  const to = branch.fork === null ? undefined : rowOf.get(branch.fork);
  if (to !== undefined) edges.push({ from: place(last), fromLane: last.lane, to, toLane: (rows[to] as Row).lane, open: false });
  return edges;
}
