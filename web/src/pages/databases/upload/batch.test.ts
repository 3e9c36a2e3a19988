import { expect, test } from "vitest";
import { Batches, bulkBody, ready, type Ready, refusedOf, sent } from "./batch";

const piece = (text: string, row = false) => ({ text, line: 10, row });
const made = () => "made";
const doc = (text: string) => ready(piece(text), made) as Ready;

test("a document keeps its text, numbers and all", () => {
  expect(doc('{"_id":"a","n":12345678901234567890}')).toEqual({ id: "a", text: '{"_id":"a","n":12345678901234567890}', line: 10, hasRev: false });
});

test("one without an id gets one", () => {
  expect(doc('{ "x": 1 }').text).toBe('{"_id":"made", "x": 1 }');
  expect(doc(" { }").text).toBe('{"_id":"made" }');
});

test("a row's document is taken out of it", () => {
  expect(ready(piece('{"id":"a","value":{},"doc":{"_id":"a","_rev":"1-x"}}', true), made)).toMatchObject({ id: "a", text: '{"_id":"a","_rev":"1-x"}', hasRev: true });
  expect(ready(piece('{"id":"a","value":{}}', true), made)).toMatchObject({ reason: expect.stringContaining("include_docs") });
});

test.each([
  ["3", /is an object/],
  ["[]", /is an object/],
  ['{"_id":3}', /_id/],
  ['{"_id":""}', /_id/],
  ['{"a":\n oops}', /line 11, column 2: a value is expected/],
])("%s is refused, and it says why", (text, why) => {
  expect(ready(piece(text), made)).toMatchObject({ line: 10, text, reason: expect.stringMatching(why) });
});

test("revisions are sent, or left out", () => {
  const one = doc('{"_id":"a","_rev":"1-x","n":1.0}');
  expect(sent(one, "edit")).toBe(one.text);
  expect(sent(one, "drop")).toBe('{"_id":"a","n":1.0}');
  expect(bulkBody([one, doc("{}")], "keep")).toBe('{"new_edits":false,"docs":[{"_id":"a","_rev":"1-x","n":1.0},{"_id":"made"}]}');
});

test("batches are bounded by number and size, and a giant goes by itself", () => {
  const batches = new Batches(3, 100);
  const small = doc('{"_id":"a"}');
  const giant = doc(`{"_id":"b","t":"${"x".repeat(200)}"}`);
  const full: (string[] | undefined)[] = [];
  for (const one of [small, small, small, small, giant, small]) full.push(batches.push(one)?.map((taken) => taken.id));
  expect(full).toEqual([undefined, undefined, undefined, ["a", "a", "a"], ["a"], ["b"]]);
  expect(batches.take()).toEqual([small]);
});

test("refusals are found by place, or by id when only they are answered", () => {
  const batch = [doc('{"_id":"a"}'), doc('{"_id":"b"}')];
  const no = { id: "b", error: "conflict", reason: "Document update conflict." };
  expect(refusedOf(batch, [{ id: "a" }, no], "edit")).toEqual([{ id: "b", line: 10, reason: "conflict: Document update conflict.", text: '{"_id":"b"}' }]);
  expect(refusedOf(batch, [no], "keep").map((one) => one.id)).toEqual(["b"]);
});
