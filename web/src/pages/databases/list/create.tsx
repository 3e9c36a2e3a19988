// The form for a new database.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { createDatabase, welcome } from "../../../api/couch";
import { go } from "../../../router";
import { FormDialog } from "../../../ui/dialog";
import { useLive } from "../../../ui/live";
import { tell } from "../../../ui/toast";
import { databaseHref } from "../place";
import { NAME_RULES, nameProblem } from "./names";

export function CreateDialog({ onClose }: { onClose: () => void }): JSX.Element {
  const name = useSignal("");
  const server = useLive(welcome, 0, []);
  const features = server.value.value?.features ?? [];
  const problem = name.value ? nameProblem(name.value) : "";
  const create = async (form: FormData) => {
    const q = Number(form.get("q") ?? 0);
    await createDatabase(name.value, { partitioned: form.get("partitioned") === "on", ...(q ? { q } : {}) });
    tell(`Database ${name.value} is made.`);
    go(databaseHref(name.value));
  };
  return (
    <FormDialog title="New database" done="Create" disabled={!name.value || problem !== ""} onClose={onClose} act={create}>
      <label>
        <span>Name</span>
        <input name="name" required autocomplete="off" autocapitalize="off" spellcheck={false} aria-describedby="databases-rules" aria-invalid={problem !== ""}
          value={name.value} onInput={(event) => { name.value = event.currentTarget.value; }} />
      </label>
      <p class="hint" id="databases-rules" aria-live="polite">{problem ? <strong>{problem}</strong> : NAME_RULES}</p>
      {features.includes("partitioned") && <label class="inline"><input type="checkbox" name="partitioned" /> Partitioned: ids are PARTITION:ID</label>}
      {features.includes("reshard") && (
        <label>
          <span>Shards (q)</span>
          <input type="number" name="q" min={1} max={256} placeholder="the server's own number" />
        </label>
      )}
    </FormDialog>
  );
}
