import { expect, test } from "vitest";
import { commonAncestor, pathOf, shortRev, winnerFirst } from "./tree";

const branch = (rev: string, deleted = false) => ({ rev, deleted, path: [rev] });

test("the winner is not deleted, has the longest history, then the largest id", () => {
  const leaves = [branch("12-a", true), branch("9-b"), branch("10-a"), branch("10-c"), branch("10-b")];
  expect(winnerFirst(leaves).map((one) => one.rev)).toEqual(["10-c", "10-b", "10-a", "9-b", "12-a"]);
});

test("the common ancestor is the newest that all have", () => {
  expect(commonAncestor([pathOf(3, ["c", "b", "a"]), pathOf(4, ["y", "x", "b", "a"])])).toBe("2-b");
  expect(commonAncestor([pathOf(3, ["c", "b", "a"]), pathOf(2, ["x", "a"]), pathOf(2, ["b", "a"])])).toBe("1-a");
  expect(commonAncestor([pathOf(9, ["c", "b"]), pathOf(9, ["x", "y"])])).toBe(null);
});

test("a long revision is shortened, a short one is not", () => {
  expect(shortRev("3-974acc5c6ade71ddfa394f5b20663a16")).toBe("3-974acc5c");
  expect(shortRev("3-abc")).toBe("3-abc");
});
