import { expect, test } from "vitest";
import { problemsOf, withRev } from "./check";

test("a document as it was loaded has no problem", () => {
  expect(problemsOf('{"_id":"a","_rev":"1-x","_attachments":{},"x":1}', "a", "1-x")).toEqual([]);
  expect(problemsOf('{"x":1}', "a", "1-x")).toEqual([]);
  expect(problemsOf('{"_id":"_design/a"}', "", "")).toEqual([]);
});

test.each([
  ['{\n  "a": ,\n}', 2, /a value is expected/],
  ["[]", 1, /is an object/],
  ["", 1, /nothing here/],
  ['{\n"_id": "b"}', 2, /can't change/],
  ['{"_id":3}', 1, /has to be a text/],
  ['{\n\n"_rev": "2-y"}', 3, /it is "1-x"/],
  ['{"_mine": 1}', 1, /no “_mine”/],
])("%j can't be saved: line %i", (text, line, why) => {
  expect(problemsOf(text, "a", "1-x")).toEqual([expect.objectContaining({ line, hard: true, text: expect.stringMatching(why) })]);
});

test("a new document has no _rev and an id that is allowed", () => {
  expect(problemsOf('{"_rev":"1-x"}', "", "")[0]).toMatchObject({ hard: true, fix: "rev" });
  expect(problemsOf('{"_id":"_x"}', "", "")[0]).toMatchObject({ hard: true });
});

test("what is only odd may be saved", () => {
  expect(problemsOf('{"a":1,\n"a":2,"_deleted":true}', "a", "").map(({ hard, line }) => [hard, line])).toEqual([[false, 2], [false, 2]]);
});

test("_rev is put right, and the rest stays as it was typed", () => {
  expect(withRev('{ "n":1.0,  "_rev" : "1-x" }', "2-y")).toBe('{ "n":1.0,  "_rev" : "2-y" }');
  expect(withRev('{"_id":"a","n":1.0}', "2-y")).toBe('{\n  "_id": "a",\n  "_rev": "2-y",\n  "n": 1.0\n}');
  expect(withRev('{"_rev":"1-x","n":1}', "")).toBe('{\n  "n": 1\n}');
});
