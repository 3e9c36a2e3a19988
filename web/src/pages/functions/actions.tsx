// Packages and the actions in them.

import { useComputed, useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { actions, counted, packageActions, packages, ROWS_MAX, type Access } from "../../api/functions";
import { annotation, kindOf, placeOf, webOf, type ActionRow, type PackageRow } from "../../api/whisk";
import { to } from "../../router";
import { Icon } from "../../ui/icon";
import { useLive } from "../../ui/live";
import { Badge, Empty, Fact, Facts, Failed, Loading } from "../../ui/parts";
import { Search, Table, type Column } from "../../ui/table";
import { clock, count, millis } from "../../ui/words";
import { actionHref } from "./links";

const SYSTEM = "whisk.system";
const EVERY_MS = 10_000;
/** With more packages than this they are closed at first. */
const OPEN_MAX = 12;

interface Found {
  actions: ActionRow[];
  packages: PackageRow[];
  triggers: number;
  rules: number;
}

export function Actions({ access }: { access: Access }): JSX.Element {
  const text = useSignal("");
  const found = useLive<Found>(async (signal) => {
    const [listed, inside, triggers, rules] = await Promise.all([
      actions(access, signal), packages(access, access.namespace, signal), counted(access, "triggers", signal), counted(access, "rules", signal),
    ]);
    return { actions: listed, packages: inside, triggers, rules };
  }, EVERY_MS, [access.namespace, access.key]);
  const groups = useComputed(() => grouped(found.value.value, text.value));
  const all = found.value.value;
  return (
    <div class="stack">
      {found.failed.value && <Failed text={found.failed.value} again={() => void found.again()} />}
      {!all && !found.failed.value && <Loading />}
      {all && (
        <>
          <div class="functions-bar">
            <Facts>
              <Fact label="Actions">{count(all.actions.length)}{all.actions.length >= ROWS_MAX && "+"}</Fact>
              <Fact label="Packages">{count(all.packages.length)}</Fact>
              <Fact label="Triggers">{count(all.triggers)}</Fact>
              <Fact label="Rules">{count(all.rules)}</Fact>
            </Facts>
            <span class="grow" />
            <Search label="Search actions" value={text.value} onInput={(value) => { text.value = value; }} />
            <a class="button main" href={to(["functions", access.namespace, "new"])}><Icon name="plus" /> New action</a>
          </div>
          {all.actions.length >= ROWS_MAX && <p class="note">Only the newest {count(ROWS_MAX)} are shown.</p>}
          {groups.value.map((group) => <Group key={group.name} access={access} group={group} open={text.value !== "" || groups.value.length <= OPEN_MAX} />)}
          {!groups.value.length && (
            text.value
              ? <Empty title={`No action or package has “${text.value}” in its name`} />
              : <Empty title="There is no action yet"><p>Make one here, or deploy an app: <code>couchgrass deploy</code></p></Empty>
          )}
          <System access={access} />
        </>
      )}
    </div>
  );
}

interface Packed {
  /** "" for the actions in no package. */
  name: string;
  row: PackageRow | null;
  actions: ActionRow[];
}

function grouped(found: Found | undefined, text: string): Packed[] {
  if (!found) return [];
  const wanted = text.trim().toLowerCase();
  const groups = new Map<string, Packed>([["", { name: "", row: null, actions: [] }]]);
  for (const row of [...found.packages].sort((one, other) => one.name.localeCompare(other.name))) groups.set(row.name, { name: row.name, row, actions: [] });
  for (const action of found.actions) {
    const name = placeOf(action).package;
    if (`${name}/${action.name}`.toLowerCase().includes(wanted)) groups.get(name)?.actions.push(action);
  }
  return [...groups.values()].filter((one) => one.actions.length > 0 || (one.name !== "" && one.name.toLowerCase().includes(wanted)));
}

function columns(access: Access, through: string | null): Column<ActionRow>[] {
  const at = (row: ActionRow) => (through === null ? placeOf(row) : { namespace: access.namespace, package: through, name: row.name });
  return [
    { name: "name", title: "Action", sort: (row) => row.name, cell: (row) => <a href={actionHref(access, at(row))}>{row.name}</a> },
    { name: "kind", title: "Kind", sort: kindOf, cell: (row) => kindOf(row) || "–" },
    { name: "web", title: "Web", sort: webOf, cell: (row) => { const web = webOf(row); return web === "no" ? <span class="soft">no</span> : <Badge tone="good">{web === "raw" ? "raw" : "web"}</Badge>; } },
    { name: "memory", title: "Memory", number: true, sort: (row) => row.limits.memory, cell: (row) => `${row.limits.memory} MB` },
    { name: "timeout", title: "Timeout", number: true, sort: (row) => row.limits.timeout, cell: (row) => millis(row.limits.timeout) },
    { name: "version", title: "Version", cell: (row) => row.version },
    { name: "updated", title: "Updated", sort: (row) => row.updated ?? 0, cell: (row) => <span class="nums">{row.updated ? clock(row.updated) : "–"}</span> },
  ];
}

function Group({ access, group, open }: { access: Access; group: Packed; open: boolean }): JSX.Element {
  const bound = group.row && group.row.binding && group.row.binding.name ? group.row.binding : null;
  const label = group.name || "In no package";
  return (
    <details class="functions-package" open={open}>
      <summary>
        <h2>{label}</h2>
        {bound && <Badge>binding of /{bound.namespace}/{bound.name}</Badge>}
        {group.row?.publish && <Badge tone="good">shared</Badge>}
        {!bound && <span class="soft small">{count(group.actions.length)} {group.actions.length === 1 ? "action" : "actions"}</span>}
      </summary>
      {bound
        ? <Bound access={access} namespace={access.namespace} name={group.name} through={group.name} />
        : <Table label={`Actions: ${label}`} rows={group.actions} columns={columns(access, null)} id={(row) => `${row.namespace}/${row.name}`} sorted="name"
            empty={<p class="soft">The package is empty.</p>} />}
    </details>
  );
}

/** The actions of a package that is not one of the namespace's own. */
function Bound({ access, namespace, name, through }: { access: Access; namespace: string; name: string; through: string | null }): JSX.Element {
  const found = useLive((signal) => packageActions(access, namespace, name, signal), 0, [namespace, name]);
  if (found.failed.value) return <Failed text={found.failed.value} again={() => void found.again()} />;
  if (!found.value.value) return <Loading />;
  return (
    <Table label={`Actions: ${name}`} rows={found.value.value} columns={columns(access, through)} id={(row) => `${row.namespace}/${row.name}`} sorted="name"
      empty={<p class="soft">The package is empty.</p>} />
  );
}

/** What every region has, for all namespaces; asked for when it is opened. */
function System({ access }: { access: Access }): JSX.Element {
  const open = useSignal(false);
  return (
    <details class="functions-package" onToggle={(event) => { open.value = event.currentTarget.open; }}>
      <summary>
        <h2>/{SYSTEM}</h2>
        <Badge tone="good">shared</Badge>
        <span class="soft small">packages that every namespace may use</span>
      </summary>
      {open.value && <SystemPackages access={access} />}
    </details>
  );
}

function SystemPackages({ access }: { access: Access }): JSX.Element {
  const found = useLive((signal) => packages(access, SYSTEM, signal), 0, []);
  if (found.failed.value) return <Failed text={found.failed.value} again={() => void found.again()} />;
  if (!found.value.value) return <Loading />;
  return (
    <div class="stack">
      {found.value.value.map((row) => (
        <section key={row.name} class="functions-shared">
          <h3>{row.name} <span class="soft small">{String(annotation(row, "description") ?? "")}</span></h3>
          <Bound access={access} namespace={SYSTEM} name={row.name} through={null} />
        </section>
      ))}
    </div>
  );
}
