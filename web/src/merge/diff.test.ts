import { expect, test } from "vitest";
import { diff } from "./diff";
import { parse, write } from "./json";
import { pathWords } from "./path";

const told = (before: string, after: string) => diff(parse(before), parse(after)).map((one) =>
  `${one.kind} ${pathWords(one.path)} ${one.before === undefined ? "-" : write(one.before)} ${one.after === undefined ? "-" : write(one.after)}`);

test.each<[string, string, string[]]>([
  ['{"a":1}', '{"a":1}', []],
  ['{"a":1,"b":2}', '{"b":3,"c":4}', ["removed a 1 -", "changed b 2 3", "added c - 4"]],
  ['{"a":{"b":{"c":1}}}', '{"a":{"b":{"c":2}}}', ["changed a.b.c 1 2"]],
  ['{"a":{"b":1}}', '{"a":[1]}', ['changed a {"b":1} [1]']],
  ['{"a":null}', "{}", ["removed a null -"]],
  ['{"a":1}', '{"a":1.0}', ["changed a 1 1.0"]],
  ['{"a b":{"0":1}}', '{"a b":{"0":2}}', ['changed ["a b"]["0"] 1 2']],
])("objects: %s, then %s", (before, after, changes) => {
  expect(told(before, after)).toEqual(changes);
});

test.each<[string, string, string[]]>([
  ["[1,2,3]", "[0,1,2,3]", ["added [0] - 0"]],
  ["[1,2,3]", "[1,3]", ["removed [1] 2 -"]],
  ["[1,2,3]", "[1,9,3]", ["changed [1] 2 9"]],
  ['[{"id":1,"x":1},{"id":2}]', '[{"id":0},{"id":1,"x":2},{"id":2}]', ["changed [0].id 1 0", "removed [0].x 1 -", 'added [1] - {"id":1,"x":2}']],
  ["[]", "[[]]", ["added [0] - []"]],
  ["[1,1]", "[1]", ["removed [1] 1 -"]],
])("lists are lined up: %s, then %s", (before, after, changes) => {
  expect(told(before, after)).toEqual(changes);
});

test("lists that are too long to be lined up are compared place by place", () => {
  const before = JSON.stringify(Array.from({ length: 1000 }, (_, at) => at));
  const after = JSON.stringify(Array.from({ length: 1000 }, (_, at) => (at === 500 ? "x" : at)));
  expect(told(before, after)).toEqual(['changed [500] 500 "x"']);
});
