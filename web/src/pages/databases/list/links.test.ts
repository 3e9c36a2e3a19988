import { expect, test } from "vitest";
import { linksOf } from "./links";

test("jobs are counted for the databases of this server, by name or by its address", () => {
  const found = linksOf(
    [
      { source: "http://there:5984/todos/", target: "todos" },
      { source: "http://here:5984/a%2Fb/", target: "http://there:5984/todos/" },
      { source: "todos", target: "copy" },
      { source: "nonsense://", target: "" },
    ],
    "here:5984",
  );
  expect([...found]).toEqual([["todos", { in: 1, out: 1 }], ["a/b", { in: 0, out: 1 }], ["copy", { in: 1, out: 0 }]]);
});
