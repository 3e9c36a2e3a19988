// What people do to a replication: each reads its document, changes it and writes it back.

import { ApiError } from "../../api/http";
import { createDatabase, databaseInfo, deleteDoc, readDoc, writeDoc, type ReplicationDoc } from "../../api/replication";
import { paused, started } from "./pause";
import { type Job } from "./rows";

interface Place {
  database: string;
  docId: string;
}

function placeOf(job: Job): Place {
  if (job.database === null || job.docId === null) throw new ApiError(0, "no_document", "this job has no document");
  return { database: job.database, docId: job.docId };
}

async function documentOf(place: Place): Promise<ReplicationDoc> {
  const doc = await readDoc(place.database, place.docId);
  if (!doc) throw new ApiError(404, "not_found", "its document is gone");
  return doc;
}

/** Has it stand still; `by` is who wants it. Raises ApiError. */
export async function pause(job: Job, by: string): Promise<void> {
  const place = placeOf(job);
  const still = paused(await documentOf(place), by, new Date(), job.jobId);
  const rev = await writeDoc(place.database, still);
  if (job.isOurs) return;
  // CouchDB ends a running job when its document is deleted, not when it is marked. The deleted revision keeps
  // all of it, so that nothing is lost if the second step never comes.
  await writeDoc(place.database, { ...still, _rev: rev, _deleted: true });
  const { _rev: _, ...anew } = still;
  await writeDoc(place.database, anew as ReplicationDoc);
}

/** Has it go on, or run once more. Raises ApiError. */
export async function start(job: Job): Promise<void> {
  const place = placeOf(job);
  await writeDoc(place.database, started(await documentOf(place)));
}

/** Ends it for good. Databases and their documents stay. Raises ApiError. */
export async function remove(job: Job): Promise<void> {
  const place = placeOf(job);
  const doc = await documentOf(place);
  await deleteDoc(place.database, place.docId, doc._rev ?? "");
}

/** Writes new documents, all or none; makes the replicator database if it is missing. Raises ApiError. */
export async function writeAll(replicator: string, docs: readonly ReplicationDoc[]): Promise<void> {
  await makeSure(replicator);
  const done: { id: string; rev: string }[] = [];
  try {
    for (const doc of docs) done.push({ id: doc._id, rev: await writeDoc(replicator, doc) });
  } catch (error) {
    for (const one of done) await deleteDoc(replicator, one.id, one.rev);
    throw error;
  }
}

async function makeSure(replicator: string): Promise<void> {
  try {
    await databaseInfo(replicator);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    await createDatabase(replicator);
  }
}
