// One value of a document, as far as there is room.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { diff } from "../../../merge/diff";
import { type Json, write } from "../../../merge/json";
import { pathWords } from "../../../merge/path";

const SHOWN_MAX = 600;
/** Of a list so many differences are told one by one. */
const CHANGES_MAX = 12;

export function Value({ value }: { value: Json | undefined }): JSX.Element {
  const all = useSignal(false);
  if (value === undefined) return <em class="soft">not there</em>;
  const text = write(value, 2);
  const cut = text.length > SHOWN_MAX && !all.value;
  return (
    <>
      <pre class="conflicts-value">{cut ? `${text.slice(0, SHOWN_MAX)} …` : text}</pre>
      {cut && <button type="button" class="conflicts-more" onClick={(event) => { event.preventDefault(); all.value = true; }}>Show all of it</button>}
    </>
  );
}

/** What is different in a list or an object that is taken as a whole. */
export function Inside({ before, after }: { before: Json | undefined; after: Json | undefined }): JSX.Element | null {
  const lists = Array.isArray(before) && Array.isArray(after);
  if (!lists) return null;
  const changes = diff(before, after);
  if (!changes.length || changes.length > CHANGES_MAX) return null;
  return (
    <ul class="conflicts-inside small">
      {changes.map((one) => (
        <li key={`${one.kind}${pathWords(one.path)}`}>
          {one.kind} <code>{pathWords(one.path)}</code>{one.after !== undefined && <>: <code>{clipped(one.after)}</code></>}
        </li>
      ))}
    </ul>
  );
}

const clipped = (value: Json) => {
  const text = write(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};
