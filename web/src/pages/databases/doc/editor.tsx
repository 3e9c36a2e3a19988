// The text of a document: typed, checked while it is typed, saved.

import { useComputed, useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useEffect } from "preact/hooks";
import { pretty } from "../../../api/jsontext";
import { Editor } from "../../../ui/editor";
import { Button } from "../../../ui/parts";
import { tell, words } from "../../../ui/toast";
import { type Problem, problemsOf, withRev } from "./check";
import { MergeDialog } from "./merge-dialog";
import { isTyped, type Model, NONE, put, read, reset, take, textOf } from "./model";
import { type Conflict, saveText } from "./save";

interface How {
  model: Model;
  /** It is saved under this id. */
  saved: (id: string) => void;
}

export function EditorTab({ model, saved }: How): JSX.Element {
  const busy = useSignal(false);
  const failed = useSignal("");
  const conflict = useSignal<Conflict | null>(null);
  const problems = useComputed(() => problemsOf(textOf(model), model.id, model.loaded.value?.rev ?? ""));
  const hard = problems.value.filter((one) => one.hard);
  const typed = isTyped(model);

  /** Writes it, or asks what is to be done about a conflict. Raises ApiError. */
  const write = async (text: string) => {
    const known = conflict.value ? (conflict.value.theirs ?? NONE) : model.loaded.value;
    if (!known) return;
    const result = await saveText(model.db, model.id, known, text);
    if (result.kind === "conflict") {
      conflict.value = result;
      return;
    }
    if (conflict.value) model.typed.value = text;
    conflict.value = null;
    tell(`${result.id} is saved.`);
    if (model.id) take(model, await read(model.db, model.id), text);
    else reset(model);
    saved(result.id);
  };
  const save = async () => {
    // As it is now, not as it was drawn: keys come faster than pictures.
    if (busy.value || problems.value.some((one) => one.hard) || !(isTyped(model) || !model.id)) return;
    busy.value = true;
    failed.value = "";
    try {
      await write(textOf(model));
    } catch (error) {
      failed.value = words(error);
    } finally {
      busy.value = false;
    }
  };
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "s" || !(event.ctrlKey || event.metaKey) || event.altKey) return;
      event.preventDefault();
      void save();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
  return (
    <div class="stack">
      <Editor key={model.shown.value.version} label="Document" value={model.shown.value.text} onInput={(text) => { model.typed.value = text; }} />
      <Problems problems={problems.value} fix={() => put(model, withRev(textOf(model), model.loaded.value?.rev ?? ""))} />
      {failed.value && <p class="bad-note" role="alert">Not saved: {failed.value}</p>}
      <div class="row">
        <Button tone="main" busy={busy.value} disabled={hard.length > 0 || (!typed && model.id !== "")} title="Ctrl+S" onClick={() => void save()}>{busy.value ? "Saving …" : "Save"}</Button>
        {typed && <Button disabled={busy.value} onClick={() => reset(model)}>Discard changes</Button>}
        <Button disabled={hard.some((one) => one.fix === undefined)} onClick={() => put(model, pretty(textOf(model)))}>Tidy up</Button>
        <span class="hint" role="status">{typed ? "Not saved yet" : model.id ? "As the database has it" : ""}</span>
      </div>
      {conflict.value && (
        <MergeDialog key={conflict.value.theirs?.rev ?? "gone"} conflict={conflict.value} onClose={() => { conflict.value = null; }} save={write}
          edit={(text) => {
            model.loaded.value = conflict.value?.theirs ?? NONE;
            conflict.value = null;
            put(model, text);
          }} />
      )}
    </div>
  );
}

function Problems({ problems, fix }: { problems: readonly Problem[]; fix: () => void }): JSX.Element | null {
  if (!problems.length) return null;
  return (
    <ul class="databases-problems" role="status">
      {problems.map((one, at) => (
        <li key={at} class={one.hard ? "bad-note" : "note"}>
          Line {one.line}: {one.text} {one.fix && <button onClick={fix}>Put it right</button>}
        </li>
      ))}
    </ul>
  );
}
