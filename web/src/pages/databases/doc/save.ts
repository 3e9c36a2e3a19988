// Saving a document: what is sent, and what a conflict is.

import { ApiError } from "../../../api/http";
import { writeDoc } from "../../../api/couch";
import { members } from "../../../api/jsontext";
import { newId } from "../ids";
import { type Loaded, read } from "./model";

/** Somebody else has written it meanwhile. `theirs` null: they have deleted it. */
export interface Conflict {
  base: string;
  mine: string;
  theirs: Loaded | null;
}

export type Saved = { kind: "saved"; id: string } | ({ kind: "conflict" } & Conflict);

/** Writes `mine`, which began as `base`. `id` "": it is in the text, or made here. Raises ApiError. */
export async function saveText(db: string, id: string, base: Loaded, mine: string): Promise<Saved> {
  const found = members(mine);
  const own = id || (found.has("_id") ? (JSON.parse(found.get("_id") ?? '""') as string) : newId());
  try {
    await writeDoc(db, own, mine, found.has("_rev") || !base.rev ? {} : { rev: base.rev });
    return { kind: "saved", id: own };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 409) throw error;
    return { kind: "conflict", base: base.rev ? base.text : "", mine, theirs: await readOrNone(db, own) };
  }
}

async function readOrNone(db: string, id: string): Promise<Loaded | null> {
  try {
    return await read(db, id);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}
