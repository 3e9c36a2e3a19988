import { expect, test } from "vitest";
import { type DocRow, type JobRow } from "../../api/replication";
import { countsOf, directionOf, endOf, jobOf, jobOfDocument, jobsOf, matches, seqNumber } from "./rows";

const DOC: DocRow = {
  doc_id: "job", database: "_replicator", id: "abc+continuous", source: "todos", target: "http://b.example:5984/todos/", state: "running",
  info: { docs_read: 3, docs_written: 2, changes_pending: 0, doc_write_failures: 1 }, error_count: 0, last_updated: "2026-01-02T03:04:05Z", start_time: "2026-01-02T03:04:00Z",
};
const JOB: JobRow = {
  id: "abc+continuous", pid: "<0.1.0>", source: "todos", target: "http://b.example:5984/todos/", database: "_replicator", doc_id: "job", user: "anna",
  info: { docs_read: 3 }, history: [{ timestamp: "2026-01-02T03:04:05Z", type: "started" }], start_time: "2026-01-02T03:04:00Z",
};

test("a row of ours has lag, next try and dead letters", () => {
  const job = jobOf({ ...DOC, lag_s: 1.5, next_try: "2026-01-02T03:04:10Z", dead_letters: 2 }, JOB);
  expect(job).toMatchObject({ state: "running", continuous: true, direction: "push", lagS: 1.5, deadLetters: 2, owner: "anna", isOurs: true, nextTry: Date.UTC(2026, 0, 2, 3, 4, 10) });
  expect(job.counts?.docs_written).toBe(2);
});

test("of a row of CouchDB's what it does not tell is unknown, not 0", () => {
  expect(jobOf(DOC, null)).toMatchObject({ lagS: null, deadLetters: null, nextTry: null, owner: null, isOurs: false, history: [] });
});

test("an error is told whether it is an object or a text, with the counts of the job", () => {
  const job = jobOf({ ...DOC, state: "crashing", info: { error: "db_not_found: no such" } }, JOB);
  expect(job.error).toBe("db_not_found: no such");
  expect(job.counts?.docs_read).toBe(3);
  expect(jobOf({ ...DOC, state: "failed", id: null, info: "old words" }, null)).toMatchObject({ error: "old words", continuous: null });
});

test("failed by a pause is paused", () => {
  expect(jobOf({ ...DOC, state: "failed", id: null, info: { error: "Paused by anna. It goes on when it is started." } }, null).state).toBe("paused");
});

test("a job that no document asks for is in the list, and its state is read from its history", () => {
  const transient = { ...JOB, id: "xyz", database: null, doc_id: null, pid: null };
  const jobs = jobsOf([DOC], [JOB, transient, { ...transient, id: "bad", history: [{ timestamp: "x", type: "crashed", reason: "no" }] }]);
  expect(jobs.map((job) => [job.docId ?? job.jobId, job.state])).toEqual([["job", "running"], ["xyz", "pending"], ["bad", "crashing"]]);
  expect(jobs[2]?.error).toBe("no");
  expect(countsOf(jobs)).toEqual([["crashing", 1], ["running", 1], ["pending", 1]]);
});

test("ends are named without credentials; two names make a direction", () => {
  const far = endOf("https://u:p@b.example/a%2Fb/");
  expect(far).toEqual({ host: "b.example", database: "a/b", full: "https://b.example/a%2Fb" });
  const near = endOf("a/b");
  expect([directionOf(near, far), directionOf(far, near), directionOf(near, near), directionOf(far, far)]).toEqual(["push", "pull", "local", "remote"]);
});

test("who sees only the document sees what it says", () => {
  const job = jobOfDocument("_replicator", { _id: "j", source: { url: "https://x.example/db" }, target: "db", continuous: true, owner: "anna" });
  expect(job).toMatchObject({ state: "unknown", direction: "pull", continuous: true, owner: "anna" });
  // As a server without a scheduler writes it.
  expect(jobOfDocument("_replicator", { _id: "j", source: "a", target: "b", _replication_state: "triggered" }).state).toBe("running");
});

test("the topology's jobs are known by their ids, and words find jobs", () => {
  expect(jobOf({ ...DOC, doc_id: "couchgrass-topology-a-b-todos-0" }, null).isKept).toBe(true);
  expect(matches(jobOf(DOC, JOB), "B.EXAMPLE push")).toBe(true);
  expect(matches(jobOf(DOC, JOB), "todos pull")).toBe(false);
});

test("sequences begin with a number", () => {
  expect([seqNumber("12-abc"), seqNumber(7), seqNumber('"9-x"'), seqNumber(null)]).toEqual([12, 7, 9, null]);
});
