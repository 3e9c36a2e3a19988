import { expect, test } from "vitest";
import { fieldsOf, merged, type Picks, undecided } from "./fields";
import { type JsonMap, parse, write } from "./json";
import { pathKey, pathWords } from "./path";

const of = (text: string) => parse(text) as JsonMap;
const fields = (base: string | null, ...versions: string[]) => fieldsOf(base === null ? null : of(base), versions.map(of));
const told = (...how: Parameters<typeof fields>) => fields(...how).map((one) =>
  `${pathWords(one.path)}: ${one.choices.map(({ value, versions, change }) => `${value === undefined ? "-" : write(value)} of ${versions.join("+")}${change ? ` ${change}` : ""}`).join(", ")}; ${one.state}`);
const result = (base: string | null, versions: string[], picks: Picks = new Map()) =>
  write(merged(of(versions[0] as string), fields(base, ...versions), picks));

test("with the ancestor, what one side changed is told from what both did", () => {
  expect(told('{"a":1,"b":1,"c":1,"d":1}', '{"a":2,"b":1,"c":2,"d":2}', '{"a":1,"b":2,"c":3,"d":2}')).toEqual([
    "a: 2 of 0 changed, 1 of 1; one",
    "b: 1 of 0, 2 of 1 changed; one",
    "c: 2 of 0 changed, 3 of 1 changed; both",
  ]);
});

test("the merge proposes each side's own changes, and the winner's where both changed", () => {
  expect(result('{"a":1,"b":1,"c":1}', ['{"a":2,"b":1,"c":2}', '{"a":1,"b":2,"c":3}'])).toBe('{"a":2,"b":2,"c":2}');
});

test("additions and removals of one side are taken", () => {
  expect(told('{"a":1,"b":1}', '{"b":1,"n":1}', '{"a":1,"b":1,"m":2}')).toEqual([
    "n: 1 of 0 added, - of 1; one",
    "a: - of 0 removed, 1 of 1; one",
    "m: - of 0, 2 of 1 added; one",
  ]);
  expect(result('{"a":1,"b":1}', ['{"b":1,"n":1}', '{"a":1,"b":1,"m":2}'])).toBe('{"b":1,"n":1,"m":2}');
});

test("removed on one side and changed on the other is somebody's to decide", () => {
  expect(told('{"a":1}', "{}", '{"a":2}')).toEqual(["a: - of 0 removed, 2 of 1 changed; both"]);
});

test("without the ancestor everything is to be decided, and differences are against the winner", () => {
  expect(told(null, '{"a":1,"b":1}', '{"a":2,"c":1}')).toEqual([
    "a: 1 of 0, 2 of 1 changed; unknown",
    "b: 1 of 0, - of 1 removed; unknown",
    "c: - of 0, 1 of 1 added; unknown",
  ]);
  expect(result(null, ['{"a":1,"b":1}', '{"a":2,"c":1}'])).toBe('{"a":1,"b":1}');
});

test("objects are merged inside; an object against anything else is one field", () => {
  expect(result('{"a":{"x":1,"y":1}}', ['{"a":{"x":2,"y":1}}', '{"a":{"x":1,"y":2,"z":3}}'])).toBe('{"a":{"x":2,"y":2,"z":3}}');
  expect(told(null, '{"a":{"x":1}}', '{"a":5}')).toEqual(['a: {"x":1} of 0, 5 of 1 changed; unknown']);
  expect(told('{"a":{"x":1}}', '{"a":{"x":1}}', "{}")).toEqual(['a: {"x":1} of 0, - of 1 removed; one']);
});

test("objects that both sides added are merged inside too", () => {
  expect(told("{}", '{"a":{"x":1}}', '{"a":{"x":1,"y":2}}')).toEqual(["a.y: - of 0, 2 of 1 added; one"]);
});

test("lists of one length are merged place by place, others as a whole", () => {
  expect(result('{"l":[1,2,3]}', ['{"l":[9,2,3]}', '{"l":[1,2,8]}'])).toBe('{"l":[9,2,8]}');
  expect(told('{"l":[1,2]}', '{"l":[1,2,3]}', '{"l":[0,1,2]}')).toEqual(["l: [1,2,3] of 0 changed, [0,1,2] of 1 changed; both"]);
  expect(told('{"l":[1]}', '{"l":[1,2]}', '{"l":[1]}')).toEqual(["l: [1,2] of 0 changed, [1] of 1; one"]);
  expect(told(null, '{"l":[{"d":1},2]}', '{"l":[{"d":2},2]}')).toEqual(["l[0].d: 1 of 0, 2 of 1 changed; unknown"]);
});

test("of three and more revisions the same values are one choice", () => {
  expect(told('{"a":1,"b":1}', '{"a":1,"b":2}', '{"a":5,"b":3}', '{"a":5,"b":2}')).toEqual([
    "a: 1 of 0, 5 of 1+2 changed; one",
    "b: 2 of 0+2 changed, 3 of 1 changed; both",
  ]);
});

test("what was picked counts, and is decided then", () => {
  const versions = ['{"a":{"b":1},"c":1}', '{"a":{"b":2}}'];
  const picks = new Map([[pathKey(["a", "b"]), 1], [pathKey(["c"]), 1]]);
  expect(result(null, versions, picks)).toBe('{"a":{"b":2}}');
  expect(undecided(fields(null, ...versions), new Map()).length).toBe(2);
  expect(undecided(fields(null, ...versions), picks)).toEqual([]);
  expect(undecided(fields("{}", "{}", '{"a":1}'), new Map())).toEqual([]);
});

test("numbers beyond JavaScript's and odd names stay what they are", () => {
  const versions = ['{"n":12345678901234567890,"__proto__":1,"f":1.0}', '{"n":12345678901234567891,"__proto__":2,"f":1}'];
  expect(result(null, versions, new Map([[pathKey(["n"]), 1], [pathKey(["__proto__"]), 1]]))).toBe('{"n":12345678901234567891,"__proto__":2,"f":1.0}');
});

test("the winner itself is not touched", () => {
  const winner = of('{"a":{"b":1}}');
  merged(winner, fieldsOf(null, [winner, of('{"a":{"b":2}}')]), new Map([[pathKey(["a", "b"]), 1]]));
  expect(write(winner)).toBe('{"a":{"b":1}}');
});
