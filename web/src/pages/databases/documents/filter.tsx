// What of the documents is shown: ids that begin with something, those that a selector takes, deleted ones.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import type { JsonObject } from "../../../api/couch";
import { JsonError, scan } from "../../../api/jsontext";
import { go } from "../../../router";
import { documentHref } from "../place";
import type { Filter } from "./sources";
import { ALL } from "./state";

export function FilterBar({ db, filter, change }: { db: string; filter: Filter; change: (filter: Filter) => void }): JSX.Element {
  const kinds: readonly [Filter["kind"], string][] = [["all", "All, by id"], ["find", "By fields"], ["deleted", "Deleted"]];
  const turn = (kind: Filter["kind"]) => change(kind === "all" ? ALL : kind === "deleted" ? { kind } : { kind: "find", selector: {} });
  return (
    <div class="databases-filter">
      <label class="inline">
        <span>Show</span>
        <select value={filter.kind} onChange={(event) => turn(event.currentTarget.value as Filter["kind"])}>
          {kinds.map(([kind, words]) => <option key={kind} value={kind}>{words}</option>)}
        </select>
      </label>
      {filter.kind === "all" && <IdFilter db={db} filter={filter} change={change} />}
      {filter.kind === "find" && <SelectorFilter filter={filter} change={change} />}
      {filter.kind === "deleted" && <span class="hint">In the order in which they were last changed. The server reads all changes for it.</span>}
    </div>
  );
}

function IdFilter({ db, filter, change }: { db: string; filter: Filter & { kind: "all" }; change: (filter: Filter) => void }): JSX.Element {
  const id = useSignal(filter.prefix);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    change({ ...filter, prefix: id.value });
  };
  return (
    <form class="row" onSubmit={submit}>
      <label class="inline">
        <span>Id</span>
        <input type="search" placeholder="begins with …" autocomplete="off" autocapitalize="off" spellcheck={false} value={id.value}
          onInput={(event) => { id.value = event.currentTarget.value; if (!id.value && filter.prefix) change({ ...filter, prefix: "" }); }} />
      </label>
      <button type="submit">Filter</button>
      <button type="button" disabled={!id.value} onClick={() => go(documentHref(db, id.value))}>Open this id</button>
      <label class="inline"><input type="checkbox" checked={filter.descending} onChange={() => change({ ...filter, descending: !filter.descending })} /> From the end</label>
    </form>
  );
}

function SelectorFilter({ filter, change }: { filter: Filter & { kind: "find" }; change: (filter: Filter) => void }): JSX.Element {
  const text = useSignal(JSON.stringify(filter.selector));
  const wrong = useSignal("");
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    wrong.value = "";
    try {
      if (scan(text.value).kind !== "object") throw new JsonError("a selector is an object", text.value, 0);
      change({ kind: "find", selector: JSON.parse(text.value) as JsonObject });
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      wrong.value = `Column ${error.column}: ${error.message}`;
    }
  };
  return (
    <form class="row databases-selector" onSubmit={submit}>
      <label class="inline">
        <span>Selector</span>
        <input class="mono" placeholder='{"done": {"$eq": true}}' autocomplete="off" autocapitalize="off" spellcheck={false} aria-invalid={wrong.value !== ""}
          value={text.value} onInput={(event) => { text.value = event.currentTarget.value; }} />
      </label>
      <button type="submit">Find</button>
      {wrong.value && <span class="bad-note" role="alert">{wrong.value}</span>}
    </form>
  );
}
