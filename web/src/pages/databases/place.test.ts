import { expect, test } from "vitest";
import { parsed } from "../../address";
import { databaseHref, documentHref, placeOf } from "./place";

const at = (href: string) => placeOf(parsed(href.replace(/^#\//, "")).parts.slice(1));

test("every address leads back to its place", () => {
  for (const id of ["a", "a/b+c ?#%", "_design/x", "_design/x/y", "_local/z", "revisions", "ü"])
    for (const tab of ["document", "revisions", "attachments"] as const)
      expect(at(documentHref("n/m+1", id, tab))).toEqual({ kind: "doc", db: "n/m+1", id, tab });
  expect(at(databaseHref("a/b"))).toEqual({ kind: "database", db: "a/b", tab: "documents", rest: [] });
  expect(at(databaseHref("a", "design", "d/1", "v 2"))).toEqual({ kind: "database", db: "a", tab: "design", rest: ["d/1", "v 2"] });
});

test("a design document's slash may be there as it is", () => {
  expect(at("#/databases/a/doc/_design/x/revisions")).toEqual({ kind: "doc", db: "a", id: "_design/x", tab: "revisions" });
});

test("what is not known shows the list or the documents", () => {
  expect(at("#/databases")).toEqual({ kind: "list" });
  expect(at("#/databases/a/nonsense")).toMatchObject({ tab: "documents" });
  expect(at("#/databases/a/new")).toEqual({ kind: "doc", db: "a", id: "", tab: "document" });
});
