// One activation's record.

import { type JSX } from "preact";
import { activation, type Access } from "../../api/functions";
import { to } from "../../router";
import { useLive } from "../../ui/live";
import { Fact, Facts, Failed, Head, Loading } from "../../ui/parts";
import { clock, millis } from "../../ui/words";
import { What } from "./activations";
import { ActivationLink } from "./links";
import { RecordView } from "./record";
import { Values } from "./values";

const EVERY_MS = 1000;

export function ActivationPage({ access, id }: { access: Access; id: string }): JSX.Element {
  const found = useLive((signal) => activation(access, id, signal), 0, [access.namespace, access.key, id]);
  const record = found.value.value;
  const runs = record !== undefined && record.end === undefined;
  return (
    <>
      <Head title={<>Activation <span class="functions-id">{id}</span></>} trail={[["Functions", to(["functions", access.namespace])], ["Activations", to(["functions", access.namespace, "activations"])]]} />
      {found.failed.value && <Failed text={found.failed.value} again={() => void found.again()} />}
      {!record && !found.failed.value && <Loading />}
      {runs && <Again every={EVERY_MS} again={found.again} />}
      {record && (
        <div class="stack">
          <section class="card">
            <Facts>
              <Fact label="What"><What access={access} row={record} /></Fact>
              <Fact label="Version">{record.version}</Fact>
              <Fact label="Start">{clock(record.start)}</Fact>
              <Fact label="Took">{runs ? "it runs" : millis(record.duration)}</Fact>
              <Fact label="In the name of">{record.subject}</Fact>
              {record.cause && <Fact label="Brought about by"><ActivationLink access={access} id={record.cause} short /></Fact>}
            </Facts>
          </section>
          <section class="card"><RecordView access={access} record={record} /></section>
          <section class="card">
            <h2>Annotations</h2>
            <Values label="Annotations" rows={record.annotations} empty="It has none." />
          </section>
        </div>
      )}
    </>
  );
}

/** Asks again while it is drawn. */
function Again({ every, again }: { every: number; again: () => Promise<void> }): JSX.Element {
  useLive(again, every, []);
  return <p class="note" role="status">It still runs.</p>;
}
