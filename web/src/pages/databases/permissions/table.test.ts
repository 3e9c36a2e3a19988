import { expect, test } from "vitest";
import type { Security } from "../../../api/couch";
import { listOf, mayEdit, publicRights, rowsOf, withListed, withoutName, withRight, withRights } from "./table";

const OBJECT: Security = {
  cloudant: { "apikey-1": ["_writer", "_reader", "_design"], anna: [], nobody: ["_reader"] },
  members: { names: ["bob"], roles: ["staff"] },
  admins: { names: [], roles: ["_admin"] },
  more: { kept: true },
};

test("the table has everybody first, then names in order, with rights that have no check box aside", () => {
  expect(rowsOf(OBJECT)).toEqual([
    { name: "nobody", kind: "everybody", rights: ["_reader"], others: [] },
    { name: "anna", kind: "user", rights: [], others: [] },
    { name: "apikey-1", kind: "API key", rights: ["_reader", "_writer"], others: ["_design"] },
  ]);
});

test("where nothing is stored there is everybody, without rights", () => {
  expect(rowsOf({})).toEqual([{ name: "nobody", kind: "everybody", rights: [], others: [] }]);
});

test("a right more or less changes that name alone and keeps what has no check box", () => {
  const more = withRight(OBJECT, "apikey-1", "_admin", true);
  expect(more).toEqual({ ...OBJECT, cloudant: { ...(OBJECT.cloudant as object), "apikey-1": ["_reader", "_writer", "_admin", "_design"] } });
  expect(withRight(more, "apikey-1", "_admin", false)).toEqual({ ...OBJECT, cloudant: { ...(OBJECT.cloudant as object), "apikey-1": ["_reader", "_writer", "_design"] } });
  expect(withRight(OBJECT, "anna", "_reader", true).cloudant).toMatchObject({ anna: ["_reader"] });
});

test("a new name is added, and the table made where there was none", () => {
  expect(withRights({}, "apikey-2", ["_replicator", "_reader"])).toEqual({ cloudant: { "apikey-2": ["_reader", "_replicator"] } });
});

test("a name is removed; everybody without rights is not listed", () => {
  expect(withoutName(OBJECT, "apikey-1").cloudant).toEqual({ anna: [], nobody: ["_reader"] });
  expect(withRight(OBJECT, "nobody", "_reader", false).cloudant).toEqual({ "apikey-1": ["_writer", "_reader", "_design"], anna: [] });
});

test("what was read is written back as it was, by name", () => {
  const again = rowsOf(OBJECT).reduce((made: Security, row) => withRights(made, row.name, row.rights), OBJECT);
  expect(rowsOf(again)).toEqual(rowsOf(OBJECT));
});

test("CouchDB's lists grow and shrink, and the others stay", () => {
  const grown = withListed(OBJECT, "members", "names", "carl", true);
  expect(grown.members).toEqual({ names: ["bob", "carl"], roles: ["staff"] });
  expect(withListed(grown, "members", "names", "carl", true).members).toEqual(grown.members);
  expect(withListed(OBJECT, "admins", "roles", "_admin", false)).toEqual({ ...OBJECT, admins: { names: [], roles: [] } });
  expect(withListed({}, "admins", "names", "eve", true)).toEqual({ admins: { names: ["eve"], roles: [] } });
});

test("the readers of old are members", () => {
  const old = { readers: { names: ["bob"], roles: [] } };
  expect(listOf(old, "members", "names")).toEqual(["bob"]);
  expect(withListed(old, "members", "names", "eve", true)).toEqual({ members: { names: ["bob", "eve"], roles: [] } });
  expect(withListed(old, "admins", "names", "eve", true)).toEqual({ ...old, admins: { names: ["eve"], roles: [] } });
});

test.each<[string, Security, boolean, "all" | string[]]>([
  ["no members", {}, false, "all"],
  ["no members, on a server with Cloudant's rights", {}, true, "all"],
  ["members", { members: { names: ["a"] } }, true, []],
  ["a role", { members: { roles: ["_admin"] } }, false, []],
  ["Cloudant's table without members", { cloudant: {} }, true, []],
  ["everybody in Cloudant's table", OBJECT, true, ["_reader"]],
  ["Cloudant's table, switched off", { cloudant: {}, couchdb_auth_only: true }, true, "all"],
  ["Cloudant's table on a server that does not know it", { cloudant: {} }, false, "all"],
])("what everybody may: %s", (_, security, cloudant, rights) => {
  expect(publicRights(security, cloudant)).toEqual(rights);
});

test.each<[string, Security, string | null, string[], boolean]>([
  ["a server's admin", {}, "a", ["_admin"], true],
  ["anybody else", {}, "a", ["staff"], false],
  ["an admin by name", { admins: { names: ["a"] } }, "a", [], true],
  ["an admin by role", { admins: { roles: ["staff"] } }, "a", ["staff"], true],
  ["one with Cloudant's _admin", { cloudant: { a: ["_admin"] } }, "a", [], true],
  ["one with it where it does not count", { cloudant: { a: ["_admin"] }, couchdb_auth_only: true }, "a", [], false],
  ["one with less", { cloudant: { a: ["_reader", "_writer"] } }, "a", [], false],
  ["everybody, if everybody may", { cloudant: { nobody: ["_admin"] } }, "a", [], true],
  ["nobody", { admins: { names: ["a"] } }, null, [], false],
])("who may change it: %s", (_, security, name, roles, may) => {
  expect(mayEdit(security, { name, roles })).toBe(may);
});
