// The first step of an upload: a file, or pasted text.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { Drop } from "../../../ui/drop";

export function ChooseStep({ failed, take }: { failed: string; take: (file: File) => void }): JSX.Element {
  const text = useSignal("");
  return (
    <>
      {failed && <p class="bad-note" role="alert">{failed}</p>}
      <p class="hint">An array of documents, <code>{'{"docs": […]}'}</code>, the rows of <code>_all_docs</code>, or one document a line (NDJSON). What “Download” gives is good too.</p>
      <Drop label="Choose a JSON file" accept=".json,.ndjson,.jsonl,.txt,application/json" take={(files) => { if (files[0]) take(files[0]); }} />
      <label>
        <span>Or paste it here</span>
        <textarea spellcheck={false} rows={6} value={text.value} onInput={(event) => { text.value = event.currentTarget.value; }} />
      </label>
      <footer>
        <button class="main" disabled={!text.value.trim()} onClick={() => take(new File([text.value], "pasted text"))}>Check the text</button>
      </footer>
    </>
  );
}
