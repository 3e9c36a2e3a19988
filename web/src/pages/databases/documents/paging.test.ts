import { expect, test } from "vitest";
import { above, backwards, before, cut, firstPage, onwards, start } from "./paging";

test("forward and back again through pages of two", () => {
  const all = ["a", "b", "c", "d", "e"];
  const read = (from: string | null) => cut(all.slice(from === null ? 0 : all.indexOf(from)).slice(0, 3), 2);
  let pages = firstPage<string>();
  const seen: (readonly string[])[] = [];
  for (;;) {
    const { rows, next } = read(start(pages));
    seen.push(rows);
    if (next === null) break;
    pages = onwards(pages, next);
  }
  expect(seen).toEqual([["a", "b"], ["c", "d"], ["e"]]);
  expect([before(pages), start(pages)]).toEqual([2, "e"]);
  pages = backwards(pages);
  expect(read(start(pages)).rows).toEqual(["c", "d"]);
  expect(backwards(backwards(backwards(pages)))).toEqual(firstPage());
});

test.each([["abc", "abd"], ["a\u{10ffff}", "b"], ["\ud7ff", "\ue000"], ["é", "ê"], ["a\uffff", "a\u{10000}"]])("what is above all that begins with %j is %j", (prefix, next) => {
  expect(above(prefix)).toBe(next);
});

test("nothing is above the last character, and of no prefix", () => {
  expect([above("\u{10ffff}"), above("")]).toEqual([undefined, undefined]);
});
