import { expect, test } from "vitest";
import type { Admitted, History, LinkNow, Overview, RegionNow, RegionState } from "../api/dashboard";
import { extended, liveHistory } from "./past";
import { pairsOf } from "./pairs";
import { spanned } from "./span";
import { runs, share } from "./strip";
import { downWords, lagWords, listed, servingWords, summary, titleOf } from "./words";

function region(name: string, state: RegionState = "ready", more: Partial<RegionNow> = {}): RegionNow {
  return {
    name, location: "", coordinates: null, here: true, state, since: 0, reasons: [], lag_s: 0.1, database_url: "", functions_url: "", gateway_url: "", dashboard_url: "",
    rates: { requests_s: 10, errors_s: 0, activations_s: 1, cold_s: 0 }, ...more,
  };
}

function link(source: string, target: string, more: Partial<LinkNow> = {}): LinkNow {
  return { database: "todos", source, target, state: "running", job: "", lag_s: 0.2, pending: 0, rate_s: 1, dead_letters: 0, error: "", peer_reachable: true, ...more };
}

function admitted(state: string): Admitted {
  return { state, reason: "", since: 0, requests: 0, requests_s: 1, weight: null };
}

function overview(at: number, regions: RegionNow[], links: LinkNow[] = []): Overview {
  return { at, region: "london", wrong: [], regions, links, links_left_out: 0, balancer: { url: "", answers: true, here: true, policy: "failover", regions: Object.fromEntries(regions.map((one) => [one.name, admitted("serving")])) } };
}

test("live values are put behind the past, a mean for each step, and it stays as long", () => {
  const seen = [{ at: 101, value: 2 }, { at: 109, value: 4 }, { at: 112, value: null }, { at: 125, value: 7 }, { at: 99, value: 1000 }];
  expect(extended([1, 2, 3, 4, 5], 100, 10, seen, 125)).toEqual([4, 5, 3, null, 7]);
  expect(extended([1, 2], 100, 10, [], 100)).toEqual([1, 2]);
  expect(extended([1, 2], 100, 10, [], 1e6)).toEqual([null, null]);
});

test("the last hour goes on with what was seen since, for regions, links and the balancer", () => {
  const nothing = [null, null, null];
  const past: History = {
    step_s: 10, end: 100, links: {}, balancer: {}, events: [],
    regions: { london: { up: [1, 1, 1], requests_s: [1, 2, 3], errors_s: nothing, activations_s: nothing, cold_s: nothing, lag_s: nothing } },
  };
  const seen = [overview(101, [region("london")], [link("london", "dallas")]), overview(105, [region("london", "down")], [link("london", "dallas", { lag_s: 0.4 })])];
  const live = liveHistory(past, seen);
  expect(live.regions.london?.requests_s).toEqual([2, 3, 10]);
  expect(live.regions.london?.up).toEqual([1, 1, 0]);
  expect(live.links["london>dallas"]?.lag_s.at(-1)).toBe(0.4);
  expect(live.balancer.london?.up.at(-1)).toBe(1);
  expect(live.end).toBe(110);
});

test("a step that is not over yet goes on: its worst is kept, and it is not drawn twice", () => {
  const one = { up: [1, 1, 0], requests_s: [1, 2, 4], errors_s: [], activations_s: [], cold_s: [], lag_s: [] };
  const past: History = { step_s: 10, end: 110, links: { "london>dallas": { lag_s: [1, 2, 3], pending: [], rate_s: [] } }, balancer: {}, events: [], regions: { london: one } };
  const live = liveHistory(past, [overview(106, [region("london")])]);
  expect(live.regions.london?.up).toEqual([1, 1, 0]);
  expect(live.regions.london?.requests_s).toEqual([1, 2, 7]);
  expect(live.links["london>dallas"]?.lag_s).toEqual([1, 2, 3]);
  expect(liveHistory(past, [overview(106, [region("london")]), overview(111, [region("london")])]).regions.london?.up).toEqual([1, 0, 1]);
});

test("before the last hour has come there is what was seen", () => {
  const live = liveHistory(undefined, [overview(50, [region("london")])]);
  expect(live.regions.london?.requests_s.at(-1)).toBe(10);
  expect(live.regions.london?.requests_s.at(-2)).toBeNull();
});

test("a pair has the largest lag and the sums of its databases; what one does not know nobody knows", () => {
  const links = [link("london", "dallas", { lag_s: 0.2, pending: 3 }), link("london", "dallas", { database: "b", lag_s: 9, pending: 4, dead_letters: 2 })];
  const [pair] = pairsOf(links, [region("london"), region("dallas")]);
  expect(pair).toMatchObject({ lag_s: 9, pending: 7, dead_letters: 2, cut: false, tone: "warn" });
  expect(pairsOf([links[0]!, link("london", "dallas", { lag_s: null, pending: null })], [])[0]).toMatchObject({ lag_s: null, pending: null, tone: "soft" });
});

test("links of a region that is down are cut, in both directions", () => {
  const pairs = pairsOf([link("dallas", "london"), link("london", "dallas")], [region("london"), region("dallas", "down")]);
  expect(pairs.map((one) => [one.id, one.cut, one.state])).toEqual([["london>dallas", true, "cut: dallas down"], ["dallas>london", true, "cut: dallas down"]]);
  expect(pairsOf([], [region("london"), region("dallas", "down")], ["london>dallas", "london>tokyo"]).map((one) => [one.id, one.state])).toEqual([["london>dallas", "cut: dallas down"]]);
  expect(pairsOf([link("dallas", "london", { peer_reachable: false })], [])[0]).toMatchObject({ cut: true, state: "cut: dallas not reached" });
  expect(pairsOf([link("dallas", "london", { error: "401" })], [])[0]).toMatchObject({ cut: false, state: "failing", tone: "bad" });
});

test("what is down is said in words, with since and why, and comes first in the title", () => {
  const now = new Date(2026, 1, 3, 12, 3, 4).getTime();
  const dallas = region("dallas", "down", { since: now / 1000, reasons: ["its agent does not answer"] });
  expect(downWords(dallas, now)).toBe("dallas is down since 12:03:04: its agent does not answer");
  expect(titleOf("Overview", "london", overview(1, [region("london"), dallas]), false)).toBe("⚠ dallas is down – Overview – couchgrass london");
  expect(titleOf("Overview", "london", overview(1, [region("london")]), false)).toBe("Overview – couchgrass london");
  expect(titleOf("Overview", "london", undefined, true)).toBe("⚠ london does not answer – Overview – couchgrass london");
});

test("all in a sentence", () => {
  expect(summary(overview(1, [region("london"), region("dallas")]))).toBe("Both regions are ready; london and dallas serve");
  expect(summary(overview(1, [region("london"), region("dallas", "down"), region("tokyo", "live")]))).toBe("dallas is down, tokyo is catching up; london, dallas and tokyo serve");
  expect(servingWords({ a: admitted("out") })).toBe("No region serves");
  expect([listed([]), listed(["a"]), listed(["a", "b"])]).toEqual(["", "a", "a and b"]);
});

test("a strip joins steps of one colour; a step that was well for a part is amber", () => {
  expect(runs([null, 1, 1, 0.7, 0, 0])).toEqual([["", 0, 1], ["good", 1, 3], ["warn", 3, 4], ["bad", 4, 6]]);
  expect([share([null, 1, 1, 0]), share([null])]).toEqual(["66.6 %", "–"]);
});

test("of the last hour as much is drawn as is known, in steps that people know", () => {
  const of = (known: number): History => {
    const values = [...new Array<null>(360 - known).fill(null), ...new Array<number>(known).fill(1)];
    return { step_s: 10, end: 0, regions: {}, links: { "a>b": { lag_s: values, pending: new Array<null>(360).fill(null), rate_s: values } }, balancer: {}, events: [] };
  };
  const told = [1, 30, 31, 100, 360].map((known) => spanned(of(known)));
  expect(told.map((one) => [one.span, one.past.links["a>b"]?.lag_s.length])).toEqual([["5 min", 30], ["5 min", 30], ["10 min", 60], ["30 min", 180], ["1 h", 360]]);
});

test("a lag that is too small to be told is said to be so", () => {
  expect([0, 0.04, 0.3, 48, null].map(lagWords)).toEqual(["< 0.1 s", "< 0.1 s", "0.3 s", "48 s", "–"]);
});
