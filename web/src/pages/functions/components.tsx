// What a sequence is made of.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { putAction, type Access } from "../../api/functions";
import { placeFrom, type Action, type Place } from "../../api/whisk";
import { FormDialog } from "../../ui/dialog";
import { Button } from "../../ui/parts";
import { tell } from "../../ui/toast";
import { componentsFrom } from "./kinds";
import { ActionLink } from "./links";

export function Components({ access, place, action, own, saved }: { access: Access; place: Place; action: Action; own: boolean; saved: () => Promise<void> }): JSX.Element {
  const editing = useSignal(false);
  const components = action.exec.components ?? [];
  return (
    <section class="card">
      <div class="row"><h2>Runs one after another</h2><span class="grow" />{own && <Button icon="edit" onClick={() => { editing.value = true; }}>Change</Button>}</div>
      <ol class="functions-components">
        {components.map((path, index) => {
          const found = placeFrom(path);
          return <li key={`${index} ${path}`}>{found ? <ActionLink access={access} place={found} /> : <code>{path}</code>}</li>;
        })}
      </ol>
      <p class="hint">Each gets the result of the one before. It stops at the first result with the key <code>error</code>.</p>
      {editing.value && (
        <FormDialog title="Components" done="Save" onClose={() => { editing.value = false; }} act={async (form) => {
          await putAction(access, place, { exec: { kind: "sequence", components: componentsFrom(String(form.get("components"))) } }, true);
          tell("The sequence is saved.");
          await saved();
        }}>
          <ComponentsField value={components.join("\n")} />
        </FormDialog>
      )}
    </section>
  );
}

/** The field in which components are written, one a line. */
export function ComponentsField({ value }: { value: string }): JSX.Element {
  return (
    <label>
      Components, one a line
      <textarea name="components" required defaultValue={value} spellcheck={false} placeholder={"/guest/package/first\n/guest/second"} />
    </label>
  );
}
