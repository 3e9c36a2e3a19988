import { expect, test } from "vitest";
import { attemptOf, curl, shownAs, type Form } from "./request";

const form = (more: Partial<Form>): Form => ({ verb: "post", path: "/todo/{id}", names: { id: "a/b" }, below: "", query: "", headers: "", body: "", token: "", key: null, ...more });
const bytes = (text: string) => new TextEncoder().encode(text);

test("names in the path are encoded, what is below it is added", () => {
  expect(attemptOf(form({ below: "/x y" }), "/api/guest/v1").path).toBe("/api/guest/v1/todo/a%2Fb/x%20y");
  expect(() => attemptOf(form({ names: {} }), "")).toThrow("The path needs a value for id.");
  expect(() => attemptOf(form({ below: "x" }), "")).toThrow(/begins with/);
});

test("query, headers, key and token come where they belong", () => {
  const sent = attemptOf(form({ query: "a=1=2\n\nb", headers: "X-A: one: two", token: " t ", key: { name: "k", at: "query", value: "v" }, body: "{}" }), "");
  expect(sent.query).toEqual([["a", "1=2"], ["b", ""], ["k", "v"]]);
  expect(sent.headers).toEqual([["content-type", "application/json"], ["X-A", "one: two"], ["authorization", "Bearer t"]]);
});

test("what a browser would drop is refused in words", () => {
  expect(() => attemptOf(form({ headers: "Cookie: a=b" }), "")).toThrow(/does not let a page send the header Cookie/);
  expect(() => attemptOf(form({ headers: "no header" }), "")).toThrow(/is no header/);
  expect(() => attemptOf(form({ headers: "Authorization: Basic dTpw" }), "")).toThrow(/not passed on/);
});

test("a GET has no body", () => {
  expect(attemptOf(form({ verb: "get", body: "{}" }), "").body).toBeNull();
});

test("the command can be pasted into a shell", () => {
  const sent = attemptOf(form({ names: { id: "1" }, query: "q=it's", body: "{\"a\": \"it's\"}" }), "/api/guest");
  expect(curl(sent, "http://h:1/")).toBe("curl -i -X POST 'http://h:1/api/guest/todo/1?q=it%27s' -H 'content-type: application/json' --data-binary '{\"a\": \"it'\\''s\"}'");
});

test("an answer is shown as what it is, and never run", () => {
  expect(shownAs("application/json", bytes("{\"a\":1}"), true)).toEqual({ as: "json", text: "{\n  \"a\": 1\n}" });
  expect(shownAs("application/json", bytes("{broken"), true).as).toBe("text");
  expect(shownAs("text/html", bytes("<b>x</b>"), true)).toEqual({ as: "text", text: "<b>x</b>" });
  expect(shownAs("image/png", bytes("x"), true).as).toBe("binary");
  expect(shownAs("text/plain", new Uint8Array([0xff, 0xfe]), true).as).toBe("binary");
  expect(shownAs("", new Uint8Array(), true).as).toBe("nothing");
});
