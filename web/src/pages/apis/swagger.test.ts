import { expect, test } from "vitest";
import type { Api, Document } from "../../api/apis";
import { demandWords, described, gatewayPath, pathNames } from "./swagger";

const api = (apidoc: Document, base = "/v1"): Api => ({ id: `api/guest${base}`, namespace: "guest", tenantId: "guest", gwApiUrl: `http://h:1/api/guest${base}`, apidoc });
const URL = "http://f:2/api/v1/web/guest/tools/get%20it.http";

test("a route leads to the action that OpenWhisk's extension names", () => {
  const own = { url: URL, namespace: "_", package: "tools", action: "get it" };
  const [route] = described(api({ basePath: "/v1", paths: { "/a/{id}": { parameters: [], get: { operationId: "g", "x-openwhisk": own } } } })).routes;
  expect(route).toMatchObject({ verb: "get", path: "/a/{id}", type: "http", action: { namespace: "guest", package: "tools", name: "get it" } });
});

test("without it, to the one that the assembly invokes", () => {
  const execute = [{ "operation-switch": { case: [{ operations: ["g"], execute: [{ invoke: { "target-url": `${URL}$(request.path)` } }] }] } }];
  const found = described(api({ basePath: "/v1", paths: { "/a": { get: { operationId: "g" } } }, "x-ibm-configuration": { assembly: { execute }, cors: { enabled: true } } }));
  expect(found.routes[0]?.action).toEqual({ namespace: "guest", package: "tools", name: "get it" });
  expect(found.cors).toBe("by the gateway");
});

test("who may call is an operation's own matter, else the API's, else all definitions count", () => {
  const securityDefinitions = { key: { type: "apiKey", in: "header", name: "X-Key" }, "app-id": { type: "oauth2" } };
  const paths = { "/a": { get: {}, post: { security: [] }, put: { security: [{ key: [] }, { $$label: [], "app-id": [] }] }, delete: { security: [{}] } } };
  const words = described(api({ basePath: "/v1", securityDefinitions, paths })).routes.map((route) => [route.verb, demandWords(route.demands)]);
  expect(words).toEqual([
    ["get", "API key (X-Key) and token (app-id)"], ["post", "anybody"], ["put", "API key (X-Key) or token (app-id)"], ["delete", "anybody"],
  ]);
});

test("the base path of an OpenAPI 3 document is that of its URL", () => {
  const found = api({ openapi: "3.0.0", paths: {}, components: { securitySchemes: {} } }, "/v2");
  expect([described(found).basePath, gatewayPath(found), gatewayPath(api({ basePath: "/", paths: {} }, ""))]).toEqual(["/v2", "/api/guest/v2", "/api/guest"]);
});

test("rate limits are told in words", () => {
  expect(described(api({ paths: {}, "x-ibm-rate-limit": [{ rate: 5, unit: "second", units: 1 }, { rate: 100, unit: "minute", units: 10 }] })).limits).toEqual(["5 in a second", "100 in 10 minutes"]);
});

test("a document with anything in it breaks nothing", () => {
  expect(described(api({ paths: { "/a": null, "/b": { get: 7, post: { security: "x", "x-openwhisk": [] } } }, info: "no", "x-ibm-configuration": 3 })).routes.length).toBe(1);
});

test("names of a path", () => {
  expect(pathNames("/a/{id}/b/{other}")).toEqual(["id", "other"]);
});
