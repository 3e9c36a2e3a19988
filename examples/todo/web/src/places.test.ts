import { expect, test } from "vitest";
import { claimsOf } from "./sign-in";
import { siteOf } from "./places";

test("without a word of the deploy the API is where the page is", () => {
  expect(siteOf({}, "http://here")).toEqual({ places: [{ name: "", label: "Any region", url: "http://here/v1/todo" }], signIn: null });
});

test("each region has an address of its own", () => {
  const told = { api: "/v2/todos", regions: [{ name: "london", location: "London", gateway_url: "http://l:1/" }, { name: "lost", gateway_url: "" }] };
  expect(siteOf(told, "http://here").places.map((one) => [one.label, one.url])).toEqual([["Any region", "http://here/v2/todos"], ["London", "http://l:1/v2/todos"]]);
});

test("somebody signs in only where the service and the client are known", () => {
  expect(siteOf({ sign_in: { issuer: "http://i/" } }, "").signIn).toBeNull();
  expect(siteOf({ sign_in: { issuer: "http://i/", client_id: "c" } }, "").signIn).toEqual({ issuer: "http://i", client_id: "c" });
});

test("a token's claims are read, and nonsense has none", () => {
  expect(claimsOf(`x.${btoa('{"email":"ada@example.org"}')}.y`)).toEqual({ email: "ada@example.org" });
  expect(claimsOf("nonsense")).toEqual({});
});
