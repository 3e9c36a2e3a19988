import { expect, test } from "vitest";
import { bodyOf, fieldsOf } from "./preview";

test("the most frequent fields are shown, in the order in which they were met", () => {
  const docs = [{ _id: "1", rare: 1, title: "a", done: true }, { _id: "2", title: "b" }, null, { _id: "3", title: "c", done: false, _attachments: {} }];
  expect(fieldsOf(docs, 2)).toEqual(["title", "done"]);
  expect(fieldsOf(docs)).toEqual(["rare", "title", "done"]);
});

test("a body has no fields of CouchDB's", () => {
  expect([bodyOf({ _id: "1", _rev: "1-a", a: 1 }), bodyOf(null)]).toEqual([{ a: 1 }, {}]);
});

test("fields of design documents are shown only where there is nothing else", () => {
  const design = { _id: "_design/x", views: {} };
  expect([fieldsOf([design, { _id: "a", n: 1 }]), fieldsOf([design])]).toEqual([["n"], ["views"]]);
});
