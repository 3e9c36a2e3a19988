// Where below #/databases an address is.

import { to } from "../../address";

export type DatabaseTab = "documents" | "design" | "conflicts" | "permissions" | "changes";
export type DocumentTab = "document" | "revisions" | "attachments";

/** `id` "": a document that is not there yet. `rest`: what is behind a tab's name. */
export type Place =
  | { kind: "list" }
  | { kind: "database"; db: string; tab: DatabaseTab; rest: string[] }
  | { kind: "doc"; db: string; id: string; tab: DocumentTab };

const DATABASE_TABS: readonly string[] = ["design", "conflicts", "permissions", "changes"];
const DOCUMENT_TABS: readonly string[] = ["revisions", "attachments"];

/** The place of decoded segments, which begin with the database's name. The slash of `_design/x` may be there
 * as it is. What is not known shows the documents. */
export function placeOf(parts: readonly string[]): Place {
  const [db, tab = "", ...rest] = parts;
  if (!db) return { kind: "list" };
  if (tab === "new") return { kind: "doc", db, id: "", tab: "document" };
  if (tab === "doc" && rest.length) {
    const [first = "", ...behind] = rest;
    const id = (first === "_design" || first === "_local") && behind.length ? `${first}/${behind.shift()}` : first;
    const name = behind[0] ?? "";
    return { kind: "doc", db, id, tab: DOCUMENT_TABS.includes(name) ? (name as DocumentTab) : "document" };
  }
  return { kind: "database", db, tab: DATABASE_TABS.includes(tab) ? (tab as DatabaseTab) : "documents", rest };
}

/** The address of a database's tab. */
export const databaseHref = (db: string, tab: DatabaseTab = "documents", ...rest: string[]) =>
  to(["databases", db, ...(tab === "documents" ? [] : [tab]), ...rest]);

/** The address of a document's tab. */
export const documentHref = (db: string, id: string, tab: DocumentTab = "document") =>
  to(["databases", db, "doc", id, ...(tab === "document" ? [] : [tab])]);

export const newDocumentHref = (db: string) => to(["databases", db, "new"]);
