// Names with values; those that look like secrets are hidden until somebody wants to see them.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { looksSecret, type Pair } from "../../api/whisk";
import { Badge } from "../../ui/parts";

const LONG = 2000;

export function Values({ label, rows, empty }: { label: string; rows: readonly Pair[]; empty?: string }): JSX.Element {
  if (!rows.length) return <p class="soft">{empty ?? "None."}</p>;
  return (
    <dl class="functions-values" aria-label={label}>
      {rows.map((row) => (
        <div key={row.key}>
          <dt>{row.key} {row.init && <Badge>at the start</Badge>}</dt>
          <dd><Value name={row.key} value={row.value} /></dd>
        </div>
      ))}
    </dl>
  );
}

function Value({ name, value }: { name: string; value: unknown }): JSX.Element {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 1);
  const hides = looksSecret(name) && typeof value !== "boolean" && text !== "" && text !== "null";
  const shown = useSignal(!hides);
  const all = useSignal(false);
  if (!shown.value) return <span class="row"><span aria-hidden="true">••••••••</span> <button type="button" onClick={() => { shown.value = true; }}>Show {name}</button></span>;
  const cut = text.length > LONG && !all.value;
  return (
    <>
      <code class="functions-value">{cut ? `${text.slice(0, LONG)} …` : text === "" ? "\u201c\u201d" : text}</code>
      {cut && <button type="button" onClick={() => { all.value = true; }}>Show all of it</button>}
      {hides && <button type="button" onClick={() => { shown.value = false; }}>Hide {name}</button>}
    </>
  );
}
