// Download of documents as one file.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Dialog } from "../../../ui/dialog";
import { Progress } from "../../../ui/parts";
import { save } from "../../../ui/save";
import { tell, words } from "../../../ui/toast";
import { count } from "../../../ui/words";
import type { Filter } from "../documents/sources";
import { ALL } from "../documents/state";
import { texts } from "./read";

/** Texts are handed to the browser in parts of this size, which it may keep on disk. */
const PART_CHARS = 8_000_000;

type Form = "ndjson" | "docs";

export function DownloadDialog({ db, filter, total, onClose }: { db: string; filter: Filter; total: number; onClose: () => void }): JSX.Element {
  const filtered = filter.kind === "find" || (filter.kind === "all" && filter.prefix !== "");
  const form = useSignal<Form>("ndjson");
  const some = useSignal(filtered);
  const attachments = useSignal(false);
  const done = useSignal<number | null>(null);
  const failed = useSignal("");
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);
  const all = some.value ? null : total;
  const run = async () => {
    stop.current = new AbortController();
    failed.value = "";
    done.value = 0;
    try {
      const asked = { db, filter: some.value ? filter : ALL, attachments: attachments.value, signal: stop.current.signal };
      const { blob, docs } = await gather(texts(asked), form.value, (docs) => { done.value = docs; });
      save(blob, `${db}.${form.value === "ndjson" ? "ndjson" : "json"}`);
      tell(`${count(docs)} ${docs === 1 ? "document" : "documents"} of ${db} downloaded.`);
      onClose();
    } catch (error) {
      failed.value = stop.current.signal.aborted ? "Stopped; nothing was saved." : words(error);
      done.value = null;
    }
  };
  const running = done.value !== null;
  return (
    <Dialog title={`Download from ${db}`} onClose={onClose}>
      <div class="body">
        {failed.value && <p class="bad-note" role="alert">{failed.value}</p>}
        {filtered && (
          <fieldset disabled={running}>
            <legend>Which documents</legend>
            <label class="inline"><input type="radio" name="which" checked={some.value} onChange={() => { some.value = true; }} /> Those of the filter</label>{" "}
            <label class="inline"><input type="radio" name="which" checked={!some.value} onChange={() => { some.value = false; }} /> All</label>
          </fieldset>
        )}
        <label>
          <span>Form</span>
          <select disabled={running} value={form.value} onChange={(event) => { form.value = event.currentTarget.value as Form; }}>
            <option value="ndjson">One document a line (NDJSON)</option>
            <option value="docs">{'{"docs": […]}'}, as _bulk_docs takes it</option>
          </select>
        </label>
        <label class="inline"><input type="checkbox" disabled={running} checked={attachments.value} onChange={() => { attachments.value = !attachments.value; }} /> With attachments, inside of the documents</label>
        <p class="hint">Of each document the winning revision, design documents too. Losing revisions of conflicts are not in it; replication copies those.</p>
        {running && (
          <div role="status">
            <p class="nums">{count(done.value)}{all !== null && ` of ${count(all)}`} documents read</p>
            <Progress value={all ? (done.value ?? 0) / all : null} label="How far it is" />
          </div>
        )}
        <footer>
          {running ? <button onClick={() => stop.current.abort()}>Stop</button> : <button onClick={onClose}>Cancel</button>}
          <button class="main" disabled={running} onClick={() => void run()}>Download</button>
        </footer>
      </div>
    </Dialog>
  );
}

async function gather(pages: AsyncIterable<string[]>, form: Form, progress: (docs: number) => void): Promise<{ blob: Blob; docs: number }> {
  const parts: Blob[] = [];
  let held: string[] = [form === "docs" ? '{"docs":[\n' : ""];
  let chars = 0;
  let docs = 0;
  for await (const page of pages) {
    for (const text of page) {
      held.push(form === "ndjson" ? `${text}\n` : `${docs ? ",\n" : ""}${text}`);
      chars += text.length;
      docs += 1;
    }
    if (chars > PART_CHARS) {
      parts.push(new Blob(held));
      held = [];
      chars = 0;
    }
    progress(docs);
  }
  held.push(form === "docs" ? "\n]}\n" : "");
  return { blob: new Blob([...parts, ...held], { type: form === "ndjson" ? "application/x-ndjson" : "application/json" }), docs };
}
