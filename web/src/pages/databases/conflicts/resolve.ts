// Carries out what somebody decided about a conflict, if the leaves are still those that they saw.

import { attachmentPath, bulkDocs, writeDoc } from "../../../api/couch";
import { ApiError, ask } from "../../../api/http";
import { type Leaf, newsOf } from "../../../merge/leaf";
import { type Child, childText, type Plan, reportOf, tombstones } from "../../../merge/resolution";
import { words } from "../../../ui/toast";
import { readLeaves } from "./load";

/** Attachments that are copied into a merged revision may have so many bytes together. */
export const COPIED_BYTES_MAX = 64_000_000;

/** The leaves are not those that were seen, so nothing was written. `leaves`: those that are there now. */
export class Changed extends Error {
  readonly leaves: Leaf[];

  constructor(news: readonly string[], leaves: Leaf[]) {
    super(`Nothing was written, as the document has changed meanwhile: ${news.join("; ")}.`);
    this.leaves = leaves;
  }
}

/** What was done, and what was not, in words. `problems` empty: all of it was. */
export interface Outcome {
  done: string[];
  problems: string[];
}

/** Raises Changed, or ApiError: nothing was written then. Whatever fails later is in the outcome. */
export async function resolve(db: string, id: string, seen: readonly Leaf[], plan: Plan): Promise<Outcome> {
  const now = await readLeaves(db, id);
  const news = newsOf(seen, now);
  if (news.length) throw new Changed(news, now);
  const done: string[] = [];
  if (plan.child) done.push(await writeChild(db, id, plan.child));
  if (!plan.tombstones.length) return { done, problems: [] };
  try {
    const report = reportOf(plan.tombstones, await bulkDocs(db, tombstones(id, plan.tombstones)));
    return { done: [...done, ...report.done], problems: report.refused };
  } catch (error) {
    if (!done.length) throw error;
    const lost = error instanceof ApiError && error.status === 0;
    return { done, problems: [`${plan.tombstones.join(", ")} ${lost ? "perhaps " : ""}not deleted: ${words(error)}`] };
  }
}

async function writeChild(db: string, id: string, child: Child): Promise<string> {
  const bytes = new Map<string, string>();
  let left = COPIED_BYTES_MAX;
  for (const { name, from } of child.attachments) {
    if (from === null) continue;
    const blob = await (await ask(attachmentPath(db, id, name), { query: { rev: from }, headers: { accept: "*/*" } })).blob();
    left -= blob.size;
    if (left < 0) throw new Error(`Nothing was written: the attachments to be copied are larger than ${COPIED_BYTES_MAX / 1e6} MB together. Keep the winner's, and upload the others by hand.`);
    bytes.set(name, await base64(blob));
  }
  const written = await writeDoc(db, id, childText(id, child, bytes));
  return `${written.rev ?? "a new revision"} written`;
}

/** Base64 of all bytes, by the browser. */
function base64(blob: Blob): Promise<string> {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(String(reader.result).replace(/^[^,]*,?/, ""));
    reader.onerror = () => failed(reader.error ?? new Error("the attachment can't be read"));
    reader.readAsDataURL(blob);
  });
}
