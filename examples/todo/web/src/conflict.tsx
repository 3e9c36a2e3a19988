// A todo that was changed in two regions at the same time: what each has, and the choice. Until it is made, all
// regions show the same one of them, CouchDB's winner.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Version } from "./api";
import type { Board } from "./board";
import type { Shown } from "./ops";

export function Conflict({ board, todo, onClose }: { board: Board; todo: Shown; onClose: () => void }): JSX.Element {
  const versions = useSignal<Version[] | null>(null);
  const failed = useSignal("");
  const title = useSignal(todo.title);
  const completed = useSignal(todo.completed);
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const load = () => {
    failed.value = "";
    board.api.versions(todo.id).then(
      (answer) => { versions.value = answer.value; },
      (error: unknown) => { failed.value = error instanceof Error ? error.message : String(error); },
    );
  };
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    dialog.current?.focus();
    load();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const settle = (fields: { title: string; completed: boolean }) => {
    if (!versions.value) return;
    board.resolve(todo.id, fields, versions.value);
    onClose();
  };
  return (
    <dialog ref={dialog} tabIndex={-1} class="conflict" aria-labelledby={id} onCancel={(event) => { event.preventDefault(); onClose(); }}>
      <h2 id={id}>Which one is right?</h2>
      <p>This todo was changed in two regions at the same time. Until you choose, everybody sees the first one.</p>
      {failed.value && <p class="bad" role="alert">{failed.value} <button class="link" onClick={load}>Try again</button></p>}
      {!versions.value && !failed.value && <p role="status">Loading …</p>}
      <ol class="choices">
        {versions.value?.map((one) => (
          <li key={one.version}>
            <p class="choice-title">{one.title}</p>
            <p class="soft">{one.completed ? "completed" : "not completed"}</p>
            <button onClick={() => settle({ title: one.title, completed: one.completed })}>Keep this</button>
          </li>
        ))}
      </ol>
      {versions.value && (
        <form class="merge" onSubmit={(event) => { event.preventDefault(); if (title.value.trim()) settle({ title: title.value.trim(), completed: completed.value }); }}>
          <h3>Or merge them</h3>
          <label>Title<input value={title.value} required maxLength={2000} onInput={(event) => { title.value = event.currentTarget.value; }} /></label>
          <div class="pieces">
            {versions.value.map((one) => (
              <button key={one.version} type="button" class="link" onClick={() => { title.value = one.title; }}>“{one.title}”</button>
            ))}
          </div>
          <label class="inline"><input type="checkbox" checked={completed.value} onChange={(event) => { completed.value = event.currentTarget.checked; }} /> completed</label>
          <div class="buttons">
            <button type="button" onClick={onClose}>Later</button>
            <button type="submit" class="main">Save as the one</button>
          </div>
        </form>
      )}
      {!versions.value && <div class="buttons"><button onClick={onClose}>Close</button></div>}
    </dialog>
  );
}
