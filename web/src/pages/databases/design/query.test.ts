import { expect, test } from "vitest";
import { nextOf, PLAIN, QueryError, queryOf } from "./query";

const given = (query: object) => Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));

test("a plain query asks for one row more than the page has", () => {
  expect(given(queryOf(PLAIN, null, 20))).toEqual({ reduce: false, limit: 21 });
});

test("keys go as they were typed", () => {
  expect(given(queryOf({ ...PLAIN, startkey: '["a", 1.0]', endkey: '["a",{}]', inclusiveEnd: false, descending: true, includeDocs: true }, null, 5))).toEqual({
    startkey: '["a", 1.0]', endkey: '["a",{}]', inclusive_end: false, descending: true, include_docs: true, reduce: false, limit: 6,
  });
});

test("the next page begins with its first row's key and id", () => {
  const next = nextOf(PLAIN, null, { id: "d", key: [1], value: 0 }, 20);
  expect(given(queryOf({ ...PLAIN, startkey: "0" }, next, 20))).toMatchObject({ startkey: "[1]", startkey_docid: "d" });
});

test("reduced rows have no ids, so they are skipped; so are those of one key", () => {
  const form = { ...PLAIN, reduce: true, group: "2", includeDocs: true };
  const next = nextOf(form, { skip: 20 }, { key: 1, value: 0 }, 20);
  expect(given(queryOf(form, next, 20))).toEqual({ reduce: true, group_level: 2, skip: 40, limit: 21 });
  expect(nextOf({ ...PLAIN, key: "1" }, null, { id: "d", key: 1, value: 0 }, 20)).toEqual({ skip: 20 });
  expect(nextOf(form, null, null, 20)).toBe(null);
});

test("a key that is no JSON is explained", () => {
  expect(() => queryOf({ ...PLAIN, key: "abc" }, null, 1)).toThrow(QueryError);
  expect(() => queryOf({ ...PLAIN, key: "abc" }, null, 1)).toThrow('"abc"');
});
