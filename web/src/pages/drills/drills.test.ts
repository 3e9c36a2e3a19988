import { expect, test } from "vitest";
import { FAULTS, faultWords, willBreak } from "./faults";
import { lines, markedAt, said, zeroOf, type Moment } from "./live";
import { facts, marks, reportOf, series } from "./report";

const LOG = ["   0.0 s  load of 100 requests a second", "   5.0 s  fault: region, kill, london", "  12.0 s  healed"];

function moment(at: number, london: number | null): Moment {
  return { at, requests: { london }, errors: 0 };
}

test("each fault says what is really broken", () => {
  for (const kind of FAULTS) for (const way of kind.ways) expect(willBreak(kind, way.how, "dallas").length).toBeGreaterThan(40);
  expect([faultWords("region", "pause"), faultWords("balancer-restart", "kill"), faultWords("new", "way")]).toEqual(["A region dies (freeze)", "The balancer restarts", "new, way"]);
});

test("lines of the log have times, others have none", () => {
  expect(said(LOG[1]!)).toEqual({ at_s: 5, text: "fault: region, kill, london" });
  expect(said("Written: report.json")).toEqual({ at_s: null, text: "Written: report.json" });
});

test("the drill's clock is known from its earliest line; another drill begins it anew", () => {
  expect(zeroOf(null, LOG.slice(0, 1), 0, 1000.6)).toBe(1000.6);
  expect(zeroOf(1000.6, LOG.slice(0, 2), 1, 1005.2)).toBeCloseTo(1000.2);
  expect(zeroOf(1000.2, LOG.slice(0, 1), 0, 1050)).toBe(1050);
  expect(zeroOf(null, LOG, 0, 2000)).toBe(1988);
});

test("fault and healing are marked where they were", () => {
  const moments = Array.from({ length: 31 }, (_, at) => moment(1000 + at / 2, 50));
  expect(markedAt(LOG, 1000, moments)).toEqual([{ at: 10, text: "fault: region, kill, london" }, { at: 24, text: "healed" }]);
  expect(markedAt(LOG, null, moments)).toEqual([]);
  expect(markedAt(LOG, 900, moments)).toEqual([]);
});

test("values stand at their time; a late one is no gap, a silence is", () => {
  const [london] = lines([moment(10, 1), moment(11, 2), moment(13, 3)]);
  expect(london?.values).toEqual([1, 1, 2, null, null, null, 3]);
});

const REPORT = reportOf({
  fault: { kind: "region", how: "kill", region: "london", other: "" }, seconds: 20.3, rate: 100, broke_s: 0.25, healed_s: 0.5, rto_s: 0.31, rpo: { writes: 3, seconds: 0.08 }, converged_s: null,
  methods: [{ method: "GET", requests: 1000, failed: 0, p50_ms: 4, p99_ms: 20 }, { method: "POST", requests: 400, failed: 2, p50_ms: 4, p99_ms: 20 }],
  digests: { london: "a", dallas: "b" }, slots: [{ at_s: 0, served: { dallas: 25 }, failed: 0 }, { at_s: 0.25, served: { london: 20 }, failed: 5 }, { at_s: 0.5, served: {}, failed: 0 }],
});

test("a report's facts in words", () => {
  const rows = Object.fromEntries(facts(REPORT));
  expect(rows).toMatchObject({
    "Failed requests": "2 of 400 POST",
    "Service again after (RTO)": "0.31 s",
    "Not yet in the survivor (RPO)": "3 writes, the oldest 0.08 s old",
    "Equal again": "never",
    "All regions’ data": "differs",
    Load: "1,400 requests in 20.3 s, 100 a second",
  });
});

test("a report's requests a second, and when it was broken", () => {
  expect(series(REPORT, ["london", "dallas"]).map((one) => [one.name, one.values])).toEqual([["london", [0, 80, 0]], ["dallas", [100, 0, 0]], ["failed", [0, 20, 0]]]);
  expect(marks(REPORT).map((one) => one.at)).toEqual([1, 2]);
});
