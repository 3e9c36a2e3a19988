import { expect, test } from "vitest";
import type { Admitted, BalancerNow } from "../../api/dashboard";
import { command, drainWords, shares } from "./shares";

function admitted(state: string, requests_s: number | null = 0, requests = 0): Admitted {
  return { state, reason: "", since: 0, requests, requests_s, weight: null };
}

function balancer(regions: Record<string, Admitted>): BalancerNow {
  return { url: "", answers: true, here: true, policy: "failover", regions };
}

test("shares are of all requests, and of none nobody has a share", () => {
  expect(shares({ a: admitted("serving", 30), b: admitted("standby", 10), c: admitted("out", null) })).toEqual({ a: 0.75, b: 0.25, c: null });
  expect(shares({ a: admitted("serving", 0) })).toEqual({ a: null });
});

test("before a drain one reads who takes over, and what is under way", () => {
  const two = balancer({ london: admitted("serving", 9, 3), dallas: admitted("standby") });
  expect(drainWords(two, "london")).toEqual({ text: "london gets no new requests from now on. Right now 3 requests are under way there; they end in peace. dallas takes over.", alone: false });
  expect(drainWords(balancer({ a: admitted("serving"), b: admitted("serving") }), "a").text).toContain("no request is under way there. b goes on serving.");
});

test("who would be the last is warned about", () => {
  const told = drainWords(balancer({ london: admitted("serving", 1, 1), dallas: admitted("out") }), "london");
  expect(told.alone).toBe(true);
  expect(told.text).toContain("No other region can serve");
});

test("the command for another machine", () => {
  expect([command("london", true), command("london", false)]).toEqual(["couchgrass drain london", "couchgrass undrain london"]);
});
