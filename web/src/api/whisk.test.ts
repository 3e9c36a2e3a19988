import { expect, test } from "vitest";
import { asRows, fullName, kindOf, looksSecret, objectFrom, ownParameters, placeFrom, placeOf, shortName, webOf, webPath } from "./whisk";

test("places are read from entities and from paths", () => {
  expect(placeOf({ namespace: "guest/tools", name: "cut" })).toEqual({ namespace: "guest", package: "tools", name: "cut" });
  expect(placeOf({ namespace: "guest", name: "cut" }).package).toBe("");
  expect(placeFrom("/guest/tools/cut")).toEqual(placeFrom("guest/tools/cut"));
  expect(placeFrom("cut")).toBeNull();
  expect([shortName(placeFrom("/guest/cut")!), fullName(placeFrom("/guest/tools/cut")!)]).toEqual(["cut", "/guest/tools/cut"]);
});

test("a web action's path has each segment encoded, and default for no package", () => {
  expect(webPath({ namespace: "a b", package: "", name: "x@y" }, "json")).toBe("/api/v1/web/a%20b/default/x%40y.json");
});

test("the kind is in the code, and in lists in an annotation", () => {
  expect(kindOf({ exec: { kind: "python:3" }, annotations: [] })).toBe("python:3");
  expect(kindOf({ exec: { binary: false }, annotations: [{ key: "exec", value: "nodejs:20" }] })).toBe("nodejs:20");
});

test("an action is on the web when it is exported, and raw only then", () => {
  const web = { key: "web-export", value: true };
  const raw = { key: "raw-http", value: true };
  expect([webOf({ annotations: [web] }), webOf({ annotations: [raw, web] }), webOf({ annotations: [raw] })]).toEqual(["web", "raw", "no"]);
});

test.each(["password", "CLOUDANT_PASSWORD", "apiKey", "api_key", "secret", "authToken", "key", "sshKey_key"])("%s looks secret", (name) => {
  expect(looksSecret(name)).toBe(true);
});

test.each(["username", "url", "keyboard", "monkey", "base_path"])("%s does not", (name) => {
  expect(looksSecret(name)).toBe(false);
});

test("what a package gives is not an action's own, unless it says something else", () => {
  const all = [{ key: "a", value: 1 }, { key: "b", value: 2 }, { key: "c", value: { d: 3 } }];
  expect(ownParameters(all, [{ key: "a", value: 1 }, { key: "b", value: 9 }])).toEqual([{ key: "b", value: 2 }, { key: "c", value: { d: 3 } }]);
});

test("parameters that are given at the start stay so", () => {
  expect(asRows({ a: 1, b: 2 }, [{ key: "a", value: 0, init: true }])).toEqual([{ key: "a", value: 1, init: true }, { key: "b", value: 2 }]);
});

test("parameters are an object, or the error says what is wrong", () => {
  expect(objectFrom("  ", "They")).toEqual({});
  expect(() => objectFrom("[1]", "They")).toThrow(/have to be a JSON object/);
  expect(() => objectFrom("{", "They")).toThrow(/They are no JSON/);
});
