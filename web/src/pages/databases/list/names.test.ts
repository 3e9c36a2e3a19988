import { expect, test } from "vitest";
import { nameProblem } from "./names";

test.each(["todos", "a", "a1_$()+-/b", "_users", "_replicator", "x".repeat(238)])("%s is a name", (name) => {
  expect(nameProblem(name)).toBe("");
});

test.each([
  ["", /needs/],
  ["Todos", /small/i],
  ["1a", /begin/],
  ["_mine", /underscore/],
  ["a.b", /“\.”/],
  ["a b", /white space/],
  ["a😀", /“😀”/],
  ["é", /begin/],
  ["x".repeat(239), /too long/],
  [`a${"/".repeat(80)}`, /too long/],
])("%s is none, and it says why", (name, why) => {
  expect(nameProblem(name)).toMatch(why);
});
