// One document that is being edited: as the server has it, and what was typed. What was typed outlives its
// page: a session that ends in the middle shows the sign-in, and the text is there again after it.

import { signal, type Signal } from "@preact/signals";
import { type AttachmentStub, isLocal, readDocText } from "../../../api/couch";
import { JsonError, members, object, pretty } from "../../../api/jsontext";
import { newId } from "../ids";
import { clear, fieldDiffs, merged } from "./merge";

export interface Loaded {
  /** Indented; without what the server adds for reading. */
  text: string;
  /** "": it is not there yet. */
  rev: string;
  conflicts: readonly string[];
  attachments: Readonly<Record<string, AttachmentStub>>;
}

/** Of a document that is not there, or no more. */
export const NONE: Loaded = { text: "", rev: "", conflicts: [], attachments: {} };

export interface Model {
  db: string;
  /** "": a new one, whose id is in its text. */
  id: string;
  loaded: Signal<Loaded | null>;
  /** null: nothing was typed since it was loaded. */
  typed: Signal<string | null>;
  /** What the editor begins with; another `version` is another editor. */
  shown: Signal<{ text: string; version: number }>;
}

const models = new Map<string, Model>();
const keyOf = (db: string, id: string) => `${db}\n${id}`;

/** What CouchDB wants of a user; it keeps a hash of the password. The name is put in at two places. */
const NEW_USER = `{
  "_id": "org.couchdb.user:",
  "name": "",
  "password": "",
  "roles": [],
  "type": "user"
}`;

/** The one of a document: as it was left when something is typed in it, else a fresh one. */
export function modelOf(db: string, id: string): Model {
  const found = models.get(keyOf(db, id));
  if (found && isTyped(found)) return found;
  const model: Model = { db, id, loaded: signal(null), typed: signal(null), shown: signal({ text: "", version: 0 }) };
  models.set(keyOf(db, id), model);
  if (!id) begin(model, db === "_users" ? NEW_USER : `{\n  "_id": "${newId()}"\n}`);
  return model;
}

/** Forgets it, with all that was typed. */
export function forget(model: Model): void {
  models.delete(keyOf(model.db, model.id));
}

export const isTyped = (model: Model) => model.typed.value !== null && model.typed.value !== (model.loaded.value?.text ?? "");

export const textOf = (model: Model) => model.typed.value ?? model.loaded.value?.text ?? "";

/** Begins with a document that is not there yet. */
export function begin(model: Model, text: string): void {
  model.loaded.value = { ...NONE, text };
  reset(model);
}

/** Drops what was typed. */
export function reset(model: Model): void {
  model.typed.value = null;
  model.shown.value = { text: model.loaded.value?.text ?? "", version: model.shown.value.version + 1 };
}

/** Puts a text into the editor, as if it had been typed. */
export function put(model: Model, text: string): void {
  model.typed.value = text;
  model.shown.value = { text, version: model.shown.value.version + 1 };
}

/** Reads the document. Raises ApiError: 404 when there is none, or it is deleted. */
export async function read(db: string, id: string, signal?: AbortSignal): Promise<Loaded> {
  const text = await readDocText(db, id, isLocal(id) ? {} : { conflicts: true }, signal);
  const found = members(text);
  const conflicts = JSON.parse(found.get("_conflicts") ?? "[]") as string[];
  found.delete("_conflicts");
  return {
    text: pretty(object(found)),
    rev: JSON.parse(found.get("_rev") ?? '""') as string,
    conflicts,
    attachments: JSON.parse(found.get("_attachments") ?? "{}") as Loaded["attachments"],
  };
}

/** Takes what the server has now. What was typed is put on top of it where that loses nothing of anybody's;
 * else all stays as it is, and saving will ask. `sent`: what was saved a moment ago. */
export function take(model: Model, now: Loaded, sent?: string): void {
  const typed = model.typed.value;
  const before = sent ?? model.loaded.value?.text ?? "";
  const text = typed === null || typed === before ? now.text : onTop(before, typed, now);
  if (text === null) return;
  model.loaded.value = now;
  model.typed.value = text === now.text ? null : text;
  // The same editor: the cursor stays.
  model.shown.value = { text, version: model.shown.value.version };
}

/** What was typed since `before`, in the newer document; null: both changed a field, or it is no JSON yet. */
function onTop(before: string, typed: string, now: Loaded): string | null {
  try {
    const diffs = fieldDiffs(before, typed, now.text);
    return diffs.some((one) => one.by === "both") ? null : merged(typed, now.text, now.rev, clear(diffs));
  } catch (error) {
    if (error instanceof JsonError) return null;
    throw error;
  }
}
