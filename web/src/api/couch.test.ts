import { expect, test } from "vitest";
import { attachmentPath, dbPath, docPath, idPath, seqNumber } from "./couch";

test.each([
  ["plain", "plain"],
  ["a/b", "a%2Fb"],
  ["a+b c", "a%2Bb%20c"],
  ["ä?#%", "%C3%A4%3F%23%25"],
  ["_design/x", "_design/x"],
  ["_design/x/y", "_design/x%2Fy"],
  ["_local/a b/c", "_local/a%20b%2Fc"],
  ["_other/x", "_other%2Fx"],
])("the id %s is the path %s", (id, path) => {
  expect(idPath(id)).toBe(path);
});

test("names of databases and attachments are one segment each", () => {
  expect(dbPath("a/b+c", "_security")).toBe("../a%2Fb%2Bc/_security");
  expect(attachmentPath("db", "_design/app", "js/main.js")).toBe("../db/_design/app/js%2Fmain.js");
});

test("what a browser would take for a step up is refused, as are halves of characters", () => {
  for (const id of [".", "..", "\ud800"]) expect(() => docPath("db", id)).toThrow(/browser|half/);
});

test("a sequence begins with its number", () => {
  expect([seqNumber("12-abc"), seqNumber(7), seqNumber("x")]).toEqual(["12", "7", "x"]);
});
