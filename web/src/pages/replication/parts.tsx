// Parts that the list, a job's page and the form share.

import { useSignal } from "@preact/signals";
import { type ComponentChildren, type JSX } from "preact";
import { isAdmin, user } from "../../api/session";
import { type IconName, Icon } from "../../ui/icon";
import { Badge } from "../../ui/parts";
import { tell } from "../../ui/toast";
import { clock, seconds } from "../../ui/words";
import { pause, start } from "./actions";
import { DIRECTIONS, STATES, type End, type Job, type State } from "./rows";

/** A state with what it means, for who points at it or can't see. */
export function StateBadge({ state }: { state: State }): JSX.Element {
  const words = STATES[state];
  return <Badge tone={words.tone}><span title={words.says}>{words.word}</span></Badge>;
}

export function EndName({ end }: { end: End }): JSX.Element {
  return (
    <span class="replication-end" title={end.full}>
      {end.host && <><span class="soft">{end.host}/</span><wbr /></>}{end.database || "–"}
    </span>
  );
}

/** Source, arrow, target. */
export function Ends({ job }: { job: Job }): JSX.Element {
  return (
    <span class="replication-ends">
      <EndName end={job.source} /> <span class="soft" aria-label="to" role="img">→</span> <EndName end={job.target} />
    </span>
  );
}

export function DirectionWord({ job }: { job: Job }): JSX.Element {
  const kind = job.continuous === null ? "" : job.continuous ? ", continuous" : ", one-time";
  return <span class="soft small" title={DIRECTIONS[job.direction]}>{job.direction}{kind}</span>;
}

/** When a job is tried again: "in 12 s". */
export function NextTry({ at }: { at: number | null }): JSX.Element | null {
  if (at === null) return null;
  const left = (at - Date.now()) / 1000;
  return <span class="soft small nums" title={clock(at)}>{left >= 0.5 ? `next try in ${seconds(left)}` : "next try now"}</span>;
}

/** Whether the job can be paused, or started; null: neither. */
export function turnOf(job: Job): "pause" | "start" | null {
  if (job.docId === null) return null;
  return ["paused", "failed", "completed"].includes(job.state) ? "start" : "pause";
}

const START_WORDS: Partial<Record<State, string>> = { completed: "Run again", failed: "Start again" };

/** Pauses or starts a job, and says what came of it. `small`: only its icon. */
export function TurnButton({ job, small = false, done }: { job: Job; small?: boolean; done: () => Promise<void> }): JSX.Element | null {
  const turn = turnOf(job);
  const word = turn === "pause" ? "Pause" : START_WORDS[job.state] ?? "Start";
  if (!turn) return null;
  return (
    <ActButton icon={turn === "pause" ? "pause" : "play"} label={small ? `${word} ${job.docId}` : word} small={small} act={async () => {
      await (turn === "pause" ? pause(job, user.value?.name ?? "somebody") : start(job));
      await done();
      return turn === "pause" ? `${job.docId} is paused.` : `${job.docId} is started.`;
    }} />
  );
}

/** A button for what takes a moment. `act` says in words what it did; what it throws is told. */
export function ActButton({ icon, label, small = false, act }: { icon: IconName; label: string; small?: boolean; act: () => Promise<string> }): JSX.Element {
  const busy = useSignal(false);
  const run = async () => {
    busy.value = true;
    try {
      tell(await act());
    } catch (error) {
      tell(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <button type="button" class={small ? "plain" : ""} disabled={busy.value} title={small ? label : undefined} onClick={run}>
      {small ? <Icon name={icon} label={label} /> : <><Icon name={icon} /> {label}</>}
    </button>
  );
}

/** Says so for documents that come back whenever somebody changes them. */
export function KeptNote(): JSX.Element {
  return (
    <p class="note">
      <Badge>topology</Badge> The region's agent keeps this replication as the topology says: what is changed here by hand is
      soon as it was. Change the topology instead (<code>couchgrass topology</code>).
    </p>
  );
}

/** For who is no server admin: what can't be seen, and why. */
export function NotAdmin({ children }: { children?: ComponentChildren }): JSX.Element | null {
  if (isAdmin.value) return null;
  return (
    <p class="note" role="note">
      The server tells states, lag and errors of replications to its admins only, and you are {user.value?.name}. {children}
    </p>
  );
}
