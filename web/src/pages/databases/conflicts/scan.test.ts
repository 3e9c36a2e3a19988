import { expect, test } from "vitest";
import { documentOf } from "./place";
import { unchanged } from "./rule";
import { branched, conflictsOf, type Found } from "./scan";

test("documents with several leaves are looked at, each once", () => {
  const row = (id: string, ...revs: string[]) => ({ seq: 1, id, changes: revs.map((rev) => ({ rev })) });
  expect(branched([row("a", "1-a"), row("b", "2-a", "2-b"), row("b", "3-a", "2-b"), row("c", "1-a", "1-b")])).toEqual(["b", "c"]);
});

test("those with other leaves that live are in conflict; missing and deleted ones are not", () => {
  const value = { rev: "2-b" };
  expect(conflictsOf([
    { id: "a", key: "a", value, doc: { _id: "a", _rev: "2-b", _conflicts: ["2-a"] } },
    { id: "b", key: "b", value, doc: { _id: "b", _rev: "2-b" } },
    { id: "c", key: "c", value: { rev: "2-b", deleted: true }, doc: null },
    { id: "d", key: "d", value, error: "not_found" },
  ])).toEqual([{ id: "a", rev: "2-b", conflicts: ["2-a"] }]);
});

test("only documents whose leaves are those that were seen are resolved by a rule", () => {
  const found = (id: string, rev: string, ...conflicts: string[]): Found => ({ id, rev, conflicts });
  const seen = [found("a", "2-b", "2-a", "1-x"), found("b", "2-b", "2-a"), found("c", "2-b", "2-a"), found("d", "2-b", "2-a")];
  const now = [found("a", "2-b", "1-x", "2-a"), found("b", "3-b", "2-a"), found("c", "2-b", "2-a", "2-0")];
  expect(unchanged(seen, now)).toEqual([[seen[0]], ["b", "c", "d"]]);
});

test("the address of a document's conflict has its id, with its slashes", () => {
  expect(documentOf(["databases", "db", "conflicts"])).toBe("");
  expect(documentOf(["databases", "db", "conflicts", "_design", "a"])).toBe("_design/a");
  expect(documentOf(["databases", "db", "permissions", "a"])).toBe("");
});
