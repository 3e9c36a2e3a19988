// The form of a new replication, and of one that is changed: what is asked, the check, and what comes of it.

import { useSignal, type Signal } from "@preact/signals";
import { type JSX } from "preact";
import { useRef } from "preact/hooks";
import { ApiError } from "../../api/http";
import { databaseNames, readDoc, serverIs, writeDoc, type ReplicationDoc, type Server } from "../../api/replication";
import { isAdmin } from "../../api/session";
import { to } from "../../router";
import { useLive } from "../../ui/live";
import { Failed, Head, Loading } from "../../ui/parts";
import { tell, words } from "../../ui/toast";
import { writeAll } from "./actions";
import { findings, type Finding } from "./check";
import { EndFields } from "./end-fields";
import { Follow } from "./follow";
import { documentsOf, emptyForm, formOf, problems, suggestedId, type Form, type Problem } from "./form";
import { Advanced, DocumentFields, WhatFields } from "./option-fields";
import { KeptNote, NotAdmin } from "./parts";
import { isPaused } from "./pause";
import { isKept } from "./rows";
import { withoutSecrets } from "../../api/secrets";

interface Known {
  server: Server;
  names: string[];
  old: ReplicationDoc | null;
}

async function known(read: Promise<ReplicationDoc | null>): Promise<Known> {
  const [server, names, old] = await Promise.all([serverIs(), isAdmin.value ? databaseNames() : [], read]);
  return { server, names, old };
}

export function NewPage(): JSX.Element {
  const live = useLive(() => known(Promise.resolve(null)), 0, []);
  const found = live.value.value;
  return (
    <>
      <Head title="New replication" trail={[["Replication", to(["replication"])]]} />
      {live.failed.value ? <Failed text={live.failed.value} again={() => { void live.again(); }} /> : !found && <Loading />}
      {found && <FormBody known={found} start={emptyForm()} />}
    </>
  );
}

export function EditPage({ database, id }: { database: string; id: string }): JSX.Element {
  const live = useLive((signal) => known(readDoc(database, id, signal)), 0, [database, id]);
  const found = live.value.value;
  return (
    <>
      <Head title={`Edit ${id}`} trail={[["Replication", to(["replication"])], [id, to(["replication", database, id])]]} />
      {isKept(id) && <KeptNote />}
      {live.failed.value ? <Failed text={live.failed.value} again={() => { void live.again(); }} /> : !found && <Loading />}
      {found && !found.old && <Failed text="There is no such document." />}
      {found?.old && isPaused(found.old) && <p class="note">It is paused, and stays so until it is started.</p>}
      {found?.old && <FormBody known={found} start={formOf(found.old, database, found.server)} />}
    </>
  );
}

/** What the fields get: the form, how it is changed, and what is wrong with it. */
export interface Fields {
  form: Form;
  set: (changed: Partial<Form>) => void;
  problem: (field: string) => string;
}

function FormBody({ known, start }: { known: Known; start: Form }): JSX.Element {
  const form = useSignal(start);
  const wrong = useSignal<Problem[]>([]);
  const found = useSignal<Finding[] | null>(null);
  const failed = useSignal("");
  const busy = useSignal(false);
  const saved = useSignal<string[] | null>(null);
  const place = useRef<HTMLFormElement>(null);
  const { server, names, old } = known;
  const fields: Fields = {
    form: form.value,
    set: (changed) => {
      form.value = { ...form.value, ...changed };
      found.value = null;
      if (wrong.value.length) wrong.value = problems(form.value, server);
    },
    problem: (field) => wrong.value.find((one) => one.field === field)?.text ?? "",
  };
  const act = async (save: boolean) => {
    busy.value = true;
    failed.value = "";
    try {
      if (await isSound()) await (save ? write() : Promise.resolve());
    } catch (error) {
      failed.value = error instanceof ApiError && error.status === 409 ? `${words(error)}: somebody has changed it meanwhile, or the id is taken.` : words(error);
    } finally {
      busy.value = false;
    }
  };
  const isSound = async () => {
    wrong.value = problems(form.value, server);
    found.value = null;
    if (wrong.value.length) {
      setTimeout(() => place.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
      return false;
    }
    if (!form.value.id.trim()) form.value = { ...form.value, id: suggestedId(form.value, server, token()) };
    found.value = await findings(form.value, server, old === null);
    return found.value.every((one) => one.tone !== "bad");
  };
  const write = async () => {
    const docs = documentsOf(form.value, server, old);
    if (old) for (const doc of docs) await writeDoc(form.value.replicator, doc);
    else await writeAll(form.value.replicator, docs);
    tell(docs.length > 1 ? "Both replications are saved." : `${docs[0]?._id} is saved.`);
    saved.value = docs.map((doc) => doc._id);
  };
  if (saved.value) return <Follow database={form.value.replicator} ids={saved.value} />;
  return (
    <form ref={place} class="stack replication-form" noValidate onSubmit={(event) => { event.preventDefault(); void act(true); }}>
      <NotAdmin>Your job gets your own rights.</NotAdmin>
      <div class="replication-two">
        <EndFields side="source" server={server} names={names} fields={fields} />
        <EndFields side="target" server={server} names={names} fields={fields} />
      </div>
      <WhatFields fields={fields} isNew={old === null} />
      <DocumentFields fields={fields} names={names} isNew={old === null} />
      <Advanced fields={fields} />
      <Checked found={found} form={form.value} server={server} old={old} />
      {wrong.value.length > 0 && <p class="bad-note" role="alert">{wrong.value.length === 1 ? "One field is" : `${wrong.value.length} fields are`} not right yet.</p>}
      {failed.value && <p class="bad-note" role="alert">{failed.value}</p>}
      <div class="row">
        <button type="submit" class="main" disabled={busy.value}>{busy.value ? "Working …" : old ? "Save" : "Start replication"}</button>
        <button type="button" disabled={busy.value} onClick={() => { void act(false); }}>Check only</button>
        <a class="button" href={old ? to(["replication", form.value.replicator, old._id]) : to(["replication"])}>Cancel</a>
      </div>
    </form>
  );
}

function token(): string {
  return [...crypto.getRandomValues(new Uint8Array(3))].map((one) => one.toString(16).padStart(2, "0")).join("");
}

function Checked({ found, form, server, old }: { found: Signal<Finding[] | null>; form: Form; server: Server; old: ReplicationDoc | null }): JSX.Element | null {
  if (!found.value) return null;
  return (
    <section class="card" aria-label="Check">
      <h2>Check</h2>
      <ul class="replication-check">
        {found.value.map((one) => (
          <li key={one.what + one.text} class={`replication-${one.tone}`}><strong>{one.what}</strong> <span>{one.text}</span></li>
        ))}
      </ul>
      <details>
        <summary>What is written</summary>
        {documentsOf(form, server, old).map((doc) => <pre key={doc._id}>{JSON.stringify(withoutSecrets(doc), null, 2)}</pre>)}
      </details>
    </section>
  );
}
