// What ran: newest first, by name, time and outcome, a page at a time.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { activations, type Access } from "../../api/functions";
import { shortName, type ActivationRow, type Place } from "../../api/whisk";
import { useLive } from "../../ui/live";
import { Badge, Empty, Failed, Loading } from "../../ui/parts";
import { Pager, Table, type Column } from "../../ui/table";
import { clock, millis } from "../../ui/words";
import { ActionLink, ActivationLink } from "./links";
import { Heat } from "./record";
import { statusOf, timings, whatRan } from "./records";

const PAGE_ROWS = 50;
const EVERY_MS = 3000;

const OUTCOMES = ["success", "application error", "action developer error", "whisk internal error", "running"];

/** All of the namespace, or those of one action. */
export function Activations({ access, of }: { access: Access; of?: Place }): JSX.Element {
  const name = useSignal("");
  const from = useSignal("");
  const until = useSignal("");
  const outcome = useSignal("");
  const skip = useSignal(0);
  // Pages stand still although new ones come: they end at the newest of the first page.
  const upto = useSignal<number | null>(null);
  const wanted = {
    name: of ? shortName(of) : name.value.trim(),
    since: instant(from.value),
    upto: skip.value ? upto.value : instant(until.value, 59_999),
  };
  const found = useLive<ActivationRow[]>((signal) => activations(access, {
    ...(wanted.name ? { name: wanted.name } : {}),
    ...(wanted.since !== null ? { since: wanted.since } : {}),
    ...(wanted.upto !== null ? { upto: wanted.upto } : {}),
    skip: skip.value, limit: PAGE_ROWS, running: true,
  }, signal), skip.value ? 0 : EVERY_MS, [access.namespace, access.key, wanted.name, wanted.since, wanted.upto, skip.value]);
  const rows = found.value.value;
  const change = (what: { value: string }, value: string) => { what.value = value; skip.value = 0; };
  const on = () => {
    if (!skip.value) upto.value = wanted.upto ?? rows?.[0]?.start ?? null;
    skip.value += PAGE_ROWS;
  };
  const shown = rows?.filter((row) => !outcome.value || statusOf(row)[0] === outcome.value) ?? [];
  // Fields keep what is typed in them until it counts, also when the list comes anew meanwhile.
  return (
    <div class="stack functions-wide">
      <form class="functions-filter" onSubmit={(event) => event.preventDefault()}>
        {!of && <label>Action<input defaultValue={name.value} placeholder="name or package/name" autocapitalize="off" spellcheck={false} onChange={(event) => change(name, event.currentTarget.value)} /></label>}
        <label>From<input type="datetime-local" defaultValue={from.value} onChange={(event) => change(from, event.currentTarget.value)} /></label>
        <label>Until<input type="datetime-local" defaultValue={until.value} onChange={(event) => change(until, event.currentTarget.value)} /></label>
        <label>Outcome
          <select value={outcome.value} onChange={(event) => { outcome.value = event.currentTarget.value; }}>
            <option value="">all</option>
            {OUTCOMES.map((one) => <option key={one}>{one}</option>)}
          </select>
        </label>
      </form>
      {found.failed.value && <Failed text={found.failed.value} again={() => void found.again()} />}
      {!rows && !found.failed.value && <Loading />}
      {rows && (
        <>
          <Table label="Activations" rows={shown} columns={columns(access, of)} id={(row) => row.activationId} pageRows={PAGE_ROWS}
            empty={<Empty title={rows.length ? `None of these ${rows.length} ended so` : "There is none"}><p>Records are kept for some days.</p></Empty>} />
          {(skip.value > 0 || rows.length === PAGE_ROWS) && (
            <Pager from={rows.length ? skip.value + 1 : skip.value} to={skip.value + rows.length} total={null}
              back={skip.value ? () => { skip.value -= PAGE_ROWS; } : undefined} on={rows.length === PAGE_ROWS ? on : undefined} />
          )}
        </>
      )}
    </div>
  );
}

function columns(access: Access, of: Place | undefined): Column<ActivationRow>[] {
  const action: Column<ActivationRow> = { name: "what", title: "What", cell: (row) => <What access={access} row={row} /> };
  return [
    { name: "start", title: "Start", cell: (row) => <span class="nums functions-when">{clock(row.start)}</span> },
    ...(of ? [] : [action]),
    { name: "status", title: "Outcome", cell: (row) => { const [words, tone] = statusOf(row); return <Badge tone={tone}>{words}</Badge>; } },
    { name: "heat", title: "Process", cell: (row) => { const times = timings(row); return times && whatRan(row).kind !== "" && whatRan(row).kind !== "sequence" ? <Heat times={times} /> : <span class="soft">–</span>; } },
    { name: "duration", title: "Took", number: true, cell: (row) => millis(row.duration) },
    { name: "id", title: "Activation", cell: (row) => <ActivationLink access={access} id={row.activationId} short /> },
  ];
}

/** What ran, as a link when it is an action. */
export function What({ access, row }: { access: Access; row: ActivationRow }): JSX.Element {
  const { words, place, kind } = whatRan(row);
  return place && kind ? <ActionLink access={access} place={place} /> : <>{words} <span class="soft small">trigger</span></>;
}

/** The milliseconds of a field for a date; `plus` to the end of its minute. */
function instant(text: string, plus = 0): number | null {
  const at = text ? new Date(text).getTime() : Number.NaN;
  return Number.isNaN(at) ? null : at + plus;
}
