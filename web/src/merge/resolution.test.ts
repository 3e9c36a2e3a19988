import { expect, test } from "vitest";
import { attachmentTokens, leavesOf, newsOf } from "./leaf";
import { parse, write } from "./json";
import { childText, planDelete, planKeep, planMerge, reportOf, reserved, tombstones } from "./resolution";
import type { JsonMap } from "./json";

const stub = (digest: string) => `{"content_type":"text/plain","revpos":1,"digest":"${digest}","length":3,"stub":true}`;
const revisions = (start: number, ...ids: string[]) => `"_revisions":{"start":${start},"ids":${JSON.stringify(ids)}}`;
const ANSWER = `[
  {"ok":{"_id":"d","_rev":"2-b","n":12345678901234567890,${revisions(2, "b", "a")},"_attachments":{"x.txt":${stub("md5-2")},"y.txt":${stub("md5-3")}}}},
  {"ok":{"_id":"d","_rev":"3-g","_deleted":true,${revisions(3, "g", "f", "a")}}},
  {"missing":"7-z"},
  {"ok":{"_id":"d","_rev":"2-c","n":1,${revisions(2, "c", "a")},"_attachments":{"x.txt":${stub("md5-1")}}}}
]`;
const LEAVES = leavesOf(ANSWER);

test("leaves are read, the winner first, without CouchDB's members", () => {
  expect(LEAVES.map((one) => [one.rev, one.deleted, one.path.join(" "), write(one.body)])).toEqual([
    ["2-c", false, "2-c 1-a", '{"n":1}'],
    ["2-b", false, "2-b 1-a", '{"n":12345678901234567890}'],
    ["3-g", true, "3-g 2-f 1-a", "{}"],
  ]);
});

test("to keep the winner the others that live are deleted, and nothing else is written", () => {
  expect(planKeep(LEAVES, "2-c")).toEqual({ child: null, tombstones: ["2-b"] });
});

test("another leaf that is kept gets a child with its content and its attachments as stubs", () => {
  const plan = planKeep(LEAVES, "2-b");
  expect(plan.tombstones).toEqual(["2-c"]);
  const text = childText("d", plan.child!, new Map());
  expect(text).toBe(`{"_id":"d","_rev":"2-b","_attachments":{"x.txt":${stub("md5-2")},"y.txt":${stub("md5-3")}},"n":12345678901234567890}`);
});

test("a revision that is no living leaf can't be kept", () => {
  expect(planKeep(LEAVES, "3-g")).toEqual({ child: null, tombstones: [] });
});

test("a merge is the winner's child; attachments that the winner has not come with their bytes", () => {
  const [winner, other] = LEAVES;
  const plan = planMerge(LEAVES, parse('{"n":2}') as JsonMap, new Map([["x.txt", winner!], ["y.txt", other!]]));
  expect(plan.child?.attachments.map((one) => [one.name, one.from])).toEqual([["x.txt", null], ["y.txt", "2-b"]]);
  expect(childText("d", plan.child!, new Map([["y.txt", "QUJD"]]))).toBe(
    `{"_id":"d","_rev":"2-c","_attachments":{"x.txt":${stub("md5-1")},"y.txt":{"content_type":"text/plain","data":"QUJD"}},"n":2}`,
  );
  expect(plan.tombstones).toEqual(["2-b"]);
});

test("the same bytes under the same name need no transport, other bytes do", () => {
  const [winner, other] = LEAVES;
  const plan = planMerge(LEAVES, winner!.body, new Map([["x.txt", other!]]));
  expect(plan.child?.attachments[0]?.from).toBe("2-b");
  expect(write(attachmentTokens(winner!))).toBe('{"x.txt":"text/plain, 3 bytes, md5-1"}');
});

test("to delete the document is to delete all that live", () => {
  expect(planDelete(LEAVES)).toEqual({ child: null, tombstones: ["2-c", "2-b"] });
  expect(tombstones("d", ["2-c"])).toEqual([{ _id: "d", _rev: "2-c", _deleted: true }]);
});

test("members of CouchDB's own are no member of a merged document", () => {
  expect(reserved(parse('{"a":1,"_rev":"1-a","_x":2}') as JsonMap)).toEqual(["_rev", "_x"]);
});

test("what changed since the leaves were seen is told", () => {
  const at = (rev: string, path: string[], deleted = false) => ({ rev, deleted, path });
  const seen = [at("2-a", ["2-a", "1-x"]), at("2-b", ["2-b", "1-x"]), at("2-c", ["2-c", "1-x"])];
  expect(newsOf(seen, seen)).toEqual([]);
  expect(newsOf(seen, [at("3-d", ["3-d", "2-a", "1-x"]), at("3-e", ["3-e", "2-b", "1-x"], true), at("2-z", ["2-z"])])).toEqual([
    "2-a was edited: it is 3-d now",
    "2-b was deleted: it is 3-e now",
    "another revision arrived: 2-z",
    "2-c is not there any more",
  ]);
});

test("of each revision it is said what became of it", () => {
  expect(reportOf(["2-a", "2-b", "2-c"], [{ ok: true, id: "d", rev: "3-x" }, { id: "d", error: "forbidden", reason: "no" }])).toEqual({
    done: ["2-a deleted"],
    refused: ["2-b not deleted: forbidden: no", "2-c not deleted: the server said nothing of it"],
  });
});
