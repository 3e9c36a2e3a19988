// Addresses of conflicts.

import { databaseHref } from "../place";

/** Where the conflict of a document is resolved. */
export const conflictHref = (db: string, id: string) => databaseHref(db, "conflicts", id);

/** The document of an address below a database's conflicts; "": the list of all. */
export const documentOf = (parts: readonly string[]) => (parts[2] === "conflicts" ? parts.slice(3).join("/") : "");
