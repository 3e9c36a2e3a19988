// The table of all replications.

import { useComputed } from "@preact/signals";
import { type JSX } from "preact";
import { isAdmin } from "../../api/session";
import { go, route, to } from "../../router";
import { Icon } from "../../ui/icon";
import { Badge, Empty, Failed, Head, Loading } from "../../ui/parts";
import { Search, Table, type Column } from "../../ui/table";
import { count, seconds } from "../../ui/words";
import { useJobs } from "./jobs";
import { DirectionWord, Ends, NextTry, NotAdmin, StateBadge, TurnButton } from "./parts";
import { countsOf, matches, STATES, type Job, type State } from "./rows";

/** The address of a job's page. */
export function jobHref(job: Job): string {
  return job.database !== null && job.docId !== null ? to(["replication", job.database, job.docId]) : to(["replication", "transient", job.jobId ?? ""]);
}

export function List(): JSX.Element {
  const live = useJobs();
  const query = route.value.query;
  const [text, state] = [query.get("q") ?? "", query.get("state") ?? ""];
  const jobs = live.value.value?.jobs ?? [];
  const shown = jobs.filter((job) => (!state || job.state === state) && (!text || matches(job, text)));
  const counts = useComputed(() => countsOf(live.value.value?.jobs ?? []));
  const only = (changed: Record<string, string>) => {
    const next = Object.fromEntries(Object.entries({ q: text, state, ...changed }).filter(([, value]) => value));
    go(to(["replication"], next), { replace: true });
  };
  return (
    <>
      <Head title="Replication">
        <a class="button main" href={to(["replication", "new"])}><Icon name="plus" /> New replication</a>
      </Head>
      <NotAdmin>Of the documents in <code>_replicator</code> you see those that you may list.</NotAdmin>
      {live.failed.value && <Failed text={failedWords(live.failed.value)} again={() => { void live.again(); }} />}
      {!live.value.value && !live.failed.value && <Loading />}
      {live.value.value && (
        <div class="stack">
          {jobs.length > 0 && (
            <div class="row">
              <Search label="Filter replications" value={text} onInput={(q) => only({ q })} />
              <label class="inline">
                <span>State</span>
                <select value={state} onChange={(event) => only({ state: event.currentTarget.value })}>
                  <option value="">all ({count(jobs.length)})</option>
                  {counts.value.map(([name, many]) => <option key={name} value={name}>{STATES[name].word.toLowerCase()} ({count(many)})</option>)}
                  {state && !counts.value.some(([name]) => name === state) && <option value={state}>{state} (0)</option>}
                </select>
              </label>
            </div>
          )}
          {live.value.value.isBlind && <p class="note">This server has no <code>_scheduler</code>: these are the documents of <code>_replicator</code>, with the state that it wrote into them.</p>}
          {live.value.value.total > jobs.length && <p class="note">{count(live.value.value.total)} replications are too many to show; these are the first {count(jobs.length)}.</p>}
          <Table label="Replications" rows={shown} columns={columns(live.again)} id={(job) => job.key} sorted="state" empty={<Nothing filtered={jobs.length > 0} />} />
        </div>
      )}
    </>
  );
}

function failedWords(text: string): string {
  return isAdmin.value ? text : `You may not list the documents of _replicator: ${text}`;
}

function Nothing({ filtered }: { filtered: boolean }): JSX.Element {
  if (filtered) return <Empty title="No replication is like that." />;
  return (
    <Empty title="Nothing is replicated here.">
      <p>A replication keeps a database equal to another one, on this server or any other CouchDB.</p>
      <p><a href={to(["replication", "new"])}>Make the first one</a></p>
    </Empty>
  );
}

const ORDER = Object.keys(STATES) as State[];

function columns(again: () => Promise<void>): Column<Job>[] {
  const number = (name: string, title: string, value: (job: Job) => number | null | undefined, shown = count): Column<Job> => ({
    name, title, number: true, sort: (job) => value(job) ?? -1, cell: (job) => shown(value(job)),
  });
  return [
    { name: "job", title: "Replication", sort: (job) => job.docId ?? job.jobId ?? "", cell: (job) => <Name job={job} /> },
    { name: "state", title: "State", sort: (job) => `${ORDER.indexOf(job.state)}`.padStart(2, "0") + (job.docId ?? ""), cell: (job) => <How job={job} /> },
    { name: "ends", title: "Source → target", sort: (job) => `${job.source.full} ${job.target.full}`, cell: (job) => <><Ends job={job} /><br /><DirectionWord job={job} /></> },
    number("lag", "Lag", (job) => job.lagS, seconds),
    number("pending", "Pending", (job) => job.counts?.changes_pending),
    { name: "docs", title: "Documents", number: true, sort: (job) => job.counts?.docs_written ?? -1, cell: (job) => <Documents job={job} /> },
    {
      name: "letters", title: <span title="Documents that the target refused and still lacks">Dead letters</span>, number: true,
      sort: (job) => job.deadLetters ?? -1,
      cell: (job) => (job.deadLetters ? <a href={jobHref(job)}><Badge tone="bad">{count(job.deadLetters)}</Badge></a> : count(job.deadLetters)),
    },
    { name: "do", title: <span class="hidden">Actions</span>, cell: (job) => <TurnButton job={job} small done={again} /> },
  ];
}

function Documents({ job }: { job: Job }): JSX.Element {
  const counts = job.counts;
  if (!counts) return <>–</>;
  return (
    <span class="replication-docs">
      {count(counts.docs_written)} written
      <span class="soft small">{count(counts.docs_read)} read{counts.doc_write_failures ? <>, <strong>{count(counts.doc_write_failures)} failed</strong></> : ""}</span>
    </span>
  );
}

function Name({ job }: { job: Job }): JSX.Element {
  return (
    <div class="replication-name">
      <a href={jobHref(job)} title={job.docId ?? job.jobId ?? ""}>{job.docId ?? `${job.jobId?.slice(0, 12)}…`}</a>
      <span class="soft small">
        {job.docId === null ? "asked for by _replicate" : job.database !== "_replicator" ? job.database : ""}
        {job.owner && ` of ${job.owner}`}
      </span>
      {job.isKept && <Badge>topology</Badge>}
    </div>
  );
}

function How({ job }: { job: Job }): JSX.Element {
  return (
    <div class="replication-state">
      <StateBadge state={job.state} /> <NextTry at={job.nextTry} />
      {job.error && job.state !== "paused" && <p class="replication-error small">{job.error}</p>}
    </div>
  );
}
