// A security object as a table of names with rights, as people know it from Cloudant; and as CouchDB's lists of
// members and admins. Each change makes a new object and leaves alone what it is not about.

import type { Security } from "../../../api/couch";
import type { UserCtx } from "../../../api/session";

/** Rights with a check box, and what they are for. */
export const RIGHTS = [
  ["_reader", "read documents"],
  ["_writer", "write documents"],
  ["_replicator", "replicate from here: read, and keep checkpoints"],
  ["_admin", "all of it, design documents and permissions too"],
] as const;

export type Right = (typeof RIGHTS)[number][0];

/** The name whose rights are everybody's. */
export const NOBODY = "nobody";
const KEY_PREFIX = "apikey-";

/** `others`: rights without a check box, which stay as they are. */
export interface Row {
  name: string;
  kind: "everybody" | "API key" | "user";
  rights: Right[];
  others: string[];
}

const isRight = (role: string): role is Right => RIGHTS.some(([right]) => right === role);

const strings = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === "string") : []);

function cloudantOf(security: Security): Record<string, string[]> {
  const value = security.cloudant;
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([name, roles]) => [name, strings(roles)]));
}

/** Everybody first, then names in order. */
export function rowsOf(security: Security): Row[] {
  const { [NOBODY]: everybody = [], ...named } = cloudantOf(security);
  const names = Object.keys(named).sort((one, other) => one.localeCompare(other));
  return [rowOf(NOBODY, everybody), ...names.map((name) => rowOf(name, named[name] ?? []))];
}

const rowOf = (name: string, roles: string[]): Row => ({
  name,
  kind: name === NOBODY ? "everybody" : name.startsWith(KEY_PREFIX) ? "API key" : "user",
  rights: RIGHTS.map(([right]) => right).filter((right) => roles.includes(right)),
  others: roles.filter((role) => !isRight(role)),
});

/** With these rights for a name, beside those that have no check box. */
export function withRights(security: Security, name: string, rights: readonly Right[]): Security {
  const cloudant = cloudantOf(security);
  const others = (cloudant[name] ?? []).filter((role) => !isRight(role));
  const roles = [...RIGHTS.map(([right]) => right).filter((right) => rights.includes(right)), ...others];
  if (name === NOBODY && !roles.length) return withoutName(security, name);
  return { ...security, cloudant: { ...cloudant, [name]: roles } };
}

/** With one right more or less. */
export function withRight(security: Security, name: string, right: Right, has: boolean): Security {
  const now = rowOf(name, cloudantOf(security)[name] ?? []).rights.filter((one) => one !== right);
  return withRights(security, name, has ? [...now, right] : now);
}

/** Without the name. */
export function withoutName(security: Security, name: string): Security {
  const { [name]: _, ...cloudant } = cloudantOf(security);
  return { ...security, cloudant };
}

export type Party = "admins" | "members";
export type ListName = "names" | "roles";

/** CouchDB's list. What was called "readers" long ago counts as members. */
export function listOf(security: Security, party: Party, list: ListName): string[] {
  const found = party === "members" && !security.members ? security.readers : security[party];
  if (typeof found !== "object" || found === null) return [];
  return strings((found as Record<string, unknown>)[list]);
}

/** With a name or role more or less in one of CouchDB's lists. */
export function withListed(security: Security, party: Party, list: ListName, name: string, has: boolean): Security {
  const rest = listOf(security, party, list).filter((one) => one !== name);
  const lists = { names: listOf(security, party, "names"), roles: listOf(security, party, "roles"), [list]: has ? [...rest, name] : rest };
  const { readers: _, ...others } = security;
  return { ...(party === "members" ? others : security), [party]: lists };
}

const RULES = ["cloudant", "couchdb_auth_only"] as const;

/** Whether Cloudant's rights count here. */
export const cloudantCounts = (security: Security) => RULES[0] in security && security[RULES[1]] !== true;

/** What everybody may, signed in or not. "all": read and write. [] : nothing. */
export function publicRights(security: Security, cloudant: boolean): "all" | string[] {
  const members = [...listOf(security, "members", "names"), ...listOf(security, "members", "roles")];
  if (cloudant && cloudantCounts(security)) return cloudantOf(security)[NOBODY] ?? [];
  return members.length ? [] : "all";
}

/** Whether this user may change it: a server's or the database's admin. */
export function mayEdit(security: Security, user: UserCtx | undefined): boolean {
  if (!user) return false;
  if (user.roles.includes("_admin")) return true;
  if (user.name !== null && listOf(security, "admins", "names").includes(user.name)) return true;
  if (listOf(security, "admins", "roles").some((role) => user.roles.includes(role))) return true;
  if (!cloudantCounts(security)) return false;
  const cloudant = cloudantOf(security);
  return [NOBODY, ...(user.name === null ? [] : [user.name])].some((name) => Object.hasOwn(cloudant, name) && (cloudant[name] ?? []).includes("_admin"));
}
