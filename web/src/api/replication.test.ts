import { expect, test } from "vitest";
import { serverOf } from "./replication";

test("local names are for couchgrass; auth is for it and CouchDB since 3.2", () => {
  const of = (version: string, vendor: string) => serverOf({ version, vendor: { name: vendor } }, "http://x/");
  expect(of("3.5.0", "couchgrass")).toEqual({ isOurs: true, hasAuth: true, base: "http://x/" });
  expect(of("3.1.2", "The Apache Software Foundation").hasAuth).toBe(false);
  expect(of("3.2.0", "The Apache Software Foundation")).toEqual({ isOurs: false, hasAuth: true, base: "http://x/" });
  expect(of("4.0.1", "IBM Cloudant").hasAuth).toBe(true);
});
