import { expect, test } from "vitest";
import { livingOf } from "./sources";

const LIVING = { _deleted: { $exists: false } };

test("an empty selector takes every living document: within $and it would take none", () => {
  expect(livingOf({})).toEqual(LIVING);
  expect(livingOf({ n: 1 })).toEqual({ $and: [{ n: 1 }, LIVING] });
});
