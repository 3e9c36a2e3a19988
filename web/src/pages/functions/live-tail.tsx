// Activations as they end, with their logs.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useEffect } from "preact/hooks";
import { activations, records, type Access } from "../../api/functions";
import type { Activation } from "../../api/whisk";
import { Badge, Button, Empty } from "../../ui/parts";
import { pause, whileSeen } from "../../ui/seen";
import { words } from "../../ui/toast";
import { Search } from "../../ui/table";
import { clock, count, millis } from "../../ui/words";
import { What } from "./activations";
import { ActivationLink } from "./links";
import { Heat, Log } from "./record";
import { children, statusOf, timings, whatRan } from "./records";
import { begun, fresh, PAGE_ROWS, ROWS_MAX, since, taken, type Tail } from "./tail";

const EVERY_MS = 1000;
const SHOWN_ROWS = 100;

export function LiveTail({ access }: { access: Access }): JSX.Element {
  const tail = useSignal<Tail<Activation> | null>(null);
  const failed = useSignal("");
  const paused = useSignal(false);
  const text = useSignal("");
  useEffect(() => {
    if (paused.value) return undefined;
    return whileSeen(async (hidden) => {
      while (!hidden.aborted) {
        try {
          tail.value = await follow(access, tail.value, hidden);
          failed.value = "";
        } catch (error) {
          if (!hidden.aborted) failed.value = words(error);
        }
        await pause(EVERY_MS, hidden);
      }
    });
  }, [access.namespace, access.key, paused.value]);
  const rows = tail.value?.rows ?? [];
  const wanted = text.value.trim().toLowerCase();
  const shown = rows.filter((row) => !wanted || `${whatRan(row).words}\n${row.logs.join("\n")}`.toLowerCase().includes(wanted));
  return (
    <div class="stack">
      <div class="functions-bar">
        <Button icon={paused.value ? "play" : "pause"} onClick={() => { paused.value = !paused.value; }}>{paused.value ? "Go on" : "Pause"}</Button>
        <Button onClick={() => { if (tail.value) tail.value = { ...tail.value, rows: [], missed: false }; }}>Clear</Button>
        <span class="soft" role="status">{paused.value ? "Paused." : tail.value ? "Following." : "Beginning …"} {count(rows.length)} seen{rows.length === ROWS_MAX && ", which are all that are kept"}.</span>
        <span class="grow" />
        <Search label="Name or log" value={text.value} onInput={(value) => { text.value = value; }} />
      </div>
      {failed.value && <p class="bad-note" role="alert">{failed.value}</p>}
      {tail.value?.missed && <p class="note">More ran at once than are asked for: some are not here. <em>Activations</em> has all.</p>}
      {!shown.length && <Empty title={rows.length ? "Nothing of this has it" : "Nothing has ended since this was opened"}><p>Invoke an action, or call an API: it is here within a second or two.</p></Empty>}
      <ol class="functions-tail" aria-label="Activations as they end">
        {shown.slice(0, SHOWN_ROWS).map((row) => <Row key={row.activationId} access={access} row={row} />)}
      </ol>
      {shown.length > SHOWN_ROWS && <p class="soft">{count(shown.length - SHOWN_ROWS)} older ones are not drawn; search for them.</p>}
    </div>
  );
}

/** Asks once. Raises ApiError. */
async function follow(access: Access, before: Tail<Activation> | null, signal: AbortSignal): Promise<Tail<Activation>> {
  const from = before ? since(before) : undefined;
  const found = await activations(access, { limit: PAGE_ROWS, ...(from ? { since: from } : {}) }, signal);
  if (!before) return begun(found);
  const news = fresh(before, found);
  if (!news.length) return before;
  const starts = news.map((row) => row.start);
  const ids = new Set(news.map((row) => row.activationId));
  const whole = await records(access, { since: Math.min(...starts), upto: Math.max(...starts), limit: PAGE_ROWS }, signal);
  return taken(before, whole.filter((record) => ids.has(record.activationId)), news.length === PAGE_ROWS);
}

function Row({ access, row }: { access: Access; row: Activation }): JSX.Element {
  const [status, tone] = statusOf(row);
  const times = timings(row);
  const kind = whatRan(row).kind;
  const below = children(row);
  return (
    <li class="card">
      <div class="row">
        <span class="nums soft">{clock(row.start)}</span>
        <strong><What access={access} row={row} /></strong>
        <Badge tone={tone}>{status}</Badge>
        {times && kind && kind !== "sequence" && <Heat times={times} />}
        <span class="nums">{millis(row.duration)}</span>
        <span class="grow" />
        <ActivationLink access={access} id={row.activationId} short />
      </div>
      {below.length > 0
        ? <p class="row small"><span class="soft">brought about</span> {below.map((id) => <ActivationLink key={id} access={access} id={id} short />)}</p>
        : row.logs.length > 0 && <Log lines={row.logs} />}
    </li>
  );
}
