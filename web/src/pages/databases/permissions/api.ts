// Reading and writing rights. Where a server has Cloudant's API, keys are made by it, and rights stored by it.

import { segment, security as readCouch, type Security, writeDoc, writeSecurity } from "../../../api/couch";
import { ApiError, ask, getJson } from "../../../api/http";
import { config } from "../../../config";

/** `cloudant`: whether the server has Cloudant's API. */
export interface Permissions {
  security: Security;
  cloudant: boolean;
}

/** A name and its password, which nobody will tell again. */
export interface Secret {
  name: string;
  password: string;
}

const cloudantPath = (db: string) => `${config().couch}_api/v2/db/${segment(db)}/_security`;

/** Raises ApiError. */
export async function readPermissions(db: string, signal?: AbortSignal): Promise<Permissions> {
  const security = await readCouch(db, signal);
  try {
    return { security: await getJson<Security>(cloudantPath(db), signal ? { signal } : {}), cloudant: true };
  } catch (error) {
    // What a server says that takes `_api` for a database's name: 400, 404, or that it is not to be seen.
    if (error instanceof ApiError && error.status >= 400 && error.status < 500) return { security, cloudant: false };
    throw error;
  }
}

/** Changes what is stored now, which may be another than what was shown. Raises ApiError. */
export async function changePermissions(db: string, change: (security: Security) => Security): Promise<Permissions> {
  const now = await readPermissions(db);
  const security = change(now.security);
  if (now.cloudant && "cloudant" in security) await ask(cloudantPath(db), { method: "PUT", json: security });
  else await writeSecurity(db, security);
  return { ...now, security };
}

/** Makes an API key. Raises ApiError. */
export async function generateKey(): Promise<Secret> {
  const { key, password } = await getJson<{ key: string; password: string }>(`${config().couch}_api/v2/api_keys`, { method: "POST" });
  return { name: key, password };
}

const PASSWORD_BYTES = 20;
const USER = "org.couchdb.user:";
const USERS = "_users";

/** Letters and digits that can't be guessed. */
export function random(bytes = PASSWORD_BYTES): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))].map((one) => one.toString(16).padStart(2, "0")).join("");
}

/** Makes a user of the server, where there are no API keys. Raises ApiError: 409 when the name is taken. */
export async function createUser(name: string): Promise<Secret> {
  const password = random();
  await writeDoc(USERS, USER + name, { name, password, roles: [], type: "user" });
  return { name, password };
}

/** Deletes a user, which a key is too. Raises ApiError. */
export async function deleteUser(name: string): Promise<void> {
  const path = `${config().couch}${USERS}/${segment(USER + name)}`;
  const { _rev } = await getJson<{ _rev: string }>(path);
  await ask(path, { method: "DELETE", query: { rev: _rev } });
}
