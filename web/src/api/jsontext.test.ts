import { describe, expect, test } from "vitest";
import { brief, JsonError, members, object, pretty, scan } from "./jsontext";

const wrong = (text: string): JsonError => {
  try {
    scan(text);
  } catch (error) {
    if (error instanceof JsonError) return error;
  }
  throw new Error(`taken: ${text}`);
};

describe("what is JSON", () => {
  test.each(["{}", "[]", " 1 ", '"a\\u00e9\\n"', "-0.5e+10", '{"a":[1,{"b":null}],"":true}', '[[],{}, "\\\\"]'])("%s is, as JSON.parse says", (text) => {
    JSON.parse(text);
    expect(JSON.parse(pretty(text))).toEqual(JSON.parse(text));
  });

  test.each(["", "{", "[1,]", '{"a":1,}', "{a:1}", "01", "1.", "+1", '"a\nb"', '"\\x"', '"abc', "nul", "1 2", '{"a" 1}', "[1 2]", "\u00a01", '{"a":1}}'])("%j is not, as JSON.parse says", (text) => {
    expect(() => JSON.parse(text)).toThrow();
    wrong(text);
  });

  test("an error says where and why", () => {
    expect(wrong('{\n  "a": 1\n  "b": 2\n}')).toMatchObject({ line: 3, column: 3, message: "a comma or “}” is expected, not “\"”" });
    expect(wrong('{\n  "a": 1,\n}')).toMatchObject({ line: 3, column: 1 });
    expect(wrong('{"a": "x\n}')).toMatchObject({ line: 1, column: 9 });
    expect(wrong("[".repeat(2000)).message).toContain("levels deep");
  });
});

test("numbers stay as they were written", () => {
  const text = '{"big":12345678901234567890,"one":1.0,"tiny":1e-400}';
  expect(pretty(text)).toBe('{\n  "big": 12345678901234567890,\n  "one": 1.0,\n  "tiny": 1e-400\n}');
  expect(object(members(text))).toBe(text);
});

test("sorted, two texts of one value are the same", () => {
  expect(pretty('{"b":{"y":1,"x":[]},"a":2}', true)).toBe(pretty('{"a":2, "b":{"x":[ ],"y":1}}', true));
});

test("of a name that comes twice the last counts, as everywhere", () => {
  expect(members('{"a":1,"a":2}').get("a")).toBe("2");
});

test("a long string is no trouble", () => {
  const long = JSON.stringify("é\\\"".repeat(1_000_000));
  expect(scan(`{"a":${long}}`).members[0]?.value.end).toBe(long.length + 5);
});

test("a cell is short", () => {
  expect([brief("abcdef", 4), brief({ a: 1 }), brief(undefined), brief(null)]).toEqual(["abc…", '{"a":1}', "", "null"]);
});
