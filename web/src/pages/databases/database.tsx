// One database: its tabs.

import { type JSX } from "preact";
import { to } from "../../router";
import { Head, Tabs } from "../../ui/parts";
import { ConflictsView } from "./conflicts/view";
import { PermissionsView } from "./permissions/view";
import { databaseHref, type DatabaseTab } from "./place";

const TABS: readonly (readonly [DatabaseTab, string])[] = [
  ["documents", "Documents"],
  ["design", "Design & views"],
  ["conflicts", "Conflicts"],
  ["permissions", "Permissions"],
  ["changes", "Changes"],
];

export function DatabaseView({ db, tab }: { db: string; tab: DatabaseTab; rest: readonly string[] }): JSX.Element {
  return (
    <>
      <Head title={db} trail={[["Databases", to(["databases"])]]} />
      <Tabs label="Parts of the database" current={tab} tabs={TABS.map(([name, words]) => ({ name, words, href: databaseHref(db, name) }))} />
      {tab === "conflicts" && <ConflictsView db={db} />}
      {tab === "permissions" && <PermissionsView db={db} />}
    </>
  );
}
