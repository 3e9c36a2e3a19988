// The tree of revisions: lines drawn beside a list, row by row. The list is what the keyboard and screen readers
// have; the drawing says the same to eyes.

import { type JSX } from "preact";
import type { Edge, Layout, Row } from "../../../merge/layout";
import { generation, shortRev } from "../../../merge/tree";
import { Badge, type Tone } from "../../../ui/parts";
import { count } from "../../../ui/words";

/** What a revision is. "kept": an older one whose content is still there; "unknown": nobody has said yet. */
export type Mark = "winner" | "conflict" | "deleted" | "kept" | "missing" | "unknown";

const WORDS: Readonly<Record<Mark, readonly [string, Tone]>> = {
  winner: ["winner", "good"],
  conflict: ["conflict", "warn"],
  deleted: ["deleted", "bad"],
  kept: ["", "plain"],
  missing: ["content gone", "soft"],
  unknown: ["", "plain"],
};

const ROW = 36;
const LANE = 20;
const DOT = 6;

interface How {
  layout: Layout;
  /** So many rows are drawn. */
  shown: number;
  markOf: (rev: string) => Mark;
  picked: string;
  pick: (rev: string) => void;
  open: (key: string) => void;
}

export function Tree({ layout, shown, markOf, picked, pick, open }: How): JSX.Element {
  const rows = layout.rows.slice(0, shown);
  const wide = layout.lanes * LANE + 8;
  const leaves = rows.filter((row) => row.kind === "rev" && row.leaf).length;
  return (
    <div class="conflicts-tree">
      <div class="conflicts-lanes" {...(layout.lanes > 8 ? { tabIndex: 0 } : {})}>
        <svg width={wide} height={rows.length * ROW} role="img" aria-label={`Tree of revisions with ${count(leaves)} branches; the list beside it has the same`}>
          {layout.edges.filter((edge) => edge.from < shown).map((edge) => <Line key={`${edge.from} ${edge.to}`} edge={edge} />)}
          {rows.map((row, at) => <Dot key={keyOf(row)} row={row} at={at} markOf={markOf} picked={picked} pick={pick} />)}
        </svg>
      </div>
      <ol class="conflicts-rows" aria-label="Revisions, the newest first">
        {rows.map((row) => <li key={keyOf(row)}><Words row={row} markOf={markOf} picked={picked} pick={pick} open={open} /></li>)}
      </ol>
    </div>
  );
}

const keyOf = (row: Row) => (row.kind === "rev" ? row.rev : row.kind === "run" ? `run ${row.newest}` : `before ${row.rev}`);
const x = (lane: number) => lane * LANE + LANE / 2 + 2;
const y = (at: number) => at * ROW + ROW / 2;

function Line({ edge }: { edge: Edge }): JSX.Element {
  const [fromX, toX] = [x(edge.fromLane), x(edge.toLane)];
  // Down in the own lane, and into the other one between the last two rows.
  const bend = y(edge.to - 1);
  const way = fromX === toX
    ? `M${fromX} ${y(edge.from)}V${y(edge.to)}`
    : `M${fromX} ${y(edge.from)}V${bend}C${fromX} ${bend + ROW * 0.6} ${toX} ${bend + ROW * 0.4} ${toX} ${y(edge.to)}`;
  return <path class={`conflicts-line c${edge.fromLane % 6} ${edge.open ? "open" : ""}`} d={way} />;
}

function Dot({ row, at, markOf, picked, pick }: { row: Row; at: number } & Pick<How, "markOf" | "picked" | "pick">): JSX.Element {
  if (row.kind === "forgotten") return <path class="conflicts-end" d={`M${x(row.lane) - 5} ${y(at)}h10`} />;
  if (row.kind === "run") return <g class="conflicts-gap">{[-6, 0, 6].map((by) => <circle key={by} cx={x(row.lane)} cy={y(at) + by} r="1.8" />)}</g>;
  const mark = markOf(row.rev);
  return (
    <g class={`conflicts-dot ${mark} ${row.rev === picked ? "picked" : ""}`} onClick={() => pick(row.rev)}>
      <circle cx={x(row.lane)} cy={y(at)} r={row.leaf ? DOT + 1 : DOT} />
      {mark === "deleted" && <path d={`M${x(row.lane) - 3} ${y(at) - 3}l6 6m0 -6l-6 6`} />}
      {mark === "winner" && <path d={`M${x(row.lane) - 3.5} ${y(at)}l2.5 3l4.5 -5`} />}
    </g>
  );
}

function Words({ row, markOf, picked, pick, open }: { row: Row } & Pick<How, "markOf" | "picked" | "pick" | "open">): JSX.Element {
  if (row.kind === "run") {
    return (
      <button type="button" class="plain soft" onClick={() => open(row.key)} aria-label={`Show more of ${count(row.count)} revisions, from generation ${generation(row.oldest)} to ${generation(row.newest)}`}>
        … {count(row.count)} revisions …
      </button>
    );
  }
  if (row.kind === "forgotten") return <span class="soft small conflicts-before">{count(row.count)} earlier, forgotten</span>;
  const [words, tone] = WORDS[markOf(row.rev)];
  return (
    <button type="button" class={`plain conflicts-rev ${row.rev === picked ? "picked" : ""}`} aria-pressed={row.rev === picked} title={row.rev} onClick={() => pick(row.rev)}>
      <code>{shortRev(row.rev)}</code> {words && <Badge tone={tone}>{words}</Badge>}
    </button>
  );
}
