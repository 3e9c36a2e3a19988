import { expect, test } from "vitest";
import { layOut, type Row } from "./layout";
import { type Branch, pathOf } from "./tree";

const leaf = (start: number, ids: string, deleted = false): Branch => {
  const path = pathOf(start, ids.split(" "));
  return { rev: path[0] as string, deleted, path };
};
/** A history of `length` revisions that ends in `start`-`name``start`. */
const long = (start: number, length: number, name: string): string[] => Array.from({ length }, (_, at) => `${name}${start - at}`);

const told = (row: Row) => {
  switch (row.kind) {
    case "rev":
      return `${row.lane} ${row.rev}${row.leaf ? " leaf" : ""}`;
    case "run":
      return `${row.lane} … ${row.count} ${row.newest} to ${row.oldest}`;
    case "forgotten":
      return `${row.lane} forgotten ${row.count}`;
  }
};

test("one leaf is one lane", () => {
  const { rows, edges, lanes } = layOut([leaf(3, "c b a")]);
  expect(rows.map(told)).toEqual(["0 3-c leaf", "0 2-b", "0 1-a"]);
  expect(edges.map((one) => [one.from, one.to])).toEqual([[0, 1], [1, 2]]);
  expect(lanes).toBe(1);
});

test("each branch has a lane beside the winner's, and ends where it began", () => {
  const { rows, edges, lanes } = layOut([leaf(2, "x a"), leaf(3, "c b a"), leaf(3, "d b a", true)]);
  expect(rows.map(told)).toEqual(["0 3-c leaf", "1 3-d leaf", "0 2-b", "1 2-x leaf", "0 1-a"]);
  expect(lanes).toBe(2);
  expect(edges.map((one) => [one.from, one.fromLane, one.to, one.toLane])).toEqual([
    [0, 0, 2, 0], [2, 0, 4, 0], [3, 1, 4, 0], [1, 1, 2, 0],
  ]);
});

test("branches that are there at the same height do not share a lane", () => {
  const { rows, lanes } = layOut([leaf(4, "d c b a"), leaf(4, "z y x a"), leaf(3, "w x a"), leaf(2, "v a")]);
  const lanesOf = new Map(rows.map((row) => [row.kind === "rev" ? row.rev : "", row.lane]));
  expect([lanesOf.get("4-d"), lanesOf.get("4-z"), lanesOf.get("3-w"), lanesOf.get("2-v")]).toEqual([1, 0, 2, 2]);
  expect(lanes).toBe(3);
});

test("histories without a common revision are trees of their own, and what came before is told", () => {
  const { rows, edges } = layOut([leaf(9, "c b"), leaf(5, "y x")]);
  expect(rows.map(told)).toEqual(["0 9-c leaf", "0 8-b", "0 forgotten 7", "0 5-y leaf", "0 4-x", "0 forgotten 3"]);
  expect(edges.filter((one) => one.open).length).toBe(2);
});

test("a long history is one row, which opens", () => {
  const path = pathOf(1250, long(1250, 1250, "r"));
  const branch = { rev: path[0] as string, deleted: false, path };
  const closed = layOut([branch]).rows;
  expect(closed.map(told)).toEqual(["0 1250-r1250 leaf", "0 1249-r1249", "0 1248-r1248", "0 1247-r1247", "0 … 1245 1246-r1246 to 2-r2", "0 1-r1"]);
  const key = closed.flatMap((row) => (row.kind === "run" ? [row.key] : []))[0] as string;
  expect(layOut([branch], new Map([[key, 100]])).rows.length).toBe(106);
  expect(layOut([branch], new Map([[key, 5000]])).rows.length).toBe(1250);
});

test("a fork in a long history is shown", () => {
  const ids = long(100, 100, "r");
  const { rows } = layOut([leaf(100, ids.join(" ")), leaf(51, ["x", ...ids.slice(50)].join(" "))]);
  expect(rows.map(told)).toEqual([
    "0 100-r100 leaf", "0 99-r99", "0 98-r98", "0 97-r97", "0 … 45 96-r96 to 52-r52", "0 51-r51", "1 51-x leaf",
    "0 50-r50", "0 49-r49", "0 48-r48", "0 47-r47", "0 … 45 46-r46 to 2-r2", "0 1-r1",
  ]);
});

test("a leaf that is a fork's only revision besides a stemmed one keeps its own root", () => {
  const { rows } = layOut([leaf(3, "c b"), leaf(3, "d b")]);
  expect(rows.map(told)).toEqual(["0 3-d leaf", "1 3-c leaf", "0 2-b", "0 forgotten 1"]);
});

test("thousands of leaves and revisions are laid out at once, each revision once", () => {
  const trunk = pathOf(2000, long(2000, 2000, "t"));
  const leaves: Branch[] = Array.from({ length: 3000 }, (_, at) => {
    const fork = at % 1900;
    const rev = `${2001 - fork}-leaf${at}`;
    return { rev, deleted: at % 3 === 0, path: [rev, ...trunk.slice(fork)] };
  });
  const { rows, edges } = layOut(leaves);
  const revs = rows.flatMap((row) => (row.kind === "rev" ? [row.rev] : []));
  expect(new Set(revs).size).toBe(revs.length);
  expect(edges.every((one) => one.from < one.to)).toBe(true);
  expect(edges.length).toBe(rows.length - 1);
});

test("nothing is nothing", () => {
  expect(layOut([])).toEqual({ rows: [], edges: [], lanes: 0 });
});
