import { expect, test } from "vitest";
import { ACKED_MS, acked, forgotten, type Op, queued, shown, type Todo, waiting } from "./ops";

const todo = (id: string, title: string, more: Partial<Todo> = {}): Todo => ({ id, url: "", title, completed: false, ...more });
const add = (key: string, title: string): Op => ({ kind: "add", key, temporary: `t-${key}`, fields: { title } });
const patch = (key: string, id: string, fields: object): Op => ({ kind: "patch", key, id, fields });
const remove = (key: string, id: string): Op => ({ kind: "remove", key, id });
const titles = (server: Todo[], ops: Op[]) => shown(server, ops).map((one) => one.title);

test("a change is seen before the server has it, and is marked", () => {
  const list = shown([todo("a", "one"), todo("b", "two")], [patch("1", "a", { title: "uno" }), add("2", "three"), remove("3", "b")]);
  expect(list.map((one) => [one.title, one.unsaved])).toEqual([["uno", true], ["three", true]]);
});

test("changes of what was not sent yet become one", () => {
  let ops: Op[] = queued([], add("1", "a"), null);
  ops = queued(ops, patch("2", "t-1", { title: "ab" }), null);
  ops = queued(ops, patch("3", "t-1", { completed: true }), null);
  expect(ops).toEqual([{ ...add("1", "a"), fields: { title: "ab", completed: true } }]);
});

test("what is being sent is not touched any more", () => {
  const ops = queued([add("1", "a")], patch("2", "t-1", { title: "b" }), "1");
  expect(ops).toHaveLength(2);
  expect(titles([], ops)).toEqual(["b"]);
});

test("a todo that was made and removed before it was sent is nothing", () => {
  expect(queued([add("1", "a"), patch("2", "t-1", { title: "b" })], remove("3", "t-1"), null)).toEqual([]);
});

test("a todo that is being sent is removed after it is there, by its real id", () => {
  const ops = acked(queued([add("1", "a")], remove("2", "t-1"), "1"), "1", 0, "real");
  expect(ops[1]).toMatchObject({ kind: "remove", id: "real" });
});

test("what was acknowledged stays until the list has it, or for a while", () => {
  const ops = acked([add("1", "a")], "1", 1000, "real");
  expect(titles([], ops)).toEqual(["a"]);
  expect(shown([], ops)[0]?.unsaved).toBe(false);
  expect(forgotten(ops, [todo("real", "a")], 1001)).toEqual([]);
  expect(forgotten(ops, [], 1001)).toEqual(ops);
  expect(forgotten(ops, [], 1001 + ACKED_MS)).toEqual([]);
});

test("an old answer does not undo a change that was acknowledged", () => {
  const ops = acked([patch("1", "a", { completed: true }), remove("2", "b")], "1", 0);
  const both = acked(ops, "2", 0);
  const old = [todo("a", "one"), todo("b", "two")];
  expect(forgotten(both, old, 1)).toEqual(both);
  expect(shown(old, both).map((one) => one.completed)).toEqual([true]);
});

test("a choice among versions ends the conflict on the screen", () => {
  const op: Op = { ...patch("1", "a", { title: "chosen" }), kind: "patch", id: "a", fields: { title: "chosen" }, resolves: ["2-x"] };
  expect(shown([todo("a", "one", { versions: 2 })], [op])[0]).not.toHaveProperty("versions");
  expect(queued([op], patch("2", "a", { completed: true }), null)).toHaveLength(2);
});

test("what was refused is neither shown nor waiting", () => {
  const ops: Op[] = [{ ...add("1", ""), refused: "A todo needs a title" }];
  expect([shown([], ops), waiting(ops)]).toEqual([[], []]);
});

test("todos stand in their order, then by age of their ids", () => {
  expect(titles([todo("b", "last"), todo("c", "first", { order: 1 }), todo("a", "middle")], [])).toEqual(["first", "middle", "last"]);
});
