// OpenWhisk's entities and records, as its REST API answers them, and what can be read off them.

/** A row of annotations or parameters. `init`: given to the action when its process starts. */
export interface Pair {
  key: string;
  value: unknown;
  init?: boolean;
}

export interface Limits {
  /** Milliseconds. */
  timeout: number;
  /** MB. */
  memory: number;
  /** MB. */
  logs: number;
  concurrency: number;
}

interface Entity {
  /** "ns", or "ns/package" of an action in one. */
  namespace: string;
  name: string;
  version: string;
  publish: boolean;
  annotations: Pair[];
  /** Milliseconds since the epoch. */
  updated?: number;
}

export interface ActionRow extends Entity {
  limits: Limits;
  exec: { binary: boolean };
}

export interface Exec {
  kind: string;
  code?: string;
  binary?: boolean;
  main?: string;
  image?: string;
  /** Of a sequence: "/ns/package/name". */
  components?: string[];
}

export interface Action extends Entity {
  limits: Limits;
  exec: Exec;
  /** With those of its package, which its own go before. */
  parameters: Pair[];
}

export interface PackageRow extends Entity {
  binding: false | { namespace?: string; name?: string };
}

export interface Package extends PackageRow {
  parameters: Pair[];
  actions: { name: string; version: string; annotations: Pair[] }[];
  feeds: { name: string; version: string; annotations: Pair[] }[];
}

export type TriggerRow = Entity;

export interface End {
  /** "ns" or "ns/package". */
  path: string;
  name: string;
}

export interface Trigger extends Entity {
  parameters: Pair[];
  rules?: Record<string, { action: End; status: string }>;
}

export interface RuleRow extends Entity {
  trigger: End;
  action: End;
}

export interface Rule extends RuleRow {
  status: string;
}

/** A record in a list. `end` and `duration` are missing while it runs. */
export interface ActivationRow extends Entity {
  activationId: string;
  start: number;
  end?: number;
  duration?: number;
  cause?: string;
  /** 0 success, 1 application error, 2 developer error, 3 internal error. */
  statusCode?: number;
}

export interface Activation extends ActivationRow {
  subject: string;
  logs: string[];
  response: { status: string; success: boolean; result: unknown; size?: number };
}

/** Where an action is; `package` "" for one in none. */
export interface Place {
  namespace: string;
  package: string;
  name: string;
}

/** The value of an annotation; undefined when it has none. */
export function annotation(of: { annotations: readonly Pair[] }, key: string): unknown {
  return of.annotations.find((one) => one.key === key)?.value;
}

/** The place of an action by its entity. */
export function placeOf(action: { namespace: string; name: string }): Place {
  const [namespace = "", inside = ""] = action.namespace.split("/");
  return { namespace, package: inside, name: action.name };
}

/** The place of "/ns/package/name", "ns/package/name", "/ns/name"; null when it is none. */
export function placeFrom(path: string): Place | null {
  const parts = path.replace(/^\//, "").split("/");
  if (parts.length === 2) return { namespace: parts[0]!, package: "", name: parts[1]! };
  if (parts.length === 3) return { namespace: parts[0]!, package: parts[1]!, name: parts[2]! };
  return null;
}

/** "package/name" or "name". */
export function shortName(place: Place): string {
  return place.package ? `${place.package}/${place.name}` : place.name;
}

/** "/ns/package/name", as bodies have it. */
export function fullName(place: Place): string {
  return `/${[place.namespace, place.package, place.name].filter(Boolean).join("/")}`;
}

/** An action's kind, as the list of actions has it too. */
export function kindOf(action: { annotations: readonly Pair[]; exec?: { kind?: string } | { binary: boolean } }): string {
  const exec = action.exec;
  if (exec && "kind" in exec && exec.kind) return exec.kind;
  return String(annotation(action, "exec") ?? "");
}

export type Web = "no" | "web" | "raw";

/** Whether it is a web action, and of which sort. */
export function webOf(action: { annotations: readonly Pair[] }): Web {
  if (annotation(action, "web-export") !== true) return "no";
  return annotation(action, "raw-http") === true ? "raw" : "web";
}

/** The path of a web action below the functions' address. */
export function webPath(place: Place, extension = ""): string {
  const segments = [place.namespace, place.package || "default", place.name + (extension && `.${extension}`)];
  return `/api/v1/web/${segments.map(encodeURIComponent).join("/")}`;
}

const SECRET = /pass|secret|token|credential|private|auth|api_?-?key|(^|[_-])key$|signature/i;

/** Whether a parameter of this name is one that others should not read over a shoulder. */
export function looksSecret(name: string): boolean {
  return SECRET.test(name);
}

/** Those of an action that it has not from its package: names that are not there, or with another value. */
export function ownParameters(all: readonly Pair[], inherited: readonly Pair[]): Pair[] {
  const above = new Map(inherited.map((one) => [one.key, JSON.stringify(one.value)]));
  return all.filter((one) => above.get(one.key) !== JSON.stringify(one.value));
}

/** Rows as an object, for an editor. */
export function asObject(rows: readonly Pair[]): Record<string, unknown> {
  return Object.fromEntries(rows.map((one) => [one.key, one.value]));
}

/** An object as rows again; `before`: those that are given at the start of a process stay so. */
export function asRows(values: Record<string, unknown>, before: readonly Pair[] = []): Pair[] {
  const init = new Set(before.filter((one) => one.init).map((one) => one.key));
  return Object.entries(values).map(([key, value]) => (init.has(key) ? { key, value, init: true } : { key, value }));
}

/** The JSON object of a text. Raises Error in words. */
export function objectFrom(text: string, what: string): Record<string, unknown> {
  if (!text.trim()) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${what} are no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${what} have to be a JSON object: {"name": "value"}`);
  return value as Record<string, unknown>;
}
