// What is wrong with a document's text before it is saved, in words and with the line.

import { JsonError, type Node, pretty, scan } from "../../../api/jsontext";

/** `hard`: it can't be saved so. `fix`: what puts it right. */
export interface Problem {
  line: number;
  text: string;
  hard: boolean;
  fix?: "rev";
}

const KNOWN = [
  "_id", "_rev", "_deleted", "_attachments", "_revisions", "_revs_info", "_local_seq", "_conflicts", "_deleted_conflicts", "_access",
  "_replication_id", "_replication_state", "_replication_state_time", "_replication_state_reason", "_replication_stats",
];

/** `id` "" and `rev` "": of a document that is not there yet. */
export function problemsOf(text: string, id: string, rev: string): Problem[] {
  let node: Node;
  try {
    node = scan(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return [{ line: error.line, text: error.message, hard: true }];
  }
  if (node.kind !== "object") return [{ line: 1, text: "a document is an object: { … }", hard: true }];
  const found: Problem[] = [];
  const seen = new Set<string>();
  for (const { name, value } of node.members) {
    const say = (words: string, hard: boolean, fix?: "rev") => found.push({ line: lineOf(text, value.start), text: words, hard, ...(fix ? { fix } : {}) });
    if (seen.has(name)) say(`“${name}” is there twice: the last one counts`, false);
    seen.add(name);
    const written = text.slice(value.start, value.end);
    if (name === "_id") idProblem(written, id, say);
    else if (name === "_rev" && written !== JSON.stringify(rev)) say(rev ? `_rev is the server's: it is "${rev}"` : "a new document has no _rev: the server gives it", true, "rev");
    else if (name === "_deleted" && written === "true") say("saved like this, it is deleted", false);
    else if (name.startsWith("_") && !KNOWN.includes(name)) say(`names that begin with an underscore are CouchDB's own, and it has no “${name}”: call it something else`, true);
  }
  return found;
}

function idProblem(written: string, id: string, say: (words: string, hard: boolean) => void): void {
  const value: unknown = JSON.parse(written);
  if (typeof value !== "string" || !value) say("_id has to be a text", true);
  else if (id && value !== id) say(`_id can't change: it is "${id}". “Clone” makes a copy under another id`, true);
  else if (!id && value.startsWith("_") && !/^_(design|local)\/./.test(value)) say("ids that begin with an underscore are CouchDB's own, but for _design/NAME and _local/NAME", true);
}

const lineOf = (text: string, at: number) => text.slice(0, at).split("\n").length;

/** The text with this `_rev`, the rest untouched; "" takes it out. Raises JsonError. */
export function withRev(text: string, rev: string): string {
  const node = scan(text);
  const members = node.members.filter((one) => one.name !== "_rev");
  const own = node.members.find((one) => one.name === "_rev");
  if (own && rev) return text.slice(0, own.value.start) + JSON.stringify(rev) + text.slice(own.value.end);
  const parts = members.map((one): [string, string] => [one.name, text.slice(one.value.start, one.value.end)]);
  if (rev) parts.splice(members[0]?.name === "_id" ? 1 : 0, 0, ["_rev", JSON.stringify(rev)]);
  return pretty(`{${parts.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`);
}
