import { expect, test } from "vitest";
import { isPaused, isPausedReason, paused, started, PAUSED } from "./pause";

const DOC = { _id: "job", _rev: "1-a", source: "a", target: { url: "https://b/x", auth: { basic: { username: "u", password: "p" } } }, continuous: true, owner: "anna", user_ctx: { name: "anna", roles: [] } };

test("a paused document has all that it had, and what makes servers leave it alone", () => {
  const still = paused(DOC, "anna", new Date("2026-01-02T03:04:05.678Z"), "abc+continuous");
  expect(still).toMatchObject({ ...DOC, _replication_state: "failed", _replication_state_time: "2026-01-02T03:04:05Z", _replication_id: "abc" });
  expect(isPaused(still)).toBe(true);
  expect(isPausedReason(String(still._replication_state_reason))).toBe(true);
});

test("started it is what it was", () => {
  expect(started(paused(DOC, "anna", new Date(0), null))).toEqual(DOC);
});

test("what was written about a job that is over goes, too", () => {
  expect(started({ ...DOC, _replication_state: "completed", _replication_stats: {}, _replication_state_reason: "x" })).toEqual(DOC);
  expect(isPaused({ ...DOC, _replication_state: "failed" })).toBe(false);
  expect(PAUSED.startsWith("_")).toBe(false);
});
