// What is in a file before it is uploaded, and what became of it after.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { Button, Fact, Facts } from "../../../ui/parts";
import { save } from "../../../ui/save";
import { bytes, count } from "../../../ui/words";
import type { Refused, Revs } from "./batch";
import type { State, Survey } from "./send";

const SHOWN_MAX = 100;

export function CheckedStep({ file, seen, empty, send, back }: { file: File; seen: Survey; empty: boolean; send: (revs: Revs) => void; back: () => void }): JSX.Element {
  const revs = useSignal<Revs>(empty && seen.withRev ? "keep" : "edit");
  return (
    <>
      <Facts>
        <Fact label="Documents">{count(seen.docs)}</Fact>
        <Fact label="Size">{bytes(file.size)}</Fact>
        {seen.refusedCount > 0 && <Fact label="Can't be used" tone="bad">{count(seen.refusedCount)}</Fact>}
      </Facts>
      {seen.withRev > 0 && <RevsChoice revs={revs.value} withRev={seen.withRev} all={seen.docs} change={(to) => { revs.value = to; }} />}
      <RefusedList refused={seen.refused} all={seen.refusedCount} title="Can't be used, and will be left out" />
      <footer>
        <button onClick={back}>Back</button>
        <button class="main" disabled={!seen.docs} onClick={() => send(revs.value)}>Upload {count(seen.docs)} {seen.docs === 1 ? "document" : "documents"}</button>
      </footer>
    </>
  );
}

const CHOICES: readonly [Revs, string, string][] = [
  ["edit", "As edits", "Each follows the revision that it names; when that is not the newest one, it is refused as a conflict."],
  ["keep", "As they are, with these revisions", "As replication does it (new_edits=false): right for bringing back what was downloaded. Where another revision is there, the two become a conflict."],
  ["drop", "As new documents", "Their revisions are left out; ids that are there already are refused as conflicts."],
];

function RevsChoice({ revs, withRev, all, change }: { revs: Revs; withRev: number; all: number; change: (revs: Revs) => void }): JSX.Element {
  return (
    <fieldset class="databases-revs">
      <legend>{withRev === all ? "They" : `${count(withRev)} of them`} have a _rev. Write them</legend>
      {CHOICES.map(([value, title, hint]) => (
        <div key={value}>
          <label class="inline"><input type="radio" name="revs" checked={revs === value} onChange={() => change(value)} /> {title}</label>
          <p class="hint">{hint}</p>
        </div>
      ))}
    </fieldset>
  );
}

export function DoneStep({ db, state, failed, onClose }: { db: string; state: State; failed: string; onClose: () => void }): JSX.Element {
  return (
    <>
      {failed && <p class="bad-note" role="alert">{failed}</p>}
      <div role="status">
        <Facts>
          <Fact label="Written" tone={state.written ? "good" : "plain"}>{count(state.written)}</Fact>
          <Fact label="Refused" tone={state.refusedCount ? "bad" : "plain"}>{count(state.refusedCount)}</Fact>
        </Facts>
      </div>
      <RefusedList refused={state.refused} all={state.refusedCount} title="Refused" />
      <footer>
        {state.refused.length > 0 && (
          <Button icon="down" onClick={() => save(new Blob(state.refused.map((one) => `${one.text.replaceAll(/\r?\n/g, " ")}\n`)), `${db}-refused.ndjson`)}>Download the refused ones</Button>
        )}
        <button class="main" onClick={onClose}>Close</button>
      </footer>
    </>
  );
}

function RefusedList({ refused, all, title }: { refused: readonly Refused[]; all: number; title: string }): JSX.Element | null {
  if (!all) return null;
  return (
    <section class="databases-refused" aria-label={title}>
      <h3>{title}</h3>
      <ul tabIndex={0}>
        {refused.slice(0, SHOWN_MAX).map((one, at) => (
          <li key={at}>{!one.reason.startsWith("line ") && <span class="soft">line {count(one.line)}</span>} {one.id && <code>{one.id}</code>} {one.reason}</li>
        ))}
      </ul>
      {all > SHOWN_MAX && <p class="hint">and {count(all - SHOWN_MAX)} more</p>}
    </section>
  );
}
