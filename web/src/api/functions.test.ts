import { expect, test } from "vitest";
import { below, who } from "./functions";

test("every segment of a path may have any character", () => {
  expect(below("my ns", "actions", "a/b", "c?d")).toBe("functions/api/v1/namespaces/my%20ns/actions/a%2Fb/c%3Fd");
});

test("an admin names the namespace, anybody else shows the key and no session", () => {
  expect(who({ namespace: "guest", key: "" })).toEqual({ headers: { "x-couchgrass-namespace": "guest" } });
  expect(who({ namespace: "guest", key: "u:s" })).toEqual({ headers: { authorization: "Basic dTpz" }, session: false });
});

test.each(["nonsense", "a:", "ü:x", "a b:c"])("%s is no key", (key) => {
  expect(() => who({ namespace: "guest", key })).toThrow(/uuid:secret/);
});
