// How and what is replicated, how its document is called, and what few need to change.

import { type JSX } from "preact";
import { Choice, Field, Tick } from "./field";
import { NUMBERS, type NumberName, type Which } from "./form";
import { type Fields } from "./form-page";

const WHICH: readonly (readonly [Which, string])[] = [["all", "All"], ["selector", "By selector"], ["ids", "By id"], ["filter", "By filter function"]];

export function WhatFields({ fields, isNew }: { fields: Fields; isNew: boolean }): JSX.Element {
  const { form, set, problem } = fields;
  return (
    <fieldset class="card">
      <legend>What is replicated</legend>
      <div class="replication-two">
        <div class="stack">
          <Choice label="When" name="when" value={form.continuous ? "continuous" : "once"} onPick={(when) => set({ continuous: when === "continuous" })}
            options={[["continuous", "Continuous: from now on"], ["once", "One-time"]]} />
          {isNew && <Tick label="Both directions" value={form.both} onPick={(both) => set({ both })} hint="Makes a second replication, from the target back to the source." />}
        </div>
        <div class="stack">
          <Choice label="Which documents" name="which" value={form.which} options={WHICH} onPick={(which) => set({ which })} />
          {form.which === "selector" && (
            <Field label="Selector" rows={5} value={form.selector} placeholder={'{"type": "todo"}'} problem={problem("selector")} onInput={(selector) => set({ selector })}
              hint="A Mango selector, JSON. Documents that match are copied." />
          )}
          {form.which === "ids" && <Field label="Document ids" rows={5} value={form.ids} problem={problem("ids")} onInput={(ids) => set({ ids })} hint="One on each line." />}
          {form.which === "filter" && (
            <>
              <Field label="Filter" value={form.filter} placeholder="designdocument/filtername" problem={problem("filter")} onInput={(filter) => set({ filter })} hint="A filter function of a design document in the source." />
              <Field label="Filter parameters" rows={3} value={form.params} placeholder={'{"key": "value"}'} problem={problem("params")} onInput={(params) => set({ params })} hint="JSON, may be empty." />
            </>
          )}
        </div>
      </div>
    </fieldset>
  );
}

export function DocumentFields({ fields, names, isNew }: { fields: Fields; names: readonly string[]; isNew: boolean }): JSX.Element | null {
  const { form, set, problem } = fields;
  const places = [...new Set(["_replicator", ...names.filter((name) => name.endsWith("/_replicator")), form.replicator])];
  if (!isNew) return null;
  return (
    <fieldset class="card">
      <legend>Its document</legend>
      <div class="replication-two">
        <Field label="Id" value={form.id} placeholder="made from the names" problem={problem("id")} onInput={(id) => set({ id })}
          {...(form.both ? { hint: "The way back gets the same id with -back at its end." } : {})} />
        {places.length > 1 && (
          <label>
            <span>Kept in</span>
            <select value={form.replicator} onChange={(event) => set({ replicator: event.currentTarget.value })}>
              {places.map((name) => <option key={name} value={name}>{name}</option>)}
            </select>
          </label>
        )}
      </div>
    </fieldset>
  );
}

export function Advanced({ fields }: { fields: Fields }): JSX.Element {
  const { form, set, problem } = fields;
  const isWrong = [...Object.keys(NUMBERS), "q", "n"].some((name) => problem(name));
  return (
    <details class="card replication-advanced" {...(isWrong ? { open: true } : {})}>
      <summary>Advanced options</summary>
      <div class="replication-numbers">
        {(Object.entries(NUMBERS) as [NumberName, string][]).map(([name, words]) => (
          <Field key={name} label={name} value={form.numbers[name]} placeholder="the server's" problem={problem(name)} hint={words}
            onInput={(text) => set({ numbers: { ...form.numbers, [name]: text.trim() } })} />
        ))}
        <Field label="since_seq" value={form.since} placeholder="from the beginning" hint="Where to begin when there is no checkpoint" onInput={(since) => set({ since })} />
        <Field label="q" value={form.q} disabled={!form.createTarget} placeholder="the server's" problem={problem("q")} hint="Shards of a target that is created" onInput={(q) => set({ q: q.trim() })} />
        <Field label="n" value={form.n} disabled={!form.createTarget} placeholder="the server's" problem={problem("n")} hint="Copies of a target that is created" onInput={(n) => set({ n: n.trim() })} />
      </div>
      <Tick label="Winning revisions only" value={form.winnersOnly} onPick={(winnersOnly) => set({ winnersOnly })} hint="Conflicts stay behind: the target gets one revision of each document." />
      <Tick label="No checkpoints" value={form.noCheckpoints} onPick={(noCheckpoints) => set({ noCheckpoints })} hint="Each run compares everything again." />
    </details>
  );
}
