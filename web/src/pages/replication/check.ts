// What can be known of a replication before it is written.

import { ApiError } from "../../api/http";
import { databaseInfo, readDoc, type Server } from "../../api/replication";
import { type Tone } from "../../ui/parts";
import { count } from "../../ui/words";
import { addressOf, type EndForm, type Form } from "./form";

/** `tone` bad: it can't work like this. */
export interface Finding {
  what: string;
  tone: Tone;
  text: string;
}

/** Asks this server about its own side of it. Raises ApiError when it does not answer. */
export async function findings(form: Form, server: Server, isNew: boolean): Promise<Finding[]> {
  const [source, target, place, id] = await Promise.all([
    ofEnd("Source", form.source, server, form.both ? "both" : "read", false),
    ofEnd("Target", form.target, server, form.both ? "both" : "write", form.createTarget),
    ofPlace(form.replicator),
    isNew && form.id.trim() ? ofId(form) : Promise.resolve([]),
  ]);
  return [source, target, ...place, ...id];
}

async function ofEnd(what: string, end: EndForm, server: Server, use: "read" | "write" | "both", mayCreate: boolean): Promise<Finding> {
  if (end.kind === "remote") return { what, tone: "soft", text: remoteWords(end, server, use, mayCreate) };
  const name = end.database.trim();
  try {
    const info = await databaseInfo(name);
    return { what, tone: "good", text: `${name} is on this server, with ${count(info.doc_count)} documents.` };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 0) throw error;
    if (error.status !== 404) return { what, tone: "bad", text: `${name} can't be read: ${error.reason}` };
    if (mayCreate) return { what, tone: "good", text: `${name} is not there yet; the job makes it.` };
    const way = what === "Target" ? "tick “Create the target” to have it made" : "create it first";
    return { what, tone: "bad", text: `There is no database ${name} on this server: ${way}.` };
  }
}

function remoteWords(end: EndForm, server: Server, use: "read" | "write" | "both", mayCreate: boolean): string {
  const who = end.auth === "none" ? "nobody's rights" : end.auth === "kept" ? "the token that it has" : `the rights of ${end.name.trim()}`;
  const needs = { read: "reading", write: "writing", both: "reading and writing" }[use];
  const creates = mayCreate ? ", and creating databases if it is missing" : "";
  return `A browser can't ask ${new URL(addressOf(end, server)).host} for another server, so it is tried by the job itself as soon as it is saved, with ${who}. It needs ${needs}${creates}. What comes of it is shown here.`;
}

async function ofPlace(replicator: string): Promise<Finding[]> {
  try {
    await databaseInfo(replicator);
    return [];
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 0) throw error;
    if (error.status === 404) return [{ what: "Document", tone: "warn", text: `The database ${replicator} is missing here; it is created first.` }];
    return [{ what: "Document", tone: "bad", text: `You may not write into ${replicator}: ${error.reason}` }];
  }
}

async function ofId(form: Form): Promise<Finding[]> {
  const ids = [form.id.trim(), ...(form.both ? [`${form.id.trim()}-back`] : [])];
  const found: Finding[] = [];
  for (const id of ids) {
    const taken = await readDoc(form.replicator, id).catch(() => null);
    if (taken) found.push({ what: "Document", tone: "bad", text: `${id} is there already: edit it, or take another id.` });
  }
  return found;
}
