// What an API's document says, Swagger 2 or OpenAPI 3: its routes, where they lead, who may call them.

import type { Api, Document } from "../../api/apis";
import type { Place } from "../../api/whisk";

/** What a caller has to show. `key`: a subscription's key, under this name. */
export type Demand = { kind: "key"; name: string; at: "header" | "query"; label: string } | { kind: "token"; label: string };

export interface Route {
  verb: string;
  /** As the document has it: "/todo/{id}". */
  path: string;
  operation: string;
  action: Place | null;
  /** "http", "json" …: of the action's answer; "" when it is not told. */
  type: string;
  /** Alternatives of which one has to be met; none: anybody may call. */
  demands: Demand[][];
}

export interface Described {
  title: string;
  basePath: string;
  version: string;
  cors: "by the gateway" | "off" | "as the action says";
  /** In words: "100 a minute". */
  limits: string[];
  routes: Route[];
}

const VERBS = ["get", "post", "put", "patch", "delete", "head", "options"];

type Members = Record<string, unknown>;

function object(value: unknown): Members {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** All that is shown of an API. */
export function described(api: Api): Described {
  const document = api.apidoc;
  const info = object(document.info);
  return {
    title: text(info.title) || api.id,
    version: text(info.version),
    basePath: basePathOf(api),
    cors: corsOf(document),
    limits: limitsOf(document),
    routes: Object.entries(object(document.paths)).flatMap(([path, item]) => routesOf(document, api, path, object(item))),
  };
}

/** "/api/TENANT" with the base path: where the gateway has it. */
export function gatewayPath(api: Api): string {
  const base = basePathOf(api);
  return `/api/${encodeURIComponent(api.tenantId)}${base === "/" ? "" : base}`;
}

function basePathOf(api: Api): string {
  const found = text(api.apidoc.basePath);
  if (found) return found.startsWith("/") ? found : `/${found}`;
  // OpenAPI 3 has it in its first server; the gateway's own URL ends with it anyhow.
  const at = api.gwApiUrl.indexOf(`/api/${api.tenantId}`);
  return at < 0 ? "/" : api.gwApiUrl.slice(at + `/api/${api.tenantId}`.length) || "/";
}

function routesOf(document: Document, api: Api, path: string, item: Members): Route[] {
  return VERBS.filter((verb) => typeof item[verb] === "object").map((verb) => {
    const operation = object(item[verb]);
    const own = object(operation["x-openwhisk"]);
    const url = text(own.url) || targetOf(document, text(operation.operationId));
    return {
      verb,
      path,
      operation: text(operation.operationId),
      ...leadsTo(url, own, api),
      demands: demandsOf(document, operation),
    };
  });
}

/** The URL that the assembly has for an operation. */
function targetOf(document: Document, operation: string): string {
  for (const step of list(object(configOf(document).assembly).execute)) {
    for (const one of list(object(object(step)["operation-switch"]).case)) {
      if (!list(object(one).operations).includes(operation)) continue;
      for (const inner of list(object(one).execute)) {
        const url = text(object(object(inner).invoke)["target-url"]);
        if (url) return url.replace(/\$\(request\.path\)$/, "");
      }
    }
  }
  return "";
}

function leadsTo(url: string, own: Members, api: Api): Pick<Route, "action" | "type"> {
  const found = /\/api\/v1\/web\/([^/]+)\/([^/]+)\/([^/?]+)/.exec(url);
  const ending = found ? /\.(http|json|html|svg|text)$/.exec(found[3]!) : null;
  const type = ending?.[1] ?? "";
  if (text(own.action)) {
    const inside = text(own.package);
    return { type, action: { namespace: ownerOf(text(own.namespace), api), package: inside === "default" ? "" : inside, name: text(own.action) } };
  }
  if (!found) return { type, action: null };
  const [namespace, inside, name] = found.slice(1).map(decoded) as [string, string, string];
  return { type, action: { namespace: ownerOf(namespace, api), package: inside === "default" ? "" : inside, name: ending ? name.slice(0, -ending[0].length) : name } };
}

function ownerOf(name: string, api: Api): string {
  return name === "_" || !name ? api.namespace : name;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function configOf(document: Document): Members {
  return object(document["x-gateway-configuration"] ?? document["x-ibm-configuration"]);
}

function corsOf(document: Document): Described["cors"] {
  const enabled = object(configOf(document).cors).enabled;
  return enabled === true ? "by the gateway" : enabled === false ? "off" : "as the action says";
}

function limitsOf(document: Document): string[] {
  const given = document["x-gateway-rate-limit"] ?? document["x-ibm-rate-limit"];
  const rows = given === undefined || given === null ? [] : Array.isArray(given) ? given : [given];
  return rows.map((row) => {
    const { rate, unit, units } = object(row);
    const many = Number(units ?? 1);
    return `${String(rate)} in ${many === 1 ? `a ${text(unit) || "minute"}` : `${many} ${text(unit) || "minute"}s`}`;
  });
}

function demandsOf(document: Document, operation: Members): Demand[][] {
  const definitions = { ...object(object(document.components).securitySchemes), ...object(document.securityDefinitions) };
  const given = operation.security ?? document.security;
  if (given === undefined) {
    const all = Object.keys(definitions).map((name) => demand(name, object(definitions[name])));
    return all.length ? [all] : [];
  }
  const ways = list(given).map((way) => Object.keys(object(way)).filter((name) => !name.startsWith("$$")).map((name) => demand(name, object(definitions[name]))));
  // An alternative that asks for nothing lets everybody in.
  return ways.some((way) => !way.length) ? [] : ways;
}

function demand(label: string, definition: Members): Demand {
  if (definition.type === "apiKey") return { kind: "key", name: text(definition.name) || label, at: definition.in === "query" ? "query" : "header", label };
  return { kind: "token", label };
}

/** What a caller has to show, in words. */
export function demandWords(demands: Demand[][]): string {
  if (!demands.length) return "anybody";
  return demands.map((way) => way.map((one) => (one.kind === "key" ? `API key (${one.name})` : `token (${one.label})`)).join(" and ")).join(" or ");
}

/** The names in braces of a path. */
export function pathNames(path: string): string[] {
  return [...path.matchAll(/\{([^/{}]+)\}/g)].map((found) => found[1]!);
}
