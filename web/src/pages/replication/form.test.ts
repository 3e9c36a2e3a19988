import { expect, test } from "vitest";
import { type Server } from "../../api/replication";
import { documentsOf, emptyForm, formOf, problems, suggestedId, takenApart, type Form } from "./form";
import { paused } from "./pause";

const OURS: Server = { isOurs: true, hasAuth: true, base: "http://here:5984/" };
const OLD_APACHE: Server = { isOurs: false, hasAuth: false, base: "http://here:5984/" };
const FAR = { kind: "remote" as const, database: "", url: "https://b.example/todos/", auth: "basic" as const, name: "anna", password: "pw" };

function filled(changed: Partial<Form> = {}): Form {
  const empty = emptyForm();
  return { ...empty, id: "job", source: { ...empty.source, database: "todos" }, target: FAR, ...changed };
}

test("a local and a remote end become a name, and a URL whose password stands beside it", () => {
  expect(documentsOf(filled(), OURS)).toEqual([{
    _id: "job", source: "todos", continuous: true,
    target: { url: "https://b.example/todos", auth: { basic: { username: "anna", password: "pw" } } },
  }]);
});

test("where the server knows neither names nor auth, it gets URLs and headers", () => {
  const source = { ...emptyForm().source, database: "a/b", auth: "basic" as const, name: "me", password: "x" };
  const [doc] = documentsOf(filled({ source }), OLD_APACHE);
  expect(doc?.source).toEqual({ url: "http://here:5984/a%2Fb", headers: { authorization: `Basic ${btoa("me:x")}` } });
  expect(doc?.target).toMatchObject({ headers: { authorization: `Basic ${btoa("anna:pw")}` } });
});

test("both directions are two documents; only the target of the first is created", () => {
  const [there, back] = documentsOf(filled({ both: true, createTarget: true, q: "2" }), OURS);
  expect(there).toMatchObject({ _id: "job", create_target: true, create_target_params: { q: 2 } });
  expect(back).toMatchObject({ _id: "job-back", source: there?.target, target: "todos" });
  expect(back).not.toHaveProperty("create_target");
});

test("all that a form may say comes back from its document", () => {
  const form = filled({ which: "selector", selector: '{"type":"todo"}', winnersOnly: true, noCheckpoints: true, since: "12-abc", continuous: false });
  form.numbers.worker_batch_size = "50";
  const [doc] = documentsOf(form, OURS);
  expect(doc).toMatchObject({ selector: { type: "todo" }, winning_revs_only: true, use_checkpoints: false, since_seq: "12-abc", worker_batch_size: 50, continuous: false });
  const read = formOf(doc ?? { _id: "" }, "_replicator", OURS);
  expect(read.target).toMatchObject({ kind: "remote", url: "https://b.example/todos", auth: "basic", name: "anna", password: "" });
  expect(documentsOf(read, OURS, doc)).toEqual([doc]);
});

test("a change keeps the password that was not typed, and what the form does not know", () => {
  const old = { _id: "job", _rev: "2-b", source: "https://u:p%40w@b.example/todos", target: "todos", continuous: true, owner: "anna", user_ctx: { name: "anna", roles: [] }, _replication_state: "failed", doc_ids: ["a"] };
  const form = { ...formOf(old, "_replicator", OURS), which: "all" as const };
  expect(problems(form, OURS)).toEqual([]);
  expect(documentsOf(form, OURS, old)).toEqual([{
    _id: "job", _rev: "2-b", target: "todos", continuous: true, owner: "anna", user_ctx: { name: "anna", roles: [] },
    source: { url: "https://b.example/todos", auth: { basic: { username: "u", password: "p@w" } } },
  }]);
});

test("a password that is kept does not go to another server", () => {
  const old = { _id: "job", source: { url: "https://b.example/todos", auth: { basic: { username: "u", password: "secret" } } }, target: "todos" };
  const form = formOf(old, "_replicator", OURS);
  form.source = { ...form.source, url: "https://elsewhere.example/todos" };
  expect(problems(form, OURS).map((one) => one.field)).toEqual(["source-password"]);
  expect(JSON.stringify(documentsOf(form, OURS, old))).not.toContain("secret");
});

test("headers that are no login stay with their server", () => {
  const old = { _id: "job", source: { url: "https://b.example/todos", headers: { authorization: "Bearer t", "x-one": "1" } }, target: "todos" };
  const form = { ...formOf(old, "_replicator", OURS) };
  expect(form.source.auth).toBe("kept");
  expect(documentsOf(form, OURS, old)[0]?.source).toEqual(old.source);
  form.source = { ...form.source, url: "https://elsewhere.example/todos" };
  expect(problems(form, OURS).map((one) => one.field)).toEqual(["source"]);
  form.source = { ...form.source, auth: "none" };
  expect(documentsOf(form, OURS, old)[0]?.source).toBe("https://elsewhere.example/todos");
});

test("a paused job that is changed stays paused", () => {
  const old = paused({ _id: "job", source: "a", target: "b" }, "anna", new Date(0), null);
  const form = { ...formOf(old, "_replicator", OURS), continuous: true };
  expect(documentsOf(form, OURS, old)[0]).toMatchObject({ _replication_state: "failed", continuous: true });
});

test("what is wrong is said with its field", () => {
  const fields = (form: Form, server = OURS) => problems(form, server).map((one) => one.field);
  expect(fields(filled())).toEqual([]);
  expect(fields(emptyForm())).toEqual(["source", "target"]);
  expect(fields(filled({ source: { ...emptyForm().source, database: "Todos" } }))).toEqual(["source"]);
  expect(fields(filled({ target: { ...FAR, url: "https://b.example/" } }))).toEqual(["target"]);
  expect(fields(filled({ target: { ...FAR, url: "ftp://b.example/x" } }))).toEqual(["target"]);
  expect(fields(filled({ target: { ...FAR, password: "" } }))).toEqual(["target-password"]);
  expect(fields(filled({ target: { ...FAR, name: " " } }))).toEqual(["target-name"]);
  expect(fields(filled({ target: { ...emptyForm().source, database: "todos" } }))).toEqual(["target"]);
  expect(fields(filled({ which: "selector", selector: "{" }))).toEqual(["selector"]);
  expect(fields(filled({ which: "selector", selector: "[]" }))).toEqual(["selector"]);
  expect(fields(filled({ which: "ids", ids: " \n" }))).toEqual(["ids"]);
  expect(fields(filled({ which: "filter", filter: "x", params: "1" }))).toEqual(["filter", "params"]);
  expect(fields(filled({ id: "_x", q: "-1" }))).toEqual(["id", "q"]);
  expect(fields(filled(), OLD_APACHE)).toEqual([]);
});

test("an id is made of what people know, and a pasted URL is taken apart", () => {
  expect(suggestedId(filled(), OURS, "0a1b")).toBe("todos-to-b.example-0a1b");
  expect(suggestedId(filled({ source: FAR, target: { ...emptyForm().source, database: "copy" } }), OURS, "1")).toBe("copy-from-b.example-1");
  expect(takenApart("https://u:p%20w@b.example/x")).toEqual({ url: "https://b.example/x", name: "u", password: "p w" });
  expect(takenApart("https://b.example/x")).toBeNull();
});
