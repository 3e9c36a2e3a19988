import { expect, test } from "vitest";
import type { ActivationRow } from "../../api/whisk";
import { BACK_MS, begun, fresh, ROWS_MAX, since, taken } from "./tail";

const row = (id: string, start: number, end: number | undefined = start): ActivationRow => ({
  namespace: "guest", name: "x", version: "0.0.1", publish: false, annotations: [], activationId: id, start, ...(end === undefined ? {} : { end, duration: 0 }),
});

test("what there was at the beginning is not new", () => {
  const tail = begun([row("b", 20), row("a", 10)]);
  expect(fresh(tail, [row("c", 30), row("b", 20)]).map((one) => one.activationId)).toEqual(["c"]);
});

test("one that began earlier and ends later is still found", () => {
  let tail = begun<ActivationRow>([row("a", 100_000)]);
  tail = taken(tail, [row("b", 150_000)]);
  expect(since(tail)).toBe(150_000 - BACK_MS);
  const late = row("slow", 120_000, 160_000);
  expect(fresh(tail, [row("b", 150_000), late])).toEqual([late]);
  expect(taken(tail, [late]).rows.map((one) => one.activationId)).toEqual(["b", "slow"]);
});

test("one that runs is not taken before it has ended", () => {
  expect(fresh(begun([]), [{ ...row("a", 1), end: undefined } as unknown as ActivationRow])).toEqual([]);
});

test("it is bounded, in rows and in what it remembers", () => {
  let tail = begun<ActivationRow>([]);
  for (let at = 0; at < 2 * ROWS_MAX; at += 1) tail = taken(tail, [row(`id${at}`, at * 1000)]);
  expect(tail.rows.length).toBe(ROWS_MAX);
  expect(tail.rows[0]?.activationId).toBe(`id${2 * ROWS_MAX - 1}`);
  expect(tail.seen.size).toBeLessThanOrEqual((2 * BACK_MS) / 1000 + 1);
});

test("that more came than is asked for is said", () => {
  expect(taken(begun([]), [row("a", 1)], true).missed).toBe(true);
});
