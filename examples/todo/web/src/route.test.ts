import { expect, test, vi } from "vitest";

vi.stubGlobal("location", { hash: "" });
vi.stubGlobal("addEventListener", () => {});
const { parsed, written } = await import("./route");

test.each(["#/", "#/active", "#/completed?at=dallas", "#/?side=london,dallas"])("%s is read and written alike", (hash) => {
  expect(written(parsed(hash))).toBe(hash);
});

test("what makes no sense shows everything", () => {
  expect(parsed("#/nonsense?side=london")).toEqual({ filter: "all", at: "", side: null });
});
