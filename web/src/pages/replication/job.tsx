// One replication: how it does, what happened, what was refused, and its document.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { cancelJob, readDoc, schedulerDoc, schedulerJob, type ReplicationDoc } from "../../api/replication";
import { isAdmin } from "../../api/session";
import { go, to } from "../../router";
import { FormDialog } from "../../ui/dialog";
import { Editor } from "../../ui/editor";
import { Icon } from "../../ui/icon";
import { useLive } from "../../ui/live";
import { Button, Empty, Fact, Facts, Failed, Head, Loading } from "../../ui/parts";
import { tell } from "../../ui/toast";
import { clock, count, seconds } from "../../ui/words";
import { remove } from "./actions";
import { History } from "./history";
import { Letters } from "./letters";
import { Ends, KeptNote, NextTry, NotAdmin, StateBadge, TurnButton } from "./parts";
import { DIRECTIONS, jobOf, jobOfDocument, saysOf, seqNumber, type Job } from "./rows";
import { withoutSecrets } from "../../api/secrets";

const EVERY_MS = 1000;

interface Found {
  job: Job | null;
  doc: ReplicationDoc | null;
}

async function ofDocument(database: string, id: string, signal: AbortSignal): Promise<Found> {
  const [row, doc] = await Promise.all([isAdmin.value ? schedulerDoc(database, id, signal) : null, readDoc(database, id, signal)]);
  const running = row?.id ? await schedulerJob(row.id, signal) : null;
  if (row) return { job: { ...jobOf(row, running), ...told(doc) }, doc };
  return { job: doc && jobOfDocument(database, doc), doc };
}

// What the document says better than the scheduler, which forgets it when a job is over.
function told(doc: ReplicationDoc | null): Partial<Job> {
  if (!doc) return {};
  return { continuous: doc.continuous === true, ...(typeof doc.owner === "string" ? { owner: doc.owner } : {}) };
}

async function ofJob(id: string, signal: AbortSignal): Promise<Found> {
  const row = await schedulerJob(id, signal);
  return { job: row && jobOf(null, row), doc: null };
}

/** `database` null: the job of `_replicate` with this id. */
export function JobPage({ database, id }: { database: string | null; id: string }): JSX.Element {
  const live = useLive((signal) => (database === null ? ofJob(id, signal) : ofDocument(database, id, signal)), EVERY_MS, [database, id]);
  const removing = useSignal(false);
  const found = live.value.value;
  const job = found?.job ?? null;
  return (
    <>
      <Head title={database === null ? `${id.slice(0, 12)}…` : id} trail={[["Replication", to(["replication"])]]}>
        {job && (
          <>
            <TurnButton job={job} done={live.again} />
            {database !== null && <a class="button" href={to(["replication", database, id, "edit"])}><Icon name="edit" /> Edit</a>}
            <Button icon="trash" tone="bad" onClick={() => { removing.value = true; }}>{database === null ? "End" : "Delete"}</Button>
          </>
        )}
      </Head>
      {live.failed.value && <Failed text={live.failed.value} again={() => { void live.again(); }} />}
      {!found && !live.failed.value && <Loading />}
      {found && !job && (
        <Empty title="There is no such replication.">
          <p>It was deleted, or it was a job of <code>_replicate</code> that is over. <a href={to(["replication"])}>All replications</a></p>
        </Empty>
      )}
      {job && (
        <div class="stack">
          <NotAdmin>The document is what you may see.</NotAdmin>
          {job.isKept && <KeptNote />}
          {database === null && <p class="note">No document asks for this job: it was started by <code>POST /_replicate</code>, can't be edited or paused, and ends with the server.</p>}
          <Status job={job} />
          <Letters job={job} again={live.again} />
          <History job={job} />
          {found?.doc && <Document doc={found.doc} />}
        </div>
      )}
      {removing.value && job && <Remove job={job} onClose={() => { removing.value = false; }} />}
    </>
  );
}

function Status({ job }: { job: Job }): JSX.Element {
  const at = seqNumber(job.counts?.checkpointed_source_seq);
  const through = seqNumber(job.counts?.through_seq ?? job.counts?.source_seq);
  return (
    <section class="card replication-status" aria-label="Status">
      <p class="row">
        <StateBadge state={job.state} /> <span>{saysOf(job)}</span> <NextTry at={job.nextTry} />
      </p>
      {job.error && (job.state === "paused" ? <p class="note">{job.error}</p> : <p class="bad-note">{job.error}</p>)}
      <p class="replication-big"><Ends job={job} /></p>
      <p class="soft">{DIRECTIONS[job.direction]}{job.continuous !== null && (job.continuous ? ", from now on" : ", once")}.</p>
      <Facts>
        <Fact label="Lag">{seconds(job.lagS)}</Fact>
        <Fact label="Changes pending">{count(job.counts?.changes_pending)}</Fact>
        <Fact label="Documents read">{count(job.counts?.docs_read)}</Fact>
        <Fact label="Written">{count(job.counts?.docs_written)}</Fact>
        <Fact label="Write failures" {...(job.counts?.doc_write_failures ? { tone: "warn" } : {})}>{count(job.counts?.doc_write_failures)}</Fact>
        <Fact label="Dead letters" {...(job.deadLetters ? { tone: "bad" } : {})}>{count(job.deadLetters)}</Fact>
        <Fact label="Failures in a row">{count(job.errorCount)}</Fact>
        <Fact label="Revisions compared">{count(job.counts?.revisions_checked)}</Fact>
        <Fact label="Copied up to change">{count(through)}</Fact>
        <Fact label="Last checkpoint at">{count(at)}</Fact>
        <Fact label="Since">{job.started === null ? "–" : clock(job.started)}</Fact>
        <Fact label="Last change of state">{job.updated === null ? "–" : clock(job.updated)}</Fact>
        <Fact label="Owner">{job.owner ?? "–"}</Fact>
        {job.database !== null && job.database !== "_replicator" && <Fact label="Kept in">{job.database}</Fact>}
        {job.jobId && <Fact label="Replication id"><code class="replication-id">{job.jobId}</code></Fact>}
      </Facts>
    </section>
  );
}

function Document({ doc }: { doc: ReplicationDoc }): JSX.Element {
  return (
    <section class="card" aria-labelledby="replication-doc">
      <h2 id="replication-doc">Document</h2>
      <p class="hint">Passwords, tokens and headers are hidden here.</p>
      <Editor label="Document" value={JSON.stringify(withoutSecrets(doc), null, 2)} />
    </section>
  );
}

function Remove({ job, onClose }: { job: Job; onClose: () => void }): JSX.Element {
  const what = job.docId ?? job.jobId ?? "";
  const act = async () => {
    await (job.docId === null ? cancelJob(job.jobId ?? "") : remove(job));
    tell(`${what} is ${job.docId === null ? "ended" : "deleted"}.`);
    go(to(["replication"]));
  };
  return (
    <FormDialog title={job.docId === null ? `End ${what}?` : `Delete ${what}?`} done={job.docId === null ? "End it" : "Delete it"} tone="bad" onClose={onClose} act={act}>
      <p>Nothing more is copied from <strong>{job.source.full}</strong> to <strong>{job.target.full}</strong>. What was copied stays where it is.</p>
      {job.isKept && <KeptNote />}
    </FormDialog>
  );
}
