// Triggers: what they lead to, firing them, making and deleting them.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { deleteTrigger, fire, invoke, putTrigger, trigger, triggers, type Access } from "../../api/functions";
import { annotation, asRows, objectFrom, placeFrom, type TriggerRow } from "../../api/whisk";
import { Dialog, FormDialog, TypeName } from "../../ui/dialog";
import { Editor } from "../../ui/editor";
import { useLive } from "../../ui/live";
import { Badge, Button, Copy, Empty, Failed, Loading } from "../../ui/parts";
import { tell } from "../../ui/toast";
import { Table } from "../../ui/table";
import { clock } from "../../ui/words";
import { ActionLink, ActivationLink } from "./links";
import { Values } from "./values";

const EVERY_MS = 5000;
const typed = new Map<string, string>();

type Doing = { what: "new" } | { what: "fire" | "see" | "delete"; row: TriggerRow } | null;

export function Triggers({ access }: { access: Access }): JSX.Element {
  const found = useLive((signal) => triggers(access, signal), EVERY_MS, [access.namespace, access.key]);
  const doing = useSignal<Doing>(null);
  const close = () => { doing.value = null; };
  const now = doing.value;
  const rows = found.value.value;
  return (
    <div class="stack functions-wide">
      <div class="functions-bar"><span class="grow" /><Button icon="plus" onClick={() => { doing.value = { what: "new" }; }}>New trigger</Button></div>
      {found.failed.value && <Failed text={found.failed.value} again={() => void found.again()} />}
      {!rows && !found.failed.value && <Loading />}
      {rows && (
        <Table label="Triggers" rows={rows} id={(row) => row.name} sorted="name"
          empty={<Empty title="There is no trigger"><p>A trigger is an event with a name; rules say which actions run when it is fired.</p></Empty>}
          columns={[
            { name: "name", title: "Trigger", sort: (row) => row.name, cell: (row) => <button class="functions-file" onClick={() => { doing.value = { what: "see", row }; }}>{row.name}</button> },
            { name: "feed", title: "Feed", sort: feedOf, cell: (row) => feedOf(row) ? <code>{feedOf(row)}</code> : <span class="soft">–</span> },
            { name: "updated", title: "Updated", sort: (row) => row.updated ?? 0, cell: (row) => <span class="nums">{row.updated ? clock(row.updated) : "–"}</span> },
            { name: "do", title: <span class="hidden">What can be done</span>, cell: (row) => (
              <span class="row functions-do">
                <Button icon="bolt" onClick={() => { doing.value = { what: "fire", row }; }}>Fire</Button>
                <Button icon="trash" tone="bad" onClick={() => { doing.value = { what: "delete", row }; }}>Delete</Button>
              </span>
            ) },
          ]} />
      )}
      {now?.what === "new" && <NewTrigger access={access} onClose={close} done={found.again} />}
      {now?.what === "fire" && <Fire access={access} name={now.row.name} onClose={close} />}
      {now?.what === "see" && <See access={access} row={now.row} onClose={close} />}
      {now?.what === "delete" && (
        <TypeName what="Delete" name={now.row.name} onClose={close} act={async () => {
          await forget(access, now.row);
          tell(`The trigger ${now.row.name} is deleted.`);
          await found.again();
        }}>
          <p>Its rules stay, inactive.{feedOf(now.row) && " Its feed ends."}</p>
        </TypeName>
      )}
    </div>
  );
}

function feedOf(row: TriggerRow): string {
  const feed = annotation(row, "feed");
  return typeof feed === "string" ? feed : "";
}

/** Asks the action behind the trigger's feed. Raises ApiError. */
async function askFeed(access: Access, row: TriggerRow, event: "READ" | "DELETE"): Promise<unknown> {
  const place = placeFrom(feedOf(row).replace(/^\/_\//, `/${access.namespace}/`));
  if (!place) throw new Error(`The feed ${feedOf(row)} is no action.`);
  const asked = { lifecycleEvent: event, triggerName: `/${access.namespace}/${row.name}`, ...(access.key ? { authKey: access.key } : {}) };
  return (await invoke(access, place, asked, true)).record?.response.result;
}

/** Deletes a trigger. Its feed is told first, as `wsk` does, by who has the key; else it ends by itself when it
 * next fires. */
async function forget(access: Access, row: TriggerRow): Promise<void> {
  if (feedOf(row) && access.key) await askFeed(access, row, "DELETE");
  await deleteTrigger(access, row.name);
}

function NewTrigger({ access, onClose, done }: { access: Access; onClose: () => void; done: () => Promise<void> }): JSX.Element {
  const text = useSignal("{}");
  return (
    <FormDialog title="New trigger" done="Create" onClose={onClose} act={async (form) => {
      const name = String(form.get("name")).trim();
      await putTrigger(access, name, asRows(objectFrom(text.value, "The parameters")));
      tell(`The trigger ${name} is made.`);
      await done();
    }}>
      <label>Name<input name="name" required autocomplete="off" autocapitalize="off" spellcheck={false} /></label>
      <div><p>Parameters, which every fire has:</p><Editor label="Parameters as JSON" value={text.value} height="10rem" onInput={(value) => { text.value = value; }} /></div>
      <p class="hint">A trigger with a feed (an alarm, the changes of a database) is made by <code>wsk trigger create NAME --feed FEED</code> or by a manifest.</p>
    </FormDialog>
  );
}

function Fire({ access, name, onClose }: { access: Access; name: string; onClose: () => void }): JSX.Element {
  const text = useSignal(typed.get(name) ?? "{}");
  const fired = useSignal<string | null>(null);
  if (fired.value !== null) {
    return (
      <Dialog title={`Fire ${name}`} onClose={onClose}>
        <div class="body">
          {fired.value
            ? <p role="status">Fired: its activation is <ActivationLink access={access} id={fired.value} />, which names what each rule did.</p>
            : <p role="status">No rule of it is active, so nothing ran and there is no record.</p>}
          <footer><button type="button" class="main" onClick={onClose}>Close</button></footer>
        </div>
      </Dialog>
    );
  }
  return (
    <FormDialog title={`Fire ${name}`} done="Fire" onClose={() => { if (fired.value === null) onClose(); }} act={async () => {
      fired.value = await fire(access, name, objectFrom(text.value, "The parameters"));
    }}>
      <Editor label="Parameters as JSON" value={text.value} height="12rem" onInput={(value) => { text.value = value; typed.set(name, value); }} />
    </FormDialog>
  );
}

function See({ access, row, onClose }: { access: Access; row: TriggerRow; onClose: () => void }): JSX.Element {
  const found = useLive((signal) => trigger(access, row.name, signal), 0, [row.name]);
  const seen = found.value.value;
  const feed = feedOf(row);
  return (
    <Dialog title={row.name} onClose={onClose}>
      <div class="body">
        {found.failed.value && <Failed text={found.failed.value} />}
        {!seen && !found.failed.value && <Loading />}
        {seen && (
          <>
            <h3>Rules</h3>
            {Object.keys(seen.rules ?? {}).length === 0 && <p class="soft">No rule: firing it does nothing.</p>}
            <ul class="functions-components">
              {Object.entries(seen.rules ?? {}).map(([name, one]) => {
                const place = placeFrom(`${one.action.path}/${one.action.name}`);
                return (
                  <li key={name}>
                    {name.split("/").at(-1)} → {place && <ActionLink access={access} place={place} />} <Badge tone={one.status === "active" ? "good" : "soft"}>{one.status}</Badge>
                  </li>
                );
              })}
            </ul>
            <h3>Parameters</h3>
            <Values label="Parameters" rows={seen.parameters} empty="It has none." />
            {feed && <Feed access={access} row={row} />}
          </>
        )}
      </div>
    </Dialog>
  );
}

/** What the feed says of itself, to who has the namespace's key. */
function Feed({ access, row }: { access: Access; row: TriggerRow }): JSX.Element {
  const said = useLive(() => (access.key ? askFeed(access, row, "READ") : Promise.resolve(null)), 0, [row.name, access.key]);
  const text = JSON.stringify(said.value.value ?? null, null, 2);
  return (
    <>
      <div class="row"><h3>Feed</h3> <code>{feedOf(row)}</code>{access.key && <><span class="grow" /><Copy text={text} /></>}</div>
      {!access.key && <p class="hint">The feed tells its settings to who has the namespace's key: choose the namespace by its key.</p>}
      {said.failed.value && <Failed text={said.failed.value} />}
      {access.key && said.value.value !== undefined && <Editor label="What the feed says" value={text} />}
    </>
  );
}
