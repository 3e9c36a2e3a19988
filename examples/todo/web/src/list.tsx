// One list of todos, as TodoMVC has it, with what is not saved yet and which region answers.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Board } from "./board";
import { Conflict } from "./conflict";
import type { Shown } from "./ops";
import { FILTERS, shows, written } from "./route";
import { Status } from "./status";

const DRAFT = "todo-draft";

/** `name` is the heading where there are several. In the first one typing begins. */
export function List({ board, name, isFirst = false }: { board: Board; name: string; isFirst?: boolean }): JSX.Element {
  const list = board.list.value;
  const left = list.filter((todo) => !todo.completed).length;
  const { filter } = shows.value;
  const seen = list.filter((todo) => filter === "all" || todo.completed === (filter === "completed"));
  const toggleAll = () => {
    const completed = left > 0;
    for (const todo of list) if (todo.completed !== completed) board.change(todo.id, { completed });
  };
  const clear = () => {
    for (const todo of list) if (todo.completed) board.remove(todo.id);
  };
  const all = useId();
  return (
    <section class="board" aria-label={name || "Todos"}>
      {name && <h2>{name}</h2>}
      <NewTodo board={board} isFirst={isFirst} />
      {list.length > 0 && (
        <div class="toggle-all">
          <input id={all} type="checkbox" checked={left === 0} onChange={toggleAll} />
          <label for={all}>Mark all as complete</label>
        </div>
      )}
      <ul class="todos" aria-label={name ? `Todos in ${name}` : "All todos"}>
        {seen.map((todo) => <Item key={board.keyOf(todo.id)} board={board} todo={todo} />)}
      </ul>
      {board.server.value === undefined && !board.failed.value && <p class="nothing" role="status">Loading …</p>}
      {board.server.value && !list.length && <p class="nothing">Nothing to do.</p>}
      {list.length > 0 && (
        <div class="bar">
          <span class="count" aria-live="polite"><strong>{left}</strong> {left === 1 ? "item" : "items"} left</span>
          <nav class="filters" aria-label="Filter">
            {FILTERS.map((one) => (
              <a key={one} href={written({ ...shows.value, filter: one })} aria-current={one === filter ? "page" : undefined}>
                {one.charAt(0).toUpperCase() + one.slice(1)}
              </a>
            ))}
          </nav>
          {left < list.length && <button class="link clear" onClick={clear}>Clear completed</button>}
        </div>
      )}
      <Status board={board} />
    </section>
  );
}

/** Typing survives a reload. */
function NewTodo({ board, isFirst }: { board: Board; isFirst: boolean }): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (isFirst) field.current?.focus({ preventScroll: true });
  }, []);
  const key = `${DRAFT} ${board.place.url}`;
  const text = useSignal(sessionStorage.getItem(key) ?? "");
  const set = (typed: string) => {
    text.value = typed;
    if (typed) sessionStorage.setItem(key, typed);
    else sessionStorage.removeItem(key);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    const title = text.value.trim();
    if (!title) return;
    board.add(title);
    set("");
  };
  return (
    <form onSubmit={submit}>
      <input ref={field} class="new" aria-label="New todo" placeholder="What needs to be done?" autocomplete="off" maxLength={2000} value={text.value} onInput={(event) => set(event.currentTarget.value)} />
    </form>
  );
}

function Item({ board, todo }: { board: Board; todo: Shown }): JSX.Element {
  const editing = useSignal<string | null>(null);
  const choosing = useSignal(false);
  const field = useRef<HTMLInputElement>(null);
  const isEditing = editing.value !== null;
  const pencil = useRef<HTMLButtonElement>(null);
  const byKey = useRef(false);
  useEffect(() => {
    if (isEditing) field.current?.focus();
    else if (byKey.current) pencil.current?.focus();
    byKey.current = false;
  }, [isEditing]);
  const save = () => {
    if (editing.value === null) return;
    const title = editing.value.trim();
    editing.value = null;
    if (!title) board.remove(todo.id);
    else if (title !== todo.title) board.change(todo.id, { title });
  };
  const keys = (event: KeyboardEvent) => {
    byKey.current = event.key === "Enter" || event.key === "Escape";
    if (event.key === "Enter") save();
    if (event.key === "Escape") editing.value = null;
  };
  const took = board.arrivals.value[todo.id];
  return (
    <li class={`todo ${todo.completed ? "completed" : ""} ${todo.unsaved ? "unsaved" : ""}`}>
      {isEditing ? (
        <input ref={field} class="edit" aria-label={`Edit ${todo.title}`} maxLength={2000} value={editing.value ?? ""} onInput={(event) => { editing.value = event.currentTarget.value; }} onKeyDown={keys} onBlur={save} />
      ) : (
        <>
          <input type="checkbox" class="toggle" aria-label={`Complete ${todo.title}`} checked={todo.completed} onChange={() => board.change(todo.id, { completed: !todo.completed })} />
          <span class="title" onDblClick={() => { editing.value = todo.title; }}>{todo.title}</span>
          {todo.unsaved && <span class="mark" title="The server does not have this yet">not saved yet</span>}
          {took !== undefined && <span class="mark arrived" title="From the answer to the writer until it was seen here">arrived after {took < 1000 ? `${took} ms` : `${(took / 1000).toFixed(1)} s`}</span>}
          {(todo.versions ?? 1) > 1 && (
            <button class="mark versions" onClick={() => { choosing.value = true; }}>{todo.versions} versions</button>
          )}
          <button ref={pencil} class="small" aria-label={`Edit ${todo.title}`} onClick={() => { editing.value = todo.title; }}>✎</button>
          <button class="small destroy" aria-label={`Delete ${todo.title}`} onClick={() => board.remove(todo.id)}>×</button>
        </>
      )}
      {choosing.value && <Conflict board={board} todo={todo} onClose={() => { choosing.value = false; }} />}
    </li>
  );
}
