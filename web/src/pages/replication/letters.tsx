// Documents that the target refused. They are kept until it takes them.

import { type JSX } from "preact";
import { retryLetters, type Letter } from "../../api/replication";
import { to } from "../../router";
import { Table, type Column } from "../../ui/table";
import { clock, count } from "../../ui/words";
import { ActButton } from "./parts";
import { type Job } from "./rows";

export function Letters({ job, again }: { job: Job; again: () => Promise<void> }): JSX.Element | null {
  if (!job.deadLetters) return null;
  const retry = async (letter?: Letter) => {
    const tried = await retryLetters(job, letter?.id);
    await again();
    return letter ? `${letter.id} is tried again.` : `${count(tried)} ${tried === 1 ? "document is" : "documents are"} tried again.`;
  };
  return (
    <section class="card" aria-labelledby="replication-letters">
      <div class="row">
        <h2 id="replication-letters">Dead letters</h2>
        <span class="grow" />
        <ActButton icon="refresh" label="Retry all" act={() => retry()} />
      </div>
      <p class="hint">
        The target refused these documents, so it lacks them. They are tried again when its rules change, when a document
        changes, every ten minutes, and when you say so.
      </p>
      <Table label="Dead letters" rows={job.letters} columns={columns(job, retry)} id={(one) => `${one.id} ${one.rev}`} pageRows={20} sorted="-time" />
      {job.letters.length < job.deadLetters && <p class="soft">The oldest {count(job.letters.length)} of {count(job.deadLetters)} are shown.</p>}
    </section>
  );
}

function columns(job: Job, retry: (letter: Letter) => Promise<string>): Column<Letter>[] {
  return [
    { name: "id", title: "Document", sort: (one) => one.id, cell: (one) => <Where job={job} letter={one} /> },
    { name: "rev", title: "Revision", cell: (one) => <code class="replication-nowrap" title={one.rev}>{one.rev.slice(0, 10)}…</code> },
    { name: "reason", title: "Why", sort: (one) => one.reason, cell: (one) => <span class="replication-why">{one.error && <strong>{one.error}: </strong>}{one.reason}</span> },
    { name: "time", title: "When", sort: (one) => one.time, cell: (one) => <span class="nums replication-nowrap">{clock(Date.parse(one.time))}</span> },
    { name: "do", title: <span class="hidden">Actions</span>, cell: (one) => <ActButton icon="refresh" small label={`Retry ${one.id}`} act={() => retry(one)} /> },
  ];
}

// The source has it; only this server's databases can be opened here.
function Where({ job, letter }: { job: Job; letter: Letter }): JSX.Element {
  if (job.source.host) return <span title={`In ${job.source.full}`}>{letter.id}</span>;
  return <a href={to(["databases", job.source.database, "doc", letter.id])}>{letter.id}</a>;
}
