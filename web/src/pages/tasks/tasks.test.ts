import { expect, test } from "vitest";
import { details, matches, progress, standing, subject, taskKey, typeWord } from "./tasks";

const COMPACTION = { type: "database_compaction", database: "shards/00000000-7fffffff/todos.1412300000", progress: 42, pid: "<0.1.0>" };
const REPLICATION = { type: "replication", source: "https://u:p@b.example/x/", target: "x", changes_pending: 1200, pid: "<0.2.0>" };

test("each type says what it is about, without credentials", () => {
  expect(subject(COMPACTION)).toBe("todos");
  expect(subject(REPLICATION)).toBe("https://b.example/x/ → x");
  expect(subject({ type: "indexer", database: "todos", design_document: "_design/all" })).toBe("todos _design/all");
  expect(typeWord("something_new")).toBe("something new");
});

test("progress is what is told, or what can be counted, or unknown", () => {
  expect(progress(COMPACTION)).toBe(0.42);
  expect(progress({ type: "indexer", changes_done: 5, total_changes: 20 })).toBe(0.25);
  expect(progress(REPLICATION)).toBeNull();
  expect(standing(REPLICATION)).toBe("1,200 changes pending");
  expect(standing({ type: "replication", changes_pending: 0 })).toBe("up to date");
});

test("tasks are found by any word, told in full, and known again", () => {
  expect(matches(REPLICATION, "B.example repl")).toBe(true);
  expect(matches(COMPACTION, "b.example")).toBe(false);
  expect(details({ ...REPLICATION, started_on: 1, user: null }, (ms) => `at ${ms}`)).toContainEqual(["started_on", "at 1000"]);
  expect(JSON.stringify(details(REPLICATION, String))).not.toContain("u:p@");
  expect(taskKey(COMPACTION)).not.toBe(taskKey(REPLICATION));
});
