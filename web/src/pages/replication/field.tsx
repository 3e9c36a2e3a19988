// Fields of the form, each with what is wrong with it.

import { type ComponentChildren, type JSX } from "preact";
import { useId } from "preact/hooks";

interface How {
  label: string;
  value: string;
  onInput: (text: string) => void;
  problem?: string;
  hint?: ComponentChildren;
  placeholder?: string;
  type?: "text" | "password";
  options?: readonly string[];
  rows?: number;
  disabled?: boolean;
}

export function Field(how: How): JSX.Element {
  const id = useId();
  const same = {
    id, value: how.value, placeholder: how.placeholder ?? "", disabled: how.disabled ?? false, spellcheck: false,
    "aria-invalid": how.problem ? ("true" as const) : undefined,
    "aria-describedby": how.problem || how.hint ? `${id}-told` : undefined,
  };
  return (
    <div class="replication-field">
      <label for={id}>{how.label}</label>
      {how.rows
        ? <textarea {...same} rows={how.rows} onInput={(event) => how.onInput(event.currentTarget.value)} />
        : how.type === "password"
          ? <input {...same} type="password" autocomplete="new-password" onInput={(event) => how.onInput(event.currentTarget.value)} />
          : <input {...same} type="text" {...(how.options ? { list: `${id}-list` } : {})} autocomplete="off" autocapitalize="off" onInput={(event) => how.onInput(event.currentTarget.value)} />}
      {how.options && <datalist id={`${id}-list`}>{how.options.map((one) => <option key={one} value={one} />)}</datalist>}
      {(how.problem || how.hint) && (
        <p id={`${id}-told`} class={how.problem ? "replication-problem" : "hint"}>{how.problem || how.hint}</p>
      )}
    </div>
  );
}

/** One of a few, each with a word. `quiet`: what it is about is plain to see. */
export function Choice<T extends string>({ label, name, value, options, onPick, quiet = false }: { label: string; name: string; value: T; quiet?: boolean; options: readonly (readonly [T, string])[]; onPick: (value: T) => void }): JSX.Element {
  return (
    <div role="radiogroup" aria-label={label}>
      {!quiet && <p class="replication-label" aria-hidden="true">{label}</p>}
      <div class="replication-choice">{options.map(([one, words]) => (
        <label key={one} class="inline"><input type="radio" name={name} value={one} checked={one === value} onChange={() => onPick(one)} /> {words}</label>
      ))}</div>
    </div>
  );
}

export function Tick({ label, value, onPick, hint }: { label: string; value: boolean; onPick: (value: boolean) => void; hint?: ComponentChildren }): JSX.Element {
  return (
    <div class="replication-field">
      <label class="inline"><input type="checkbox" checked={value} onChange={(event) => onPick(event.currentTarget.checked)} /> {label}</label>
      {hint && <p class="hint">{hint}</p>}
    </div>
  );
}
