// The options of a view's query.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import type { ViewForm } from "./query";

type Switch = { [K in keyof ViewForm]: ViewForm[K] extends boolean ? K : never }[keyof ViewForm];

export function QueryForm({ form, reduces, run, wrong }: { form: ViewForm; reduces: boolean; run: (form: ViewForm) => void; wrong: string }): JSX.Element {
  const now = useSignal(form);
  const set = (to: Partial<ViewForm>) => { now.value = { ...now.value, ...to }; };
  const field = (name: "key" | "startkey" | "endkey", hint: string) => (
    <label>
      <span>{name}</span>
      <input class="mono" placeholder={hint} autocomplete="off" autocapitalize="off" spellcheck={false} value={now.value[name]} onInput={(event) => set({ [name]: event.currentTarget.value })} />
    </label>
  );
  const box = (name: Switch, text: string, disabled = false) => (
    <label class="inline"><input type="checkbox" disabled={disabled} checked={now.value[name]} onChange={(event) => set({ [name]: event.currentTarget.checked })} /> {text}</label>
  );
  return (
    <form class="card stack" aria-label="Query" onSubmit={(event) => { event.preventDefault(); run(now.value); }}>
      <div class="databases-keys">
        {field("key", '"a"')}
        {field("startkey", '["a"]')}
        {field("endkey", '["a", {}]')}
      </div>
      <div class="row databases-options">
        {box("descending", "descending")}
        {box("inclusiveEnd", "with endkey itself")}
        {box("includeDocs", "include_docs", now.value.reduce)}
        {reduces && box("reduce", "reduce")}
        {reduces && now.value.reduce && (
          <label class="inline">
            <span>group</span>
            <select value={now.value.group} onChange={(event) => set({ group: event.currentTarget.value })}>
              <option value="">all together</option>
              <option value="exact">by key</option>
              {[1, 2, 3, 4, 5].map((level) => <option key={level} value={String(level)}>level {level}</option>)}
            </select>
          </label>
        )}
        <span class="grow" />
        <button type="submit" class="main">Query</button>
      </div>
      {wrong && <p class="bad-note" role="alert">{wrong}</p>}
    </form>
  );
}
