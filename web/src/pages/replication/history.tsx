// What happened to a job, newest first.

import { type JSX } from "preact";
import { type HistoryEvent } from "../../api/replication";
import { Badge, type Tone } from "../../ui/parts";
import { clock } from "../../ui/words";
import { type Job } from "./rows";

const EVENTS: Record<string, [Tone, string]> = {
  added: ["plain", "The job was made"],
  started: ["good", "A run began"],
  stopped: ["soft", "A run was stopped"],
  crashed: ["bad", "A run failed"],
  completed: ["good", "It was done"],
};

export function History({ job }: { job: Job }): JSX.Element | null {
  if (!job.history.length) return null;
  return (
    <section class="card" aria-labelledby="replication-history">
      <h2 id="replication-history">What happened</h2>
      <ol class="replication-history">
        {job.history.map((one, at) => <Line key={`${one.timestamp}-${one.type}-${job.history.length - at}`} event={one} />)}
      </ol>
    </section>
  );
}

function Line({ event }: { event: HistoryEvent }): JSX.Element {
  const [tone, says] = EVENTS[event.type] ?? ["plain", event.type];
  return (
    <li>
      <time class="nums soft" dateTime={event.timestamp}>{clock(Date.parse(event.timestamp))}</time>
      <Badge tone={tone}>{event.type}</Badge>
      <span>{event.reason ?? says}</span>
    </li>
  );
}
