// Pausing a replication. CouchDB knows no pause, but leaves alone what is marked as failed: such a document has
// no job, not even after a restart. So a paused job's document stays where it is, whole, with its credentials as
// well kept as before, and says in the words of a failure who paused it. A member of ours in it makes it another
// request than the one that runs, which is what makes couchgrass end the job.

import { type ReplicationDoc } from "../../api/replication";

export const PAUSED = "couchgrass_paused";

const OF_JOB = ["_replication_state", "_replication_state_time", "_replication_state_reason", "_replication_id", "_replication_stats", "_replication_start_time"];
const BEGIN = "Paused by ";

/** Whether this is what a paused job's document says. */
export function isPausedReason(reason: string): boolean {
  return reason.startsWith(BEGIN);
}

export function isPaused(doc: ReplicationDoc): boolean {
  return PAUSED in doc && doc._replication_state === "failed";
}

/** The document of a job that is to stand still. `jobId` (null: not known) keeps its dead letters in sight. */
export function paused(doc: ReplicationDoc, by: string, at: Date, jobId: string | null): ReplicationDoc {
  const time = at.toISOString().replace(/\.\d+Z$/, "Z");
  const base = jobId?.split("+")[0];
  return {
    ...started(doc),
    [PAUSED]: { by, at: time },
    _replication_state: "failed",
    _replication_state_time: time,
    _replication_state_reason: `${BEGIN}${by}. It goes on when it is started.`,
    ...(base ? { _replication_id: base } : {}),
  };
}

/** The document of a job that is to run: nothing in it of what came before. */
export function started(doc: ReplicationDoc): ReplicationDoc {
  const kept = Object.entries(doc).filter(([name]) => name !== PAUSED && !OF_JOB.includes(name));
  return Object.fromEntries(kept) as ReplicationDoc;
}
