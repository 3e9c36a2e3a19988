// After a replication was saved: what becomes of it, until it runs or tells what is wrong.

import { type JSX } from "preact";
import { readDoc, schedulerDoc, schedulerJob } from "../../api/replication";
import { isAdmin } from "../../api/session";
import { to } from "../../router";
import { useLive } from "../../ui/live";
import { Failed, Loading } from "../../ui/parts";
import { count } from "../../ui/words";
import { Ends, NextTry, NotAdmin, StateBadge } from "./parts";
import { jobOf, jobOfDocument, saysOf, type Job } from "./rows";

const EVERY_MS = 1000;

async function look(database: string, id: string, signal: AbortSignal): Promise<Job | null> {
  const row = isAdmin.value ? await schedulerDoc(database, id, signal) : null;
  if (row) return jobOf(row, row.id ? await schedulerJob(row.id, signal) : null);
  const doc = await readDoc(database, id, signal);
  return doc && jobOfDocument(database, doc);
}

export function Follow({ database, ids }: { database: string; ids: readonly string[] }): JSX.Element {
  const live = useLive(async (signal) => Promise.all(ids.map((id) => look(database, id, signal))), EVERY_MS, [database, ids.join()]);
  return (
    <div class="stack">
      {live.failed.value && <Failed text={live.failed.value} />}
      {!live.value.value && !live.failed.value && <Loading text="Looking what becomes of it …" />}
      <NotAdmin />
      {live.value.value?.map((job, at) => <One key={ids[at]} database={database} id={ids[at] ?? ""} job={job} />)}
      <div class="row">
        <a class="button" href={to(["replication"])}>All replications</a>
      </div>
    </div>
  );
}

function One({ database, id, job }: { database: string; id: string; job: Job | null }): JSX.Element {
  return (
    <section class="card" aria-label={id}>
      <h2><a href={to(["replication", database, id])}>{id}</a></h2>
      {!job && <p class="soft" role="status">The scheduler does not know it yet.</p>}
      {job && (
        <>
          <p><Ends job={job} /></p>
          <p class="row" role="status"><StateBadge state={job.state} /> <span>{saysOf(job)}</span> <NextTry at={job.nextTry} /></p>
          {job.error && <p class="bad-note" role="alert">{job.error}</p>}
          {job.counts && <p class="soft">{count(job.counts.docs_written)} documents written, {count(job.counts.changes_pending)} changes pending</p>}
        </>
      )}
    </section>
  );
}
