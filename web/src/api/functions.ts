// The REST API of the region's functions, as OpenWhisk has it, through the dashboard server. A signed-in
// server admin names the namespace; anybody else has its key.

import { ApiError, ask, getJson, refused, send, type Ask } from "./http";
import type { Action, ActionRow, Activation, ActivationRow, Exec, Limits, Package, PackageRow, Pair, Place, Rule, RuleRow, Trigger, TriggerRow } from "./whisk";

/** In whose name. `key` "uuid:secret"; "": by the session of a server admin. */
export interface Access {
  namespace: string;
  key: string;
}

/** What the functions allow in a namespace, and which kinds there are. */
export interface Info {
  limits: Record<string, number>;
  runtimes: Record<string, { kind: string; deprecated: boolean; default: boolean; requireMain?: boolean }[]>;
}

export type Collection = "actions" | "packages" | "triggers" | "rules" | "activations";

const ROOT = "functions/";
const API = `${ROOT}api/v1/`;
const ROWS = 200;
/** So many rows of a list are read at most. */
export const ROWS_MAX = 4000;
/** A blocking invocation waits up to 60 s. */
const INVOKE_MS = 70_000;
const KEY = /^[!-9;-~]+:[!-~]+$/;

/** How a request says who sends it. Raises ApiError for a text that is no key. */
export function who(access: Access): Pick<Ask, "headers" | "session"> {
  if (!access.key) return { headers: { "x-couchgrass-namespace": access.namespace } };
  if (!KEY.test(access.key)) throw new ApiError(0, "", "A key has the form uuid:secret.");
  return { headers: { authorization: `Basic ${btoa(access.key)}` }, session: false };
}

/** The path of something in a namespace; each segment may have any character. */
export function below(namespace: string, ...segments: string[]): string {
  return `${API}namespaces/${[namespace, ...segments].map(encodeURIComponent).join("/")}`;
}

function asked(access: Access, more: Ask = {}): Ask {
  const mine = who(access);
  return { ...mine, ...more, headers: { ...mine.headers, ...more.headers } };
}

function actionPath(place: Place): string {
  return below(place.namespace, "actions", ...(place.package ? [place.package] : []), place.name);
}

/** The namespace that a key opens. Raises ApiError: 401 when it opens none. */
export async function namespaceOf(key: string): Promise<string> {
  const [name] = await getJson<string[]>(`${API}namespaces`, asked({ namespace: "_", key }));
  if (!name) throw new ApiError(404, "", "This key has no namespace.");
  return name;
}

/** What everybody is told. */
export const info = (signal?: AbortSignal) => getJson<Info>(ROOT, { session: false, ...(signal ? { signal } : {}) });

export const namespaceLimits = (access: Access, signal?: AbortSignal) =>
  getJson<Record<string, number>>(below(access.namespace, "limits"), asked(access, signal ? { signal } : {}));

/** How many there are. */
export async function counted(access: Access, collection: Collection, signal?: AbortSignal): Promise<number> {
  const found = await getJson<Record<string, number>>(below(access.namespace, collection), asked(access, { query: { count: true }, ...(signal ? { signal } : {}) }));
  return found[collection] ?? 0;
}

/** All rows of a list, ROWS_MAX at most; `of` is a namespace whose public ones are wanted. */
async function rows<T>(access: Access, path: string, signal?: AbortSignal): Promise<T[]> {
  const found: T[] = [];
  while (found.length < ROWS_MAX) {
    const page = await getJson<T[]>(path, asked(access, { query: { limit: ROWS, skip: found.length }, ...(signal ? { signal } : {}) }));
    found.push(...page);
    if (page.length < ROWS) break;
  }
  return found;
}

export const actions = (access: Access, signal?: AbortSignal) => rows<ActionRow>(access, below(access.namespace, "actions"), signal);
export const packages = (access: Access, namespace: string, signal?: AbortSignal) => rows<PackageRow>(access, below(namespace, "packages"), signal);
export const triggers = (access: Access, signal?: AbortSignal) => rows<TriggerRow>(access, below(access.namespace, "triggers"), signal);
export const rules = (access: Access, signal?: AbortSignal) => rows<RuleRow>(access, below(access.namespace, "rules"), signal);
/** Of a package, of the one behind it when it is a binding. */
export const packageActions = (access: Access, namespace: string, name: string, signal?: AbortSignal) =>
  rows<ActionRow>(access, `${below(namespace, "actions", name)}/`, signal);

export const getPackage = (access: Access, namespace: string, name: string, signal?: AbortSignal) =>
  getJson<Package>(below(namespace, "packages", name), asked(access, signal ? { signal } : {}));

/** An action without its code. */
export const action = (access: Access, place: Place, signal?: AbortSignal) =>
  getJson<Action>(actionPath(place), asked(access, { query: { code: false }, ...(signal ? { signal } : {}) }));

/** An action with its code, for `readWhole`. Raises ApiError. */
export const actionAnswer = (access: Access, place: Place, signal?: AbortSignal) =>
  ask(actionPath(place), asked(access, signal ? { signal } : {}));

/** What of an action is to be written; what is missing stays as it is. */
export interface ActionPut {
  exec?: Exec;
  limits?: Partial<Limits>;
  parameters?: Pair[];
  annotations?: Pair[];
}

/** Makes an action; with `overwrite` changes the one that there is. Raises ApiError: 409 when there is one. */
export const putAction = (access: Access, place: Place, body: ActionPut, overwrite: boolean) =>
  getJson<Action>(actionPath(place), asked(access, { method: "PUT", json: body, query: overwrite ? { overwrite: true } : {} }));

export const deleteAction = (access: Access, place: Place) => ask(actionPath(place), asked(access, { method: "DELETE" }));

/** An invocation's outcome. `record` is null when it was not waited for, or not long enough. */
export interface Invoked {
  id: string;
  status: number;
  record: Activation | null;
}

/** Runs an action. Raises ApiError when it was not run: no such action, a throttle, no room. */
export async function invoke(access: Access, place: Place, parameters: unknown, blocking: boolean): Promise<Invoked> {
  const how = asked(access, { method: "POST", json: parameters, timeoutMs: INVOKE_MS, query: blocking ? { blocking: true } : {} });
  const answer = await send(actionPath(place), how);
  const id = answer.headers.get("x-openwhisk-activation-id") ?? "";
  // What failed after it began has an id, and is told by its record.
  if (!id && !answer.ok) throw await refused(answer, how);
  if (!id || !blocking || answer.status === 202) {
    const told = (await answer.json()) as { activationId?: string };
    return { id: id || (told.activationId ?? ""), status: answer.status, record: null };
  }
  await answer.body?.cancel();
  return { id, status: answer.status, record: await activation(access, id) };
}

/** What of the activations is wanted; times in milliseconds since the epoch, both inclusive. */
export interface Wanted {
  name?: string;
  since?: number;
  upto?: number;
  skip?: number;
  limit?: number;
  /** Those too that have not ended. */
  running?: boolean;
}

/** Newest first. */
export const activations = (access: Access, wanted: Wanted, signal?: AbortSignal) =>
  getJson<ActivationRow[]>(below(access.namespace, "activations"), asked(access, { query: { ...wanted }, ...(signal ? { signal } : {}) }));

/** The same as whole records. */
export const records = (access: Access, wanted: Wanted, signal?: AbortSignal) =>
  getJson<Activation[]>(below(access.namespace, "activations"), asked(access, { query: { ...wanted, docs: true }, ...(signal ? { signal } : {}) }));

export const activation = (access: Access, id: string, signal?: AbortSignal) =>
  getJson<Activation>(below(access.namespace, "activations", id), asked(access, { query: { running: true }, ...(signal ? { signal } : {}) }));

export const trigger = (access: Access, name: string, signal?: AbortSignal) =>
  getJson<Trigger>(below(access.namespace, "triggers", name), asked(access, signal ? { signal } : {}));

export const putTrigger = (access: Access, name: string, parameters: Pair[], annotations: Pair[] = []) =>
  getJson<Trigger>(below(access.namespace, "triggers", name), asked(access, { method: "PUT", json: { parameters, annotations } }));

export const deleteTrigger = (access: Access, name: string) => ask(below(access.namespace, "triggers", name), asked(access, { method: "DELETE" }));

/** The activation's id; "" when no rule is active, so that nothing happened. */
export async function fire(access: Access, name: string, parameters: unknown): Promise<string> {
  const answer = await ask(below(access.namespace, "triggers", name), asked(access, { method: "POST", json: parameters }));
  if (answer.status === 204) return "";
  return ((await answer.json()) as { activationId: string }).activationId;
}

export const rule = (access: Access, name: string, signal?: AbortSignal) =>
  getJson<Rule>(below(access.namespace, "rules", name), asked(access, signal ? { signal } : {}));

/** `trigger` and `action` as "/ns/name". */
export const putRule = (access: Access, name: string, trigger: string, action: string) =>
  getJson<Rule>(below(access.namespace, "rules", name), asked(access, { method: "PUT", json: { trigger, action } }));

export const setRule = (access: Access, name: string, active: boolean) =>
  ask(below(access.namespace, "rules", name), asked(access, { method: "POST", json: { status: active ? "active" : "inactive" } }));

export const deleteRule = (access: Access, name: string) => ask(below(access.namespace, "rules", name), asked(access, { method: "DELETE" }));
