// What a user has done and a server may not know yet. Pure: lists in, lists out.
//
// Every change is an operation in a queue. The list on the screen is what the server said last, with all
// operations laid over it, so a change is seen at once, and nothing typed is lost while there is no answer.
// An operation that was acknowledged stays for a while: another region may answer the next time, and not have
// it yet.

export interface Fields {
  title?: string;
  completed?: boolean;
  order?: number;
}

/** As the API shows it. `versions`: how many there are, when regions changed it at the same time. */
export interface Todo {
  id: string;
  url: string;
  title: string;
  completed: boolean;
  order?: number;
  versions?: number;
}

/** `key` makes a repeated request count once. `temporary` is the id on the screen until there is a real one.
 * `resolves`: the versions that a change stands for. `acked`: when the server had it, in milliseconds. */
export type Op = { key: string; acked?: number; refused?: string } & (
  | { kind: "add"; temporary: string; id?: string; fields: Fields & { title: string } }
  | { kind: "patch"; id: string; fields: Fields; resolves?: string[] }
  | { kind: "remove"; id: string }
);

/** `unsaved`: the server does not have all of it yet. */
export interface Shown extends Todo {
  unsaved: boolean;
}

/** How long what was acknowledged is shown although the server's list lacks it. */
export const ACKED_MS = 5000;

/** The list as it is on the screen. */
export function shown(server: readonly Todo[], ops: readonly Op[]): Shown[] {
  let list: Shown[] = server.map((todo) => ({ ...todo, unsaved: false }));
  for (const op of ops) {
    if (op.refused) continue;
    const unsaved = op.acked === undefined;
    switch (op.kind) {
      case "add": {
        const id = op.id ?? op.temporary;
        if (!list.some((todo) => todo.id === id)) list.push({ id, url: "", completed: false, ...op.fields, unsaved });
        break;
      }
      case "patch":
        list = list.map((todo) => (todo.id === op.id ? settled({ ...todo, ...op.fields, unsaved: todo.unsaved || unsaved }, op) : todo));
        break;
      case "remove":
        list = list.filter((todo) => todo.id !== op.id);
        break;
    }
  }
  return inOrder(list);
}

function settled(todo: Shown, op: Op & { kind: "patch" }): Shown {
  if (!op.resolves) return todo;
  const { versions: _, ...one } = todo;
  return one;
}

function inOrder(list: Shown[]): Shown[] {
  return list.sort((a, b) => (a.order ?? Number.MAX_SAFE_INTEGER) - (b.order ?? Number.MAX_SAFE_INTEGER) || (a.id < b.id ? -1 : 1));
}

/** The queue with another operation. What was not sent yet takes it in: three changes of a title are one. */
export function queued(ops: readonly Op[], op: Op, sending: string | null): Op[] {
  const waits = (one: Op) => one.acked === undefined && !one.refused && one.key !== sending;
  if (op.kind === "patch" && !op.resolves) {
    const before = ops.findLast((one) => waits(one) && target(one) === op.id);
    if (before?.kind === "add" || (before?.kind === "patch" && !before.resolves)) {
      return ops.map((one) => (one === before ? ({ ...one, fields: { ...before.fields, ...op.fields } } as Op) : one));
    }
  }
  if (op.kind === "remove") {
    const made = ops.find((one) => one.kind === "add" && waits(one) && one.temporary === op.id);
    const rest = ops.filter((one) => !(waits(one) && target(one) === op.id));
    return made ? rest : [...rest, op];
  }
  return [...ops, op];
}

/** The id of the todo that an operation is about. */
export function target(op: Op): string {
  return op.kind === "add" ? (op.id ?? op.temporary) : op.id;
}

/** After the server took it. An added todo has an id from now on, which later operations use too. */
export function acked(ops: readonly Op[], key: string, now: number, id?: string): Op[] {
  const done = ops.find((one) => one.key === key);
  const temporary = done?.kind === "add" ? done.temporary : null;
  return ops.map((one) => {
    if (one.key === key) return { ...one, acked: now, ...(id && one.kind === "add" ? { id } : {}) };
    return id && one.kind !== "add" && one.id === temporary ? { ...one, id } : one;
  });
}

/** Without what the server's list shows by itself, or was acknowledged long enough ago. */
export function forgotten(ops: readonly Op[], server: readonly Todo[], now: number): Op[] {
  const there = new Map(server.map((todo) => [todo.id, todo]));
  return ops.filter((op) => {
    if (op.acked === undefined) return true;
    if (now - op.acked > ACKED_MS) return false;
    const todo = there.get(target(op));
    switch (op.kind) {
      case "add":
        return !todo;
      case "remove":
        return Boolean(todo);
      case "patch":
        return !todo || Object.entries(op.fields).some(([name, value]) => todo[name as keyof Todo] !== value);
    }
  });
}

/** The ones that the server does not have. */
export function waiting(ops: readonly Op[]): Op[] {
  return ops.filter((op) => op.acked === undefined && !op.refused);
}
