import { expect, test } from "vitest";
import { copy, Exact, type Json, JsonError, parse, parseObject, same, write } from "./json";

test.each([
  '{"a":1,"b":[true,false,null],"c":{"d":"e"}}',
  '{"n":12345678901234567890,"f":1.0,"e":1e3,"z":-0}',
  '{"10":1,"2":2,"__proto__":{"x":1},"":0}',
  '"\\u0000\\n\\"é😀"',
  "[]",
  "{}",
])("what is read is written as it was: %s", (text) => {
  expect(write(parse(text))).toBe(text);
});

test("with an indent it is what JSON.stringify makes", () => {
  const value = { a: [1, { b: null }], c: {}, d: [], e: "x" };
  expect(write(parse(JSON.stringify(value)), 2)).toBe(JSON.stringify(value, null, 2));
  expect(parse(JSON.stringify(value, null, 2))).toEqual(parse(JSON.stringify(value)));
});

test.each([
  ["{", "Line 1, column 2: expected a name in double quotes."],
  ['{\n  "a": 1\n  "b": 2\n}', "Line 3, column 3: expected a comma or }."],
  ["[1,]", "Line 1, column 4: expected a value."],
  ["01", "Line 1, column 2: expected the end."],
  ['{"a":"b\nc"}', "Line 1, column 6: expected a text without line breaks that ends with a double quote."],
  ['"\\x"', "Line 1, column 1: expected a text without line breaks that ends with a double quote."],
  ["", "Line 1, column 1: expected a value."],
  ["[".repeat(2000), "Line 1, column 1002: expected less than 1000 levels."],
])("what is no JSON is refused with its place: %s", (text, message) => {
  expect(() => parse(text)).toThrow(new JsonError(message));
});

test("a document is an object", () => {
  expect(() => parseObject("[1]")).toThrow("A document is a JSON object");
});

test.each<[string, string, boolean]>([
  ['{"a":1,"b":2}', '{"b":2,"a":1}', true],
  ["[1,2]", "[2,1]", false],
  ["1", "1.0", false],
  ["1.0", "1.0", true],
  ["12345678901234567890", "12345678901234567891", false],
  ['{"a":null}', "{}", false],
  ["{}", "[]", false],
])("%s and %s are the same: %s", (one, other, are) => {
  expect(same(parse(one), parse(other))).toBe(are);
});

test("a copy shares nothing", () => {
  const value = parse('{"a":[{"b":1.0}]}') as Map<string, Json>;
  const other = copy(value) as Map<string, Json>;
  ((other.get("a") as Json[])[0] as Map<string, Json>).set("b", 2);
  expect(write(value)).toBe('{"a":[{"b":1.0}]}');
  expect(parse("1.0")).toBeInstanceOf(Exact);
});
