// A request that is to be tried: what a form says of it, how it is sent, and the same as a curl command.

import type { Attempt } from "../../api/apis";

export interface Form {
  verb: string;
  /** "/todo/{id}" with the values for its names, and what follows it. */
  path: string;
  names: Readonly<Record<string, string>>;
  below: string;
  /** One a line: "name=value". */
  query: string;
  /** One a line: "name: value". */
  headers: string;
  body: string;
  /** "" for none. */
  token: string;
  key: { name: string; at: "header" | "query"; value: string } | null;
}

/** Browsers send no body with these. */
export const BODILESS = new Set(["get", "head"]);
/** What a page may not set, so that it is said instead of being dropped. */
const FORBIDDEN = /^(accept-charset|accept-encoding|access-control-.*|connection|content-length|cookie|date|dnt|expect|host|keep-alive|origin|referer|set-cookie|te|trailer|transfer-encoding|upgrade|via|proxy-.*|sec-.*|x-couchgrass-dashboard)$/i;
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*(.*)$/;

/** The request of a form; `base` is the path of the API at the gateway. Raises Error in words. */
export function attemptOf(form: Form, base: string): Attempt {
  const path = form.path.replace(/\{([^/{}]+)\}/g, (_, name: string) => {
    const value = form.names[name] ?? "";
    if (!value) throw new Error(`The path needs a value for ${name}.`);
    return encodeURIComponent(value);
  });
  const below = form.below.trim();
  if (below && !below.startsWith("/")) throw new Error("What follows the path begins with /.");
  const query = lines(form.query).map((line) => split(line, "="));
  const headers = lines(form.headers).map(header);
  if (form.token.trim()) headers.push(["authorization", `Bearer ${form.token.trim()}`]);
  if (form.key?.value) (form.key.at === "query" ? query : headers).push([form.key.name, form.key.value]);
  const body = BODILESS.has(form.verb) || !form.body ? null : form.body;
  if (body !== null && !headers.some(([name]) => name.toLowerCase() === "content-type")) headers.unshift(["content-type", "application/json"]);
  return { verb: form.verb, path: base + (path === "/" && base ? "" : path) + encodeURI(below), query, headers, body };
}

function lines(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter(Boolean);
}

function split(line: string, at: string): [string, string] {
  const index = line.indexOf(at);
  return index < 0 ? [line, ""] : [line.slice(0, index), line.slice(index + 1)];
}

function header(line: string): [string, string] {
  const found = HEADER.exec(line);
  if (!found) throw new Error(`“${line}” is no header: write name: value.`);
  if (FORBIDDEN.test(found[1]!)) throw new Error(`A browser does not let a page send the header ${found[1]!}; curl does.`);
  if (found[1]!.toLowerCase() === "authorization" && /^basic\b/i.test(found[2]!)) throw new Error("A name and password are not passed on from here: they may be the database's. curl sends them.");
  return [found[1]!, found[2]!];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The same as a command; `url` is where the API is reached without "/api/TENANT…". */
export function curl(attempt: Attempt, url: string): string {
  const query = attempt.query.length ? `?${new URLSearchParams(attempt.query.map(([name, value]) => [name, value]))}` : "";
  const parts = ["curl", attempt.verb === "head" ? "-I" : `-i -X ${attempt.verb.toUpperCase()}`, quoted(`${url.replace(/\/$/, "")}${attempt.path}${query}`)];
  for (const [name, value] of attempt.headers) parts.push("-H", quoted(`${name}: ${value}`));
  if (attempt.body !== null) parts.push("--data-binary", quoted(attempt.body));
  return parts.join(" ");
}

/** What an answer's body is shown as. */
export type Shown = { as: "json" | "text"; text: string } | { as: "nothing" } | { as: "binary" };

/** By its media type, and by whether it is text at all. `whole` false: only its beginning is there. */
export function shownAs(type: string, bytes: Uint8Array, whole: boolean): Shown {
  if (!bytes.length) return { as: "nothing" };
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: whole }).decode(bytes);
  } catch {
    return { as: "binary" };
  }
  if (text.includes("\0") || /^(image\/(?!svg)|audio\/|video\/|font\/|application\/(octet-stream|zip|gzip|pdf))/.test(type)) return { as: "binary" };
  if (whole && /json/.test(type)) {
    try {
      return { as: "json", text: JSON.stringify(JSON.parse(text), null, 2) };
    } catch {
      return { as: "text", text };
    }
  }
  return { as: "text", text };
}
