import { expect, test } from "vitest";
import { clear, fieldDiffs, merged } from "./merge";

const base = '{"_id":"a","_rev":"1-x","title":"old","done":false,"n":1,"gone":1}';
const mine = '{"_id":"a","_rev":"1-x","title":"mine","done":false,"n":1.0,"gone":1,"new":12345678901234567890}';
const theirs = '{"_id":"a","_rev":"2-y","title":"theirs","done":true,"n":1}';

test("each field says who changed it", () => {
  expect(fieldDiffs(base, mine, theirs).map(({ name, by }) => [name, by])).toEqual([
    ["title", "both"],
    ["done", "theirs"],
    ["n", "mine"],
    ["gone", "theirs"],
    ["new", "mine"],
  ]);
});

test("what is clear is taken from who changed it, the rest as it was chosen", () => {
  const sides = clear(fieldDiffs(base, mine, theirs));
  expect(sides.has("title")).toBe(false);
  expect(merged(mine, theirs, "2-y", new Map([...sides, ["title", "theirs"] as const]))).toBe(
    '{\n  "_id": "a",\n  "_rev": "2-y",\n  "title": "theirs",\n  "done": true,\n  "n": 1.0,\n  "new": 12345678901234567890\n}',
  );
});

test("the order of names and white space are no difference", () => {
  expect(fieldDiffs("{}", '{"a":{"x":1,"y":[ ]}}', '{"a": {"y":[],"x":1}}')).toEqual([]);
});

test("without a beginning everything that differs is for a person", () => {
  expect(fieldDiffs("", '{"a":1,"b":1}', '{"a":2,"b":1}').map(({ name, by }) => [name, by])).toEqual([["a", "both"]]);
});

test("of a deleted document ours is written anew", () => {
  expect(merged(mine, "{}", "", new Map())).not.toContain("_rev");
});

test("merging all of one side gives that side", () => {
  const diffs = fieldDiffs(base, mine, theirs);
  const of = (side: "mine" | "theirs") => JSON.parse(merged(mine, theirs, "2-y", new Map(diffs.map((one) => [one.name, side])))) as unknown;
  expect(of("theirs")).toEqual(JSON.parse(theirs));
  expect(of("mine")).toEqual({ ...(JSON.parse(mine) as object), _rev: "2-y" });
});
