// The APIs of the region's gateway: their management as wsk does it, and requests through the gateway.

import { readSome, type Read } from "./bounded";
import { getJson, send } from "./http";
import { who, type Access } from "./functions";

const MANAGEMENT = "functions/api/v1/web/whisk.system/apimgmt/";
const TRY_MS = 75_000;
/** Of an answer that is tried no more is read. */
export const TRY_BYTES_MAX = 5_000_000;

/** A Swagger 2 or OpenAPI 3 document, as it was stored. */
export type Document = Record<string, unknown>;

/** One API. `gwApiUrl`: where the world reaches it at this region. */
export interface Api {
  id: string;
  namespace: string;
  tenantId: string;
  gwApiUrl: string;
  apidoc: Document;
}

interface Row {
  id: string;
  value: Omit<Api, "id">;
}

/** All of a namespace. Raises ApiError. */
export async function apis(access: Access, signal?: AbortSignal): Promise<Api[]> {
  const found = await getJson<{ apis: Row[] }>(`${MANAGEMENT}getApi.http`, { ...who(access), ...(signal ? { signal } : {}) });
  return found.apis.map((row) => ({ ...row.value, id: row.id }));
}

/** What is sent through the gateway. `path` begins with "/api/TENANT". */
export interface Attempt {
  verb: string;
  path: string;
  query: readonly (readonly [string, string])[];
  headers: readonly (readonly [string, string])[];
  body: string | null;
}

/** What came back. `redirected`: it was a redirect, of which a browser tells nothing. */
export interface Outcome {
  status: number;
  statusText: string;
  redirected: boolean;
  headers: [string, string][];
  read: Read;
  ms: number;
}

/** Raises ApiError when there is no answer. */
export async function attempt(what: Attempt): Promise<Outcome> {
  const query = what.query.length ? `?${new URLSearchParams(what.query.map(([name, value]) => [name, value]))}` : "";
  const began = performance.now();
  const headers: Record<string, string> = { accept: "*/*" };
  for (const [name, value] of what.headers) headers[name.toLowerCase()] = value;
  const answer = await send(`gateway${what.path}${query}`, {
    method: what.verb.toUpperCase(),
    headers,
    session: false,
    redirect: "manual",
    timeoutMs: TRY_MS,
    ...(what.body === null ? {} : { body: what.body }),
  });
  const read = await readSome(answer, TRY_BYTES_MAX);
  return {
    status: answer.status,
    statusText: answer.statusText,
    redirected: answer.type === "opaqueredirect",
    headers: [...answer.headers],
    read,
    ms: performance.now() - began,
  };
}
