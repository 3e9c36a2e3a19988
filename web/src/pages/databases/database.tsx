// One database: its figures, its tabs, and its end.

import { useSignal } from "@preact/signals";
import { type ComponentChildren, type JSX } from "preact";
import { useEffect } from "preact/hooks";
import { databaseInfo, type DatabaseInfo, seqNumber } from "../../api/couch";
import { isAdmin, user } from "../../api/session";
import { go, to } from "../../router";
import { Icon } from "../../ui/icon";
import { useLive } from "../../ui/live";
import { Badge, Failed, Head, Tabs } from "../../ui/parts";
import { bytes, count } from "../../ui/words";
import { ChangesView } from "./changes/view";
import { ConflictsView } from "./conflicts/view";
import { DesignView } from "./design/view";
import { DocumentsView } from "./documents/view";
import { remember } from "./list/remembered";
import { DeleteDatabase } from "./list/view";
import { PermissionsView } from "./permissions/view";
import { databaseHref, type DatabaseTab } from "./place";

const EVERY_MS = 5000;

const TABS: readonly (readonly [DatabaseTab, string])[] = [
  ["documents", "Documents"],
  ["design", "Design & views"],
  ["conflicts", "Conflicts"],
  ["permissions", "Permissions"],
  ["changes", "Changes"],
];

export function DatabaseView({ db, tab, rest }: { db: string; tab: DatabaseTab; rest: readonly string[] }): JSX.Element {
  const deleting = useSignal(false);
  const live = useLive((signal) => databaseInfo(db, signal), EVERY_MS, [db]);
  const info = live.value.value;
  const here = info !== undefined;
  useEffect(() => {
    if (here && !isAdmin.value) remember(user.value?.name ?? "", db);
  }, [db, here]);
  return (
    <>
      <Head title={db} trail={[["Databases", to(["databases"])]]}>
        {info && <Figures info={info} />}
        {here && isAdmin.value && <button class="plain" onClick={() => { deleting.value = true; }}><Icon name="trash" label={`Delete ${db}`} /></button>}
      </Head>
      {live.failed.value && <Failed text={`${db}: ${live.failed.value}`} again={() => void live.again()} />}
      {here && (
        <>
          <Tabs label="Parts of the database" current={tab} tabs={TABS.map(([name, words]) => ({ name, words, href: databaseHref(db, name) }))} />
          <Part db={db} tab={tab} rest={rest} info={info} changed={() => void live.again()} />
        </>
      )}
      {deleting.value && <DeleteDatabase name={db} onClose={() => { deleting.value = false; }} done={() => go(to(["databases"]))} />}
    </>
  );
}

function Part({ db, tab, rest, info, changed }: { db: string; tab: DatabaseTab; rest: readonly string[]; info: DatabaseInfo; changed: () => void }): ComponentChildren {
  switch (tab) {
    case "documents":
      return <DocumentsView db={db} info={info} changed={changed} />;
    case "design":
      return <DesignView db={db} rest={rest} />;
    case "conflicts":
      return <ConflictsView db={db} />;
    case "permissions":
      return <PermissionsView db={db} />;
    case "changes":
      return <ChangesView db={db} />;
  }
}

function Figures({ info }: { info: DatabaseInfo }): JSX.Element {
  const parts = [
    `${count(info.doc_count)} ${info.doc_count === 1 ? "document" : "documents"}`,
    info.doc_del_count === undefined ? "" : `${count(info.doc_del_count)} deleted`,
    info.sizes ? `${bytes(info.sizes.active)} of ${bytes(info.sizes.file)}` : "",
    `seq ${seqNumber(info.update_seq)}`,
  ];
  return (
    <p class="databases-figures soft nums">
      {parts.filter(Boolean).join(" · ")} {info.props?.partitioned && <Badge>partitioned</Badge>} {info.compact_running && <Badge>compacting</Badge>}
    </p>
  );
}
