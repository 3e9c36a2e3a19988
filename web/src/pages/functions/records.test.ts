import { expect, test } from "vitest";
import type { Activation, ActivationRow } from "../../api/whisk";
import { children, logLine, statusOf, timeOfDay, timings, whatRan } from "./records";

const row = (more: Partial<ActivationRow>): ActivationRow => ({
  namespace: "guest", name: "hello", version: "0.0.1", publish: false, annotations: [], activationId: "a".repeat(32), start: 1, ...more,
});
const record = (logs: string[], status = "success"): Activation => ({ ...row({ end: 2, duration: 1 }), subject: "guest", logs, response: { status, success: true, result: {} } });

test("a log line has a time, a stream and a text, which may be empty or have lines of its own", () => {
  expect(logLine("2026-01-02T03:04:05.678901234Z stdout: a: b")).toEqual({ at: "2026-01-02T03:04:05.678901234Z", stream: "stdout", text: "a: b" });
  expect(logLine("2026-01-02T03:04:05.678Z       stderr: ").text).toBe("");
  expect(logLine("what else")).toEqual({ at: "", stream: "", text: "what else" });
  expect(timeOfDay("2026-01-02T03:04:05.678901234Z")).toBe("03:04:05.678");
});

test("a cold run has the time of its init within its duration", () => {
  const cold = row({ end: 101, duration: 100, annotations: [{ key: "initTime", value: 40 }, { key: "waitTime", value: 5 }] });
  expect(timings(cold)).toEqual({ wait: 5, init: 40, run: 60 });
  expect(timings(row({ end: 2, duration: 1 }))).toEqual({ wait: 0, init: null, run: 1 });
  expect(timings(row({}))).toBeNull();
});

test("the outcome is told in OpenWhisk's words, in lists and in records", () => {
  expect(statusOf(row({}))[0]).toBe("running");
  expect(statusOf(row({ end: 2, duration: 1, statusCode: 2 }))).toEqual(["action developer error", "bad"]);
  expect(statusOf(record([], "application error"))[1]).toBe("warn");
});

test("what ran is told with its package", () => {
  const found = whatRan(row({ annotations: [{ key: "path", value: "guest/tools/hello" }, { key: "kind", value: "python:3" }] }));
  expect([found.words, found.place?.package, found.kind]).toEqual(["tools/hello", "tools", "python:3"]);
  expect(whatRan(row({})).place).toBeNull();
});

test("children are in the logs of sequences and of triggers", () => {
  const [one, other] = ["1".repeat(32), "2".repeat(32)];
  expect(children(record([one, other]))).toEqual([one, other]);
  expect(children(record([JSON.stringify({ rule: "guest/r", activationId: one }), "{broken"]))).toEqual([one]);
  expect(children(record(["2026-01-02T03:04:05.678Z stdout: hi"]))).toEqual([]);
});
