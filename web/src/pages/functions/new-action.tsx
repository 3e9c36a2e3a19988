// A new action: its name, its kind, its code.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { info, putAction, type Access } from "../../api/functions";
import type { Place } from "../../api/whisk";
import { go, to } from "../../router";
import { Editor } from "../../ui/editor";
import { useLive } from "../../ui/live";
import { Button, Failed, Head } from "../../ui/parts";
import { tell, words } from "../../ui/toast";
import { ComponentsField } from "./components";
import { componentsFrom, languageOf, template } from "./kinds";
import { actionHref } from "./links";

const SEQUENCE = "sequence";

export function NewAction({ access }: { access: Access }): JSX.Element {
  const kinds = useLive(async (signal) => kindsFrom(await info(signal)), 0, [access.namespace, access.key]);
  const kind = useSignal("");
  const code = useSignal("");
  const busy = useSignal(false);
  const failed = useSignal("");
  const all = kinds.value.value ?? [];
  const chosen = kind.value || all[0] || "";
  const text = code.value || template(chosen);
  const choose = (next: string) => {
    // What was not changed is the template, and becomes that of the other kind.
    if (code.value === template(chosen)) code.value = "";
    kind.value = next;
  };
  const create = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    busy.value = true;
    failed.value = "";
    try {
      const place = placeFor(access, String(form.get("name")).trim());
      const exec = chosen === SEQUENCE
        ? { kind: chosen, components: componentsFrom(String(form.get("components"))) }
        : { kind: chosen, code: text, ...(form.get("main") ? { main: String(form.get("main")) } : {}) };
      const annotations = form.get("web") ? [{ key: "web-export", value: true }, { key: "final", value: true }] : [];
      await putAction(access, place, { exec, annotations }, false);
      tell(`The action ${place.name} is made.`);
      go(actionHref(access, place, "invoke"));
    } catch (error) {
      failed.value = words(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <>
      <Head title="New action" trail={[["Functions", to(["functions", access.namespace])]]} />
      {kinds.failed.value && <Failed text={kinds.failed.value} again={() => void kinds.again()} />}
      <form class="stack" onSubmit={create}>
        <div class="functions-filter">
          <label>Name<input name="name" required autocomplete="off" autocapitalize="off" spellcheck={false} placeholder="name or package/name" /></label>
          <label>Kind
            <select name="kind" value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
              {[...all, SEQUENCE].map((one) => <option key={one}>{one}</option>)}
            </select>
          </label>
          {chosen !== SEQUENCE && <label>Begins at<input name="main" autocomplete="off" autocapitalize="off" spellcheck={false} placeholder="main" /></label>}
          <label class="inline functions-check"><input name="web" type="checkbox" /> Web action</label>
        </div>
        {chosen === SEQUENCE
          ? <ComponentsField value="" />
          : <Editor key={languageOf(chosen)} label="Code" language={languageOf(chosen)} value={text} height="24rem" onInput={(value) => { code.value = value; }} />}
        {failed.value && <p class="bad-note" role="alert">{failed.value}</p>}
        <div class="row">
          <button class="main" type="submit" disabled={busy.value || !chosen}>{busy.value ? "Creating …" : "Create"}</button>
          <Button onClick={() => go(to(["functions", access.namespace]))}>Cancel</Button>
        </div>
      </form>
    </>
  );
}

function placeFor(access: Access, name: string): Place {
  const parts = name.split("/");
  if (parts.length > 2 || parts.some((part) => !part)) throw new Error("A name is “name” or “package/name”.");
  return { namespace: access.namespace, package: parts.length === 2 ? parts[0]! : "", name: parts.at(-1)! };
}

/** All kinds, the default of each family first. */
function kindsFrom(found: Awaited<ReturnType<typeof info>>): string[] {
  const rows = Object.values(found.runtimes).flat().filter((one) => !one.deprecated && one.kind !== SEQUENCE);
  return [...rows.filter((one) => one.default), ...rows.filter((one) => !one.default)].map((one) => one.kind);
}
