// Limits, parameters and annotations of an action.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { putAction, type Access } from "../../api/functions";
import { asObject, asRows, objectFrom, ownParameters, type Limits, type Place } from "../../api/whisk";
import { FormDialog } from "../../ui/dialog";
import { Editor } from "../../ui/editor";
import { Button } from "../../ui/parts";
import { tell } from "../../ui/toast";
import { Values } from "./values";
import type { Seen } from "./action";

interface How {
  access: Access;
  place: Place;
  seen: Seen;
  own: boolean;
  saved: () => Promise<void>;
}

export function Settings(how: How): JSX.Element {
  const editing = useSignal<"" | "limits" | "parameters">("");
  const { action, inherited } = how.seen;
  const mine = ownParameters(action.parameters, inherited);
  const rest = action.parameters.filter((one) => !mine.includes(one));
  const close = () => { editing.value = ""; };
  return (
    <div class="stack">
      <section class="card">
        <div class="row"><h2>Limits</h2><span class="grow" />{how.own && <Button icon="edit" onClick={() => { editing.value = "limits"; }}>Change limits</Button>}</div>
        <Values label="Limits" rows={[
          { key: "timeout", value: `${action.limits.timeout} ms` }, { key: "memory", value: `${action.limits.memory} MB` },
          { key: "logs", value: `${action.limits.logs} MB` }, { key: "concurrency", value: action.limits.concurrency },
        ]} />
      </section>
      <section class="card">
        <div class="row"><h2>Parameters</h2><span class="grow" />{how.own && <Button icon="edit" onClick={() => { editing.value = "parameters"; }}>Change parameters</Button>}</div>
        <Values label="Parameters" rows={mine} empty="It has none of its own." />
        {rest.length > 0 && (
          <>
            <h3 class="functions-below">From its package</h3>
            <Values label="Parameters of the package" rows={rest} />
          </>
        )}
      </section>
      <section class="card">
        <h2>Annotations</h2>
        <Values label="Annotations" rows={action.annotations} empty="It has none." />
      </section>
      {editing.value === "limits" && <EditLimits {...how} onClose={close} />}
      {editing.value === "parameters" && <EditParameters {...how} onClose={close} />}
    </div>
  );
}

const FIELDS: readonly (readonly [keyof Limits, string])[] = [["timeout", "Timeout, ms"], ["memory", "Memory, MB"], ["logs", "Logs, MB"], ["concurrency", "Concurrency"]];

function EditLimits({ access, place, seen, saved, onClose }: How & { onClose: () => void }): JSX.Element {
  const { limits } = seen.action;
  return (
    <FormDialog title="Limits" done="Save" onClose={onClose} act={async (form) => {
      const asked = Object.fromEntries(FIELDS.map(([name]) => [name, Number(form.get(name))])) as unknown as Limits;
      const put = await putAction(access, place, { limits: asked }, true);
      tell(`Saved as version ${put.version}.`);
      await saved();
    }}>
      {FIELDS.map(([name, label]) => <label key={name}>{label}<input name={name} type="number" required min={0} step={1} defaultValue={String(limits[name])} /></label>)}
      <p class="hint">What is allowed is under <em>Limits</em> of the namespace. Running processes end with their run; the next one has the new limits.</p>
    </FormDialog>
  );
}

function EditParameters({ access, place, seen, saved, onClose }: How & { onClose: () => void }): JSX.Element {
  const mine = ownParameters(seen.action.parameters, seen.inherited);
  const text = useSignal(JSON.stringify(asObject(mine), null, 2));
  return (
    <FormDialog title="Parameters" done="Save" wide onClose={onClose} act={async () => {
      const put = await putAction(access, place, { parameters: asRows(objectFrom(text.value, "The parameters"), mine) }, true);
      tell(`Saved as version ${put.version}.`);
      await saved();
    }}>
      <p>All of its own, as a JSON object. They go before those of its package, and what it is invoked with goes before them.</p>
      <Editor label="Parameters as JSON" value={text.value} height="20rem" onInput={(value) => { text.value = value; }} />
    </FormDialog>
  );
}
