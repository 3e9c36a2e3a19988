// Documents made ready for `_bulk_docs`: checked, given ids, and put together into batches of a bounded size.

import { JsonError, members, object, scan } from "../../../api/jsontext";
import type { Piece } from "./split";

/** What becomes of `_rev`. "edit": it is the revision that this follows, as in any edit. "keep": the document
 * is written as that very revision (`new_edits=false`), as replication does. "drop": all are new. */
export type Revs = "edit" | "keep" | "drop";

/** A document as it will be sent. */
export interface Ready {
  id: string;
  text: string;
  line: number;
  hasRev: boolean;
}

/** One that is not in the database, and why. `text` can be uploaded again. */
export interface Refused {
  id: string;
  line: number;
  reason: string;
  text: string;
}

export const isRefused = (one: Ready | Refused): one is Refused => "reason" in one;

/** Judges a piece. One without an id gets one here, so that sending it twice makes no second copy. */
export function ready(piece: Piece, newId: () => string): Ready | Refused {
  const refused = (reason: string, id = "") => ({ id, line: piece.line, reason, text: piece.text });
  let text = piece.text;
  try {
    if (piece.row) {
      const doc = members(text).get("doc");
      if (!doc || doc === "null") return refused("this row has no document: lists need include_docs=true");
      text = doc;
    }
    const doc: unknown = JSON.parse(text);
    if (typeof doc !== "object" || doc === null || Array.isArray(doc)) return refused("a document is an object");
    if (!("_id" in doc)) {
      const id = newId();
      return { id, text: withId(text, id), line: piece.line, hasRev: "_rev" in doc };
    }
    if (typeof doc._id !== "string" || !doc._id) return refused("its _id is no text, or an empty one");
    return { id: doc._id, text, line: piece.line, hasRev: "_rev" in doc };
  } catch (error) {
    return refused(syntax(text, error, piece.line));
  }
}

function withId(text: string, id: string): string {
  const body = text.slice(text.indexOf("{") + 1);
  return `{"_id":${JSON.stringify(id)}${body.trim() === "}" ? "" : ","}${body}`;
}

function syntax(text: string, error: unknown, line: number): string {
  try {
    scan(text);
  } catch (found) {
    if (found instanceof JsonError) return `line ${line + found.line - 1}, column ${found.column}: ${found.message}`;
  }
  if (error instanceof SyntaxError || error instanceof JsonError) return error.message;
  throw error;
}

/** The text that is sent for a document. */
export function sent(doc: Ready, revs: Revs): string {
  if (revs !== "drop" || !doc.hasRev) return doc.text;
  const kept = members(doc.text);
  kept.delete("_rev");
  kept.delete("_revisions");
  return object(kept);
}

/** Bounds of a batch: CouchDB takes 8 MB in its default setting, and answers come often enough to see. */
export const BATCH_DOCS = 500;
export const BATCH_CHARS = 1_500_000;

/** Gathers documents until there are enough. A larger one than a batch may be goes by itself. */
export class Batches {
  private held: Ready[] = [];
  private chars = 0;
  private readonly docs: number;
  private readonly most: number;

  constructor(docs = BATCH_DOCS, chars = BATCH_CHARS) {
    this.docs = docs;
    this.most = chars;
  }

  /** Takes one; a batch that is full without it. */
  push(doc: Ready): Ready[] | null {
    const full = this.held.length >= this.docs || (this.held.length > 0 && this.chars + doc.text.length > this.most);
    const batch = full ? this.take() : null;
    this.held.push(doc);
    this.chars += doc.text.length;
    return batch;
  }

  /** What is held. */
  take(): Ready[] {
    const batch = this.held;
    this.held = [];
    this.chars = 0;
    return batch;
  }
}

/** The body of `_bulk_docs`. */
export const bulkBody = (batch: readonly Ready[], revs: Revs) =>
  `{${revs === "keep" ? '"new_edits":false,' : ""}"docs":[${batch.map((doc) => sent(doc, revs)).join(",")}]}`;

/** What of a batch is not there, as the answer has it. */
export function refusedOf(batch: readonly Ready[], answers: readonly { id?: string; error?: string; reason?: string }[], revs: Revs): Refused[] {
  const refused: Refused[] = [];
  const byId = new Map(batch.map((doc) => [doc.id, doc]));
  answers.forEach((answer, at) => {
    if (!answer.error) return;
    // With `new_edits` false only refusals are answered; else each document has its place.
    const doc = revs === "keep" ? byId.get(answer.id ?? "") : batch[at];
    if (doc) refused.push({ id: doc.id, line: doc.line, reason: answer.reason ? `${answer.error}: ${answer.reason}` : answer.error, text: doc.text });
  });
  return refused;
}
