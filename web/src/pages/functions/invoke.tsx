// Running an action with parameters, and what comes of it.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { invoke, type Access, type Invoked } from "../../api/functions";
import { fullName, objectFrom, type Place } from "../../api/whisk";
import { Editor } from "../../ui/editor";
import { Button } from "../../ui/parts";
import { words } from "../../ui/toast";
import { millis } from "../../ui/words";
import { ActivationLink } from "./links";
import { RecordView } from "./record";

/** What was typed last for each action, as long as the page is open. */
const typed = new Map<string, string>();

interface Outcome {
  invoked: Invoked;
  ms: number;
}

export function Invoke({ access, place }: { access: Access; place: Place }): JSX.Element {
  const name = fullName(place);
  const text = useSignal(typed.get(name) ?? "{}");
  const waits = useSignal(true);
  const busy = useSignal(false);
  const failed = useSignal("");
  const outcome = useSignal<Outcome | null>(null);
  const run = async () => {
    busy.value = true;
    failed.value = "";
    const began = performance.now();
    try {
      const parameters = objectFrom(text.value, "The parameters");
      const invoked = await invoke(access, place, parameters, waits.value);
      outcome.value = { invoked, ms: performance.now() - began };
    } catch (error) {
      outcome.value = null;
      failed.value = words(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <div class="functions-invoke">
      <section class="stack">
        <h2>Parameters</h2>
        <Editor label="Parameters as JSON" value={text.value} height="14rem" onInput={(value) => { text.value = value; typed.set(name, value); }} />
        <div class="row">
          <Button icon="play" tone="main" busy={busy.value} onClick={() => void run()}>{busy.value ? "Running …" : "Invoke"}</Button>
          <label class="inline"><input type="checkbox" checked={waits.value} onChange={(event) => { waits.value = event.currentTarget.checked; }} /> Wait for the result</label>
        </div>
        {failed.value && <p class="bad-note" role="alert">{failed.value}</p>}
      </section>
      <section class="stack" aria-live="polite" aria-label="Outcome">
        <h2>Outcome</h2>
        {!outcome.value && <p class="soft">Nothing was run yet.</p>}
        {outcome.value && <Shown access={access} {...outcome.value} />}
      </section>
    </div>
  );
}

function Shown({ access, invoked, ms }: Outcome & { access: Access }): JSX.Element {
  if (!invoked.record) {
    return (
      <p class="note">
        Taken ({invoked.status}), its activation is <ActivationLink access={access} id={invoked.id} />. Its record is there when it has ended.
      </p>
    );
  }
  return (
    <>
      <p class="soft">Answered with {invoked.status} after {millis(ms)}, seen from here: <ActivationLink access={access} id={invoked.id} /></p>
      <RecordView access={access} record={invoked.record} />
    </>
  );
}
