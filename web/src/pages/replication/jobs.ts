// All replications of the server, followed while the page is seen.

import { useRef } from "preact/hooks";
import { ApiError } from "../../api/http";
import { listDocs, schedulerDocs, schedulerJobs } from "../../api/replication";
import { isAdmin } from "../../api/session";
import { useLive, type Live } from "../../ui/live";
import { jobOfDocument, jobsOf, type Job } from "./rows";

const EVERY_MS = 1500;
/** With many jobs the server is asked less often: this much for each of them. */
const MS_OF_JOB = 3;

export interface Jobs {
  jobs: Job[];
  /** How many there are; more than are shown when there are too many. */
  total: number;
  /** The server has no scheduler: of states it tells what it writes into the documents. */
  isBlind?: boolean;
}

/** CouchDB before 2.1 and servers of PouchDB have no `_scheduler`; it is a database that is not there. */
const NO_SCHEDULER = 404;

/** Who is no server admin sees the documents of `_replicator` that he may list. */
export function useJobs(): Live<Jobs> {
  const last = useRef<{ found: Jobs; until: number } | null>(null);
  const asked = useRef(false);
  const live = useLive<Jobs>(async (signal) => {
    const known = last.current;
    if (known && !asked.current && Date.now() < known.until) return known.found;
    asked.current = false;
    const found = await (isAdmin.value ? ofScheduler(signal) : ofDocuments(signal));
    last.current = { found, until: Date.now() + found.jobs.length * MS_OF_JOB };
    return found;
  }, EVERY_MS, [isAdmin.value]);
  const again = () => {
    asked.current = true;
    return live.again();
  };
  return { ...live, again };
}

async function ofScheduler(signal: AbortSignal): Promise<Jobs> {
  try {
    const [docs, jobs] = await Promise.all([schedulerDocs(signal), schedulerJobs(signal)]);
    const found = jobsOf(docs.rows, jobs.rows);
    return { jobs: found, total: Math.max(docs.total, found.length) };
  } catch (error) {
    if (!(error instanceof ApiError && error.status === NO_SCHEDULER)) throw error;
    return { ...(await ofDocuments(signal)), isBlind: true };
  }
}

async function ofDocuments(signal: AbortSignal): Promise<Jobs> {
  const jobs = (await listDocs("_replicator", signal)).map((doc) => jobOfDocument("_replicator", doc));
  return { jobs, total: jobs.length };
}
