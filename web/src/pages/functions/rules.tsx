// Rules: from a trigger to an action, active or not.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { actions, deleteRule, putRule, rule, rules, setRule, triggers, type Access } from "../../api/functions";
import { fullName, placeFrom, placeOf, shortName, type Rule, type RuleRow } from "../../api/whisk";
import { FormDialog, TypeName } from "../../ui/dialog";
import { useLive } from "../../ui/live";
import { Badge, Button, Empty, Failed, Loading } from "../../ui/parts";
import { tell } from "../../ui/toast";
import { Table } from "../../ui/table";
import { ActionLink } from "./links";

const EVERY_MS = 5000;
/** Of so many rules at most the status is asked for: lists have none. */
const STATUS_MAX = 200;
const AT_ONCE = 8;

interface Row extends RuleRow {
  status?: string;
}

export function Rules({ access }: { access: Access }): JSX.Element {
  const found = useLive((signal) => withStatus(access, signal), EVERY_MS, [access.namespace, access.key]);
  const doing = useSignal<"" | "new" | Row>("");
  const close = () => { doing.value = ""; };
  const turn = async (row: Row) => {
    try {
      await setRule(access, row.name, row.status !== "active");
      tell(`The rule ${row.name} is ${row.status === "active" ? "inactive" : "active"}.`);
      await found.again();
    } catch (error) {
      tell(error);
    }
  };
  const rows = found.value.value;
  const now = doing.value;
  return (
    <div class="stack functions-wide">
      <div class="functions-bar"><span class="grow" /><Button icon="plus" onClick={() => { doing.value = "new"; }}>New rule</Button></div>
      {found.failed.value && <Failed text={found.failed.value} again={() => void found.again()} />}
      {!rows && !found.failed.value && <Loading />}
      {rows && (
        <Table<Row> label="Rules" rows={rows} id={(row) => row.name} sorted="name"
          empty={<Empty title="There is no rule"><p>A rule runs an action whenever its trigger is fired.</p></Empty>}
          columns={[
            { name: "name", title: "Rule", sort: (row) => row.name, cell: (row) => row.name },
            { name: "trigger", title: "Trigger", sort: (row) => row.trigger.name, cell: (row) => row.trigger.name },
            { name: "action", title: "Action", sort: (row) => row.action.name, cell: (row) => {
              const place = placeFrom(`${row.action.path}/${row.action.name}`);
              return place ? <ActionLink access={access} place={place} /> : row.action.name;
            } },
            { name: "status", title: "Status", sort: (row) => row.status ?? "", cell: (row) => row.status ? <Badge tone={row.status === "active" ? "good" : "soft"}>{row.status}</Badge> : <span class="soft">not asked</span> },
            { name: "do", title: <span class="hidden">What can be done</span>, cell: (row) => (
              <span class="row functions-do">
                <Button onClick={() => void turn(row)}>{row.status === "active" ? "Disable" : "Enable"}</Button>
                <Button icon="trash" tone="bad" onClick={() => { doing.value = row; }}>Delete</Button>
              </span>
            ) },
          ]} />
      )}
      {now === "new" && <NewRule access={access} onClose={close} done={found.again} />}
      {now && now !== "new" && (
        <TypeName what="Delete" name={now.name} onClose={close} act={async () => {
          await deleteRule(access, now.name);
          tell(`The rule ${now.name} is deleted.`);
          await found.again();
        }} />
      )}
    </div>
  );
}

async function withStatus(access: Access, signal: AbortSignal): Promise<Row[]> {
  const found: Row[] = await rules(access, signal);
  const asked = found.slice(0, STATUS_MAX);
  const told: Rule[] = [];
  for (let at = 0; at < asked.length; at += AT_ONCE) {
    const some = await Promise.all(asked.slice(at, at + AT_ONCE).map((row) => rule(access, row.name, signal).catch(() => null)));
    told.push(...some.filter((one) => one !== null));
  }
  const statuses = new Map(told.map((one) => [one.name, one.status]));
  return found.map((row) => { const status = statuses.get(row.name); return status ? { ...row, status } : row; });
}

function NewRule({ access, onClose, done }: { access: Access; onClose: () => void; done: () => Promise<void> }): JSX.Element {
  const ends = useLive(async (signal) => ({ triggers: await triggers(access, signal), actions: await actions(access, signal) }), 0, []);
  const found = ends.value.value;
  return (
    <FormDialog title="New rule" done="Create" onClose={onClose} act={async (form) => {
      const name = String(form.get("name")).trim();
      await putRule(access, name, `/${access.namespace}/${String(form.get("trigger")).trim()}`, String(form.get("action")).trim());
      tell(`The rule ${name} is made, and active.`);
      await done();
    }}>
      {ends.failed.value && <p class="bad-note" role="alert">{ends.failed.value}</p>}
      <label>Name<input name="name" required autocomplete="off" autocapitalize="off" spellcheck={false} /></label>
      <label>Trigger
        <select name="trigger" required>{found?.triggers.map((one) => <option key={one.name}>{one.name}</option>)}</select>
      </label>
      <label>Action
        <select name="action" required>
          {found?.actions.map((one) => { const place = placeOf(one); return <option key={fullName(place)} value={fullName(place)}>{shortName(place)}</option>; })}
        </select>
      </label>
      {found && !found.triggers.length && <p class="note">There is no trigger yet: make one first.</p>}
    </FormDialog>
  );
}
