import { expect, test } from "vitest";
import { bare, basicHeader, credentialsOf, withoutSecrets } from "./secrets";

test("no password, token or header of an end is shown, whatever its form", () => {
  const shown = JSON.stringify(withoutSecrets({
    _id: "job",
    source: "https://anna:s3cret@one.example/db",
    target: { url: "https://u:s3cret@two.example/db", headers: { Authorization: "Basic s3cret", "x-token": "s3cret" }, auth: { basic: { username: "anna", password: "s3cret" }, iam: "s3cret" } },
    source_proxy: "http://p:s3cret@proxy:8080",
    continuous: true,
  }));
  expect(shown).not.toContain("s3cret");
  expect(shown).toContain("one.example/db");
  expect(shown).toContain('"username":"anna"');
});

test("a password with a slash or an at sign in it is hidden whole", () => {
  expect(bare("http://u:a/b@c@host.example:5984/db")).toBe("http://host.example:5984/db");
  expect(bare("http://host.example:5984/db@x")).toBe("http://host.example:5984/db@x");
});

test("credentials are found wherever documents have them", () => {
  const found = { name: "anna", password: "pä:ss" };
  expect(credentialsOf({ url: "https://x/db", auth: { basic: { username: "anna", password: "pä:ss" } } })).toEqual(found);
  expect(credentialsOf("https://anna:p%C3%A4%3Ass@x/db")).toEqual(found);
  expect(credentialsOf({ url: "https://x/db", headers: { authorization: basicHeader(found) } })).toEqual(found);
  expect(credentialsOf("todos")).toBeNull();
  expect(credentialsOf({ url: "https://x/db", headers: { authorization: "Bearer t" } })).toBeNull();
});
