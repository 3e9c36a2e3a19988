// Credentials in a replication's ends: found, and never shown.

/** Stands where a secret was. */
export const HIDDEN = "*****";

export interface Credentials {
  name: string;
  password: string;
}

const USERINFO = /^([A-Za-z][A-Za-z0-9+.-]*:\/\/)(?:[^/?#]*@|[^/?#]*:(?![0-9]*(?:[/?#]|$)).*@)/;
const URLS = ["source", "target", "proxy", "source_proxy", "target_proxy"];

/** A URL without its user and password. */
export function bare(url: string): string {
  return url.replace(USERINFO, "$1");
}

/** The document as it may be shown: no password, token or header in it. */
export function withoutSecrets<T extends object>(doc: T): T {
  return Object.fromEntries(Object.entries(doc).map(([name, value]) => [name, URLS.includes(name) ? endShown(value) : value])) as T;
}

function endShown(end: unknown): unknown {
  if (typeof end === "string") return end.replace(USERINFO, `$1${HIDDEN}@`);
  if (!isObject(end)) return end;
  return Object.fromEntries(Object.entries(end).map(([name, value]) => {
    if (name === "url" && typeof value === "string") return [name, value.replace(USERINFO, `$1${HIDDEN}@`)];
    if (name === "headers") return [name, allHidden(value)];
    return [name, name === "auth" ? authShown(value) : value];
  }));
}

function authShown(auth: unknown): unknown {
  if (!isObject(auth)) return HIDDEN;
  return Object.fromEntries(Object.entries(auth).map(([name, value]) => {
    if (name === "username") return [name, value];
    return [name, isObject(value) ? authShown(value) : HIDDEN];
  }));
}

function allHidden(value: unknown): unknown {
  return isObject(value) ? Object.fromEntries(Object.keys(value).map((name) => [name, HIDDEN])) : HIDDEN;
}

/** Name and password of an end: its `auth.basic`, its URL's, or those of a header. */
export function credentialsOf(end: unknown): Credentials | null {
  if (typeof end === "string") return ofUrl(end);
  if (!isObject(end)) return null;
  const basic = isObject(end.auth) ? end.auth.basic : null;
  if (isObject(basic) && typeof basic.username === "string" && typeof basic.password === "string") {
    return { name: basic.username, password: basic.password };
  }
  return (typeof end.url === "string" ? ofUrl(end.url) : null) ?? ofHeaders(end.headers);
}

function ofUrl(text: string): Credentials | null {
  try {
    const url = new URL(text);
    return url.username && url.password ? { name: decodeURIComponent(url.username), password: decodeURIComponent(url.password) } : null;
  } catch {
    return null;
  }
}

function ofHeaders(headers: unknown): Credentials | null {
  if (!isObject(headers)) return null;
  for (const [name, value] of Object.entries(headers)) {
    const encoded = name.toLowerCase() === "authorization" && typeof value === "string" ? /^basic\s+(.+)$/i.exec(value)?.[1] : null;
    const told = encoded ? decoded(encoded) : null;
    const colon = told?.indexOf(":") ?? -1;
    if (told && colon > 0) return { name: told.slice(0, colon), password: told.slice(colon + 1) };
  }
  return null;
}

function decoded(encoded: string): string | null {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(encoded), (one) => one.charCodeAt(0)));
  } catch {
    return null;
  }
}

/** What a header of HTTP's basic authentication says. */
export function basicHeader(one: Credentials): string {
  const raw = new TextEncoder().encode(`${one.name}:${one.password}`);
  return `Basic ${btoa(String.fromCharCode(...raw))}`;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
