// What the form of a replication holds, and how it becomes a document and is read from one.

import { type ReplicationDoc, type Server } from "../../api/replication";
import { isPaused, started } from "./pause";
import { bare, basicHeader, credentialsOf, isObject, type Credentials } from "../../api/secrets";

/** `kept`: what the document has, and is neither user nor key: a token, a cookie. */
export type Auth = "none" | "basic" | "key" | "kept";

export interface EndForm {
  kind: "local" | "remote";
  database: string;
  url: string;
  auth: Auth;
  name: string;
  password: string;
  /** What the document that is changed has here; undefined for a new one. */
  old?: unknown;
}

export type Which = "all" | "selector" | "ids" | "filter";

/** Numbers that a document may have, with what they mean. */
export const NUMBERS = {
  worker_batch_size: "Documents in a batch",
  worker_processes: "Batches at a time",
  http_connections: "Connections at most",
  connection_timeout: "Milliseconds until an answer counts as lost",
  retries_per_request: "Tries of each request",
  checkpoint_interval: "Milliseconds between checkpoints",
} as const;

export type NumberName = keyof typeof NUMBERS;

export interface Form {
  replicator: string;
  id: string;
  source: EndForm;
  target: EndForm;
  continuous: boolean;
  both: boolean;
  which: Which;
  selector: string;
  ids: string;
  filter: string;
  params: string;
  createTarget: boolean;
  q: string;
  n: string;
  numbers: Record<NumberName, string>;
  winnersOnly: boolean;
  noCheckpoints: boolean;
  since: string;
}

export interface Problem {
  field: string;
  text: string;
}

const END: EndForm = { kind: "local", database: "", url: "", auth: "none", name: "", password: "" };
const NAME = /^(_users|_replicator|_global_changes|[a-z][a-z0-9_$()+/-]*)$/;

export function emptyForm(): Form {
  return {
    replicator: "_replicator", id: "", source: { ...END }, target: { ...END, kind: "remote", auth: "basic" },
    continuous: true, both: false, which: "all", selector: "", ids: "", filter: "", params: "",
    createTarget: false, q: "", n: "", numbers: numbersOf(() => ""), winnersOnly: false, noCheckpoints: false, since: "",
  };
}

function numbersOf(text: (name: NumberName) => string): Record<NumberName, string> {
  return Object.fromEntries(Object.keys(NUMBERS).map((name) => [name, text(name as NumberName)])) as Record<NumberName, string>;
}

/** The form of a document, to change it. `server` is where it is: its own address is no remote one. */
export function formOf(doc: ReplicationDoc, replicator: string, server: Server): Form {
  const params = isObject(doc.create_target_params) ? doc.create_target_params : {};
  const text = (value: unknown) => (value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value));
  const json = (value: unknown) => (value === undefined ? "" : JSON.stringify(value, null, 2));
  return {
    ...emptyForm(),
    replicator,
    id: doc._id,
    source: endForm(doc.source, server),
    target: endForm(doc.target, server),
    continuous: doc.continuous === true,
    which: doc.selector !== undefined ? "selector" : Array.isArray(doc.doc_ids) ? "ids" : doc.filter !== undefined ? "filter" : "all",
    selector: json(doc.selector),
    ids: Array.isArray(doc.doc_ids) ? doc.doc_ids.join("\n") : "",
    filter: text(doc.filter),
    params: json(doc.query_params),
    createTarget: doc.create_target === true,
    q: text(params.q),
    n: text(params.n),
    numbers: numbersOf((name) => text(doc[name])),
    winnersOnly: doc.winning_revs_only === true,
    noCheckpoints: doc.use_checkpoints === false,
    since: text(doc.since_seq),
  };
}

function endForm(end: unknown, server: Server): EndForm {
  const url = typeof end === "string" ? end : isObject(end) && typeof end.url === "string" ? end.url : "";
  const found = credentialsOf(end);
  const login = { auth: found ? ("basic" as const) : hasOther(end) ? ("kept" as const) : ("none" as const), name: found?.name ?? "", password: "", old: end };
  if (!/^[a-z]+:\/\//i.test(url)) return { ...END, database: url, ...login };
  const address = bare(url).replace(/\/$/, "");
  const own = !server.isOurs && address.startsWith(server.base) ? decodeURIComponent(address.slice(server.base.length)) : "";
  if (own && NAME.test(own)) return { ...END, database: own, ...login };
  return { ...END, kind: "remote", url: address, ...login };
}

/** Whether it signs in by something that the form has no fields for. */
export function hasOther(end: unknown): boolean {
  return isObject(end) && credentialsOf(end) === null && (isObject(end.auth) || Object.keys(without(end.headers, () => false)).some((name) => /^(authorization|cookie)$/i.test(name)));
}

/** An id for who did not choose one; `token` makes it the only one. */
export function suggestedId(form: Form, server: Server, token: string): string {
  const place = (end: EndForm) => {
    if (end.kind === "local") return { name: end.database.trim(), host: "" };
    const url = new URL(addressOf(end, server));
    return { name: decodeURIComponent(url.pathname.split("/").filter(Boolean).at(-1) ?? ""), host: url.hostname };
  };
  const [source, target] = [place(form.source), place(form.target)];
  const way = target.host ? `${source.name}-to-${target.host}` : source.host ? `${target.name}-from-${source.host}` : `${source.name}-to-${target.name}`;
  return `${way}-${token}`.toLowerCase().replace(/[^a-z0-9.-]+/g, "-").replace(/^-+/, "");
}

/** The documents that the form asks for: two for both directions. `old` is the one that is changed. */
export function documentsOf(form: Form, server: Server, old: ReplicationDoc | null = null): ReplicationDoc[] {
  const first = documentOf(form, server, old);
  if (!form.both) return [first];
  const back = { ...form, source: form.target, target: form.source, createTarget: false };
  return [first, { ...documentOf(back, server, null), _id: `${first._id}-back` }];
}

const ASKED = ["source", "target", "continuous", "create_target", "create_target_params", "selector", "doc_ids", "filter",
  "query_params", "winning_revs_only", "use_checkpoints", "since_seq", ...Object.keys(NUMBERS)];

/** One document. What the form does not ask about stays as it was, and so does a pause. */
function documentOf(form: Form, server: Server, old: ReplicationDoc | null): ReplicationDoc {
  const base = old === null || isPaused(old) ? old : started(old);
  const kept = Object.fromEntries(Object.entries(base ?? {}).filter(([name]) => !ASKED.includes(name)));
  const doc: ReplicationDoc = {
    ...kept,
    _id: old?._id ?? form.id.trim(),
    source: endValue(form.source, server),
    target: endValue(form.target, server),
    continuous: form.continuous,
  };
  if (form.createTarget) {
    doc.create_target = true;
    const params = Object.fromEntries([["q", form.q], ["n", form.n]].flatMap(([name, text]) => (text ? [[name, Number(text)]] : [])));
    if (Object.keys(params).length) doc.create_target_params = params;
  }
  if (form.which === "selector") doc.selector = JSON.parse(form.selector) as unknown;
  if (form.which === "ids") doc.doc_ids = idsOf(form.ids);
  if (form.which === "filter") {
    doc.filter = form.filter.trim();
    if (form.params.trim()) doc.query_params = JSON.parse(form.params) as unknown;
  }
  for (const [name, text] of Object.entries(form.numbers)) if (text) doc[name] = Number(text);
  if (form.winnersOnly) doc.winning_revs_only = true;
  if (form.noCheckpoints) doc.use_checkpoints = false;
  if (form.since.trim()) doc.since_seq = sequence(form.since.trim());
  return doc;
}

/** What is written as an end. Credentials that were not typed anew are those that it had. */
function endValue(end: EndForm, server: Server): unknown {
  if (end.kind === "local" && server.isOurs) return end.database.trim();
  const { url: _, headers: oldHeaders, auth: oldAuth, ...others } = isObject(end.old) && isSameServer(end, server) ? end.old : {};
  const isAuthorization = (name: string) => name.toLowerCase() === "authorization";
  const headers = without(oldHeaders, (name) => isAuthorization(name) && end.auth !== "kept");
  const auth = without(oldAuth, () => end.auth !== "kept");
  const login = loginOf(end, server);
  if (login && server.hasAuth) auth.basic = { username: login.name, password: login.password };
  if (login && !server.hasAuth) headers.authorization = basicHeader(login);
  const parts = {
    url: addressOf(end, server),
    ...others,
    ...(Object.keys(headers).length ? { headers } : {}),
    ...(Object.keys(auth).length ? { auth } : {}),
  };
  return Object.keys(parts).length > 1 ? parts : parts.url;
}

function without(members: unknown, goes: (name: string) => boolean): Record<string, unknown> {
  return isObject(members) ? Object.fromEntries(Object.entries(members).filter(([name]) => !goes(name))) : {};
}

/** The URL of an end, without credentials. */
export function addressOf(end: EndForm, server: Server): string {
  return end.kind === "local" ? `${server.base}${encodeURIComponent(end.database.trim())}` : bare(end.url.trim()).replace(/\/+$/, "");
}

function loginOf(end: EndForm, server: Server): Credentials | null {
  if (end.auth === "none" || end.auth === "kept") return null;
  const had = credentialsOf(end.old);
  if (end.password || !had) return { name: end.name.trim(), password: end.password };
  return isSameServer(end, server) ? { name: end.name.trim(), password: had.password } : null;
}

// What a server was given must not go to another one because an address was changed.
function isSameServer(end: EndForm, server: Server): boolean {
  const old = typeof end.old === "string" ? end.old : isObject(end.old) ? end.old.url : "";
  return originOf(typeof old === "string" ? old : "") === originOf(addressOf(end, server));
}

function originOf(url: string): string {
  try {
    return new URL(bare(url)).origin;
  } catch {
    return "";
  }
}

/** Whether the end has a password that need not be typed again. */
export function keepsPassword(end: EndForm, server: Server): boolean {
  return credentialsOf(end.old) !== null && isSameServer(end, server);
}

export function idsOf(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter(Boolean);
}

function sequence(text: string): unknown {
  return /^\d+$/.test(text) ? Number(text) : text;
}

/** What keeps the form from being written, each with the field that it is about. */
export function problems(form: Form, server: Server): Problem[] {
  const found = [...endProblems("source", form.source, server), ...endProblems("target", form.target, server), ...whichProblems(form)];
  const bad = (field: string, text: string) => { found.push({ field, text }); };
  if (!found.length && addressOf(form.source, server) === addressOf(form.target, server)) bad("target", "Source and target are the same database.");
  if (form.id.trim().startsWith("_")) bad("id", "An id can't begin with “_”.");
  for (const [name, text] of Object.entries({ ...form.numbers, q: form.q, n: form.n })) {
    if (text && !/^[1-9]\d{0,8}$/.test(text) && !(name === "retries_per_request" && text === "0")) bad(name, "A whole number above 0 is needed.");
  }
  return found;
}

function endProblems(field: string, end: EndForm, server: Server): Problem[] {
  const bad = (text: string) => [{ field, text }];
  if (end.kind === "local") {
    if (!end.database.trim()) return bad("Which database?");
    if (!NAME.test(end.database.trim())) return bad("A database's name has small letters, digits and _ $ ( ) + - /, and begins with a letter.");
    if (server.isOurs) return [];
  } else {
    const text = remoteProblem(end.url.trim());
    if (text) return bad(text);
  }
  if (end.auth === "none") return [];
  if (end.auth === "kept") return isSameServer(end, server) ? [] : bad("This is another server: say how to sign in there.");
  if (!end.name.trim()) return [{ field: `${field}-name`, text: end.auth === "key" ? "Which key?" : "Which user?" }];
  if (!end.password && !keepsPassword(end, server)) return [{ field: `${field}-password`, text: end.old ? "This is another server: type the password for it." : "The password is missing." }];
  return [];
}

function remoteProblem(text: string): string {
  if (!text) return "The URL of the database is missing.";
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return "This is no URL: it is like https://server.example/database.";
  }
  if (!["http:", "https:"].includes(url.protocol)) return "The URL has to begin with http:// or https://.";
  if (url.search || url.hash) return "The URL can't have a ? or # in it.";
  return url.pathname.replaceAll("/", "") ? "" : "The URL names no database: its name comes after the server's, as in https://server.example/database.";
}

function whichProblems(form: Form): Problem[] {
  if (form.which === "selector") return jsonProblem("selector", form.selector);
  if (form.which === "ids") return idsOf(form.ids).length ? [] : [{ field: "ids", text: "Which documents? One id on each line." }];
  if (form.which !== "filter") return [];
  const filter = form.filter.trim();
  const found: Problem[] = filter.startsWith("_") || filter.split("/").length === 2 ? [] : [{ field: "filter", text: "A filter is like designdocument/filtername." }];
  return form.params.trim() ? [...found, ...jsonProblem("params", form.params)] : found;
}

function jsonProblem(field: string, text: string): Problem[] {
  try {
    return isObject(JSON.parse(text)) ? [] : [{ field, text: "It has to be a JSON object: { … }." }];
  } catch (error) {
    return [{ field, text: `This is no JSON: ${error instanceof Error ? error.message : String(error)}` }];
  }
}

/** A URL with user and password in it, taken apart; null for one without. */
export function takenApart(text: string): (Credentials & { url: string }) | null {
  const found = credentialsOf(text);
  return found ? { ...found, url: bare(text) } : null;
}
