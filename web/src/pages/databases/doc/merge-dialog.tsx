// A conflict while saving: theirs beside ours, field by field, and a way to save both.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { pretty } from "../../../api/jsontext";
import { Dialog } from "../../../ui/dialog";
import { words } from "../../../ui/toast";
import { clear, type FieldDiff, fieldDiffs, merged, type Side } from "./merge";
import type { Conflict } from "./save";

interface How {
  conflict: Conflict;
  onClose: () => void;
  /** Writes the merged text; what it throws is shown here. */
  save: (text: string) => Promise<void>;
  /** Goes on typing, with the merged text. */
  edit: (text: string) => void;
}

export function MergeDialog({ conflict, onClose, save, edit }: How): JSX.Element {
  const { base, mine, theirs } = conflict;
  const diffs = theirs ? fieldDiffs(base, mine, theirs.text) : [];
  const sides = useSignal<ReadonlyMap<string, Side>>(clear(diffs));
  const busy = useSignal(false);
  const failed = useSignal("");
  const open = diffs.filter((one) => !sides.value.has(one.name)).length;
  const text = () => merged(mine, theirs?.text ?? "{}", theirs?.rev ?? "", sides.value);
  const choose = (name: string, side: Side) => { sides.value = new Map([...sides.value, [name, side]]); };
  const act = async () => {
    busy.value = true;
    failed.value = "";
    try {
      await save(text());
    } catch (error) {
      failed.value = words(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog title="Somebody else has changed it meanwhile" wide onClose={onClose}>
      <div class="body">
        {theirs ? (
          <>
            <p>{diffs.length ? "Nothing of yours is lost. Choose for each field what is to be saved; what only one of you changed is chosen already." : "What they saved is what you typed: there is nothing to choose."} Theirs is revision <code>{theirs.rev}</code>.</p>
            {diffs.map((one) => <Field key={one.name} diff={one} side={sides.value.get(one.name)} choose={(side) => choose(one.name, side)} />)}
          </>
        ) : <p>It has been deleted. Saving writes it anew, with what you typed.</p>}
        {failed.value && <p class="bad-note" role="alert">{failed.value}</p>}
        <footer>
          {open > 0 && <span class="hint" role="status">{open} {open === 1 ? "field is" : "fields are"} still open</span>}
          <button onClick={onClose}>Not now</button>
          <button disabled={open > 0} onClick={() => edit(text())}>Edit it first</button>
          <button class="main" disabled={open > 0 || busy.value} onClick={() => void act()}>{busy.value ? "Working …" : "Save merged"}</button>
        </footer>
      </div>
    </Dialog>
  );
}

const WHO = { mine: "only you changed it", theirs: "only they changed it", both: "both changed it" } as const;

function Field({ diff, side, choose }: { diff: FieldDiff; side: Side | undefined; choose: (side: Side) => void }): JSX.Element {
  const values: readonly [Side, string, string | undefined][] = [["mine", "Yours", diff.mine], ["theirs", "Theirs", diff.theirs]];
  return (
    <fieldset class="databases-merge">
      <legend><code>{diff.name}</code> <span class={`badge ${diff.by === "both" ? "warn" : "soft"}`}>{WHO[diff.by]}</span></legend>
      <div>
        {values.map(([name, title, value]) => (
          <label key={name} class={`databases-side ${side === name ? "chosen" : ""}`}>
            <span class="row"><input type="radio" name={`side ${diff.name}`} checked={side === name} onChange={() => choose(name)} /> {title}</span>
            <pre>{value === undefined ? "– not there –" : pretty(value)}</pre>
          </label>
        ))}
      </div>
      {diff.base !== undefined && <details><summary class="hint">Before</summary><pre>{pretty(diff.base)}</pre></details>}
    </fieldset>
  );
}
