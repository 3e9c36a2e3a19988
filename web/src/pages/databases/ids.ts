/** A new document's id, as CouchDB makes them: 32 hexadecimal digits. */
export function newId(): string {
  // randomUUID is only there on https; this is everywhere.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
