import { expect, test } from "vitest";
import { partsOf, viewsOf } from "./parts";

const doc = {
  _id: "_design/x",
  views: { lib: { map: "x" }, a: { map: "f" }, b: { map: "f", reduce: "_sum" }, c: { map: { fields: {} }, reduce: "function (k, v) {}" }, broken: 1, empty: {} },
  filters: { mine: "f", yours: "g" },
  updates: {},
  validate_doc_update: "f",
};

test("views are those with a map, and say how they are reduced", () => {
  expect(viewsOf(doc)).toEqual([{ name: "a", reduce: "" }, { name: "b", reduce: "_sum" }, { name: "c", reduce: "function" }]);
});

test("the other functions are named", () => {
  expect(partsOf(doc)).toEqual([["Decides what may be written (validate_doc_update)", []], ["Filters", ["mine", "yours"]]]);
});

test("a design document may have anything else in it", () => {
  const odd = { _id: "_design/y", views: [1], filters: "x" };
  expect([viewsOf(odd), partsOf(odd)]).toEqual([[], []]);
});
