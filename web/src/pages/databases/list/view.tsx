// The list of databases: a page at a time, or those whose names have a word in them.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useRef } from "preact/hooks";
import { ApiError } from "../../../api/http";
import { deleteDatabase } from "../../../api/couch";
import { isAdmin, user } from "../../../api/session";
import { TypeName } from "../../../ui/dialog";
import { useLast, useLive } from "../../../ui/live";
import { Button, Empty, Failed, Head, Loading } from "../../../ui/parts";
import { Pager, Search } from "../../../ui/table";
import { tell } from "../../../ui/toast";
import { backwards, before, firstPage, onwards, type Pages, start } from "../documents/paging";
import { CreateDialog } from "./create";
import { OwnList } from "./own";
import { everyName, type ListPage, PAGE_ROWS, pageFrom, pageOf } from "./source";
import { DatabasesTable } from "./table";

const EVERY_MS = 10_000;
/** Whose databases are their own, on a server of ours. */
const ACCOUNT_ROLE = "couchgrass_account";

export function ListView(): JSX.Element {
  const word = useSignal("");
  const pages = useSignal<Pages<string>>(firstPage());
  const dialog = useSignal<{ kind: "create" } | { kind: "delete"; name: string } | null>(null);
  const refused = useSignal("");
  const names = useRef<string[] | null>(null);
  const search = word.value.trim().toLowerCase();
  const read = async (signal: AbortSignal): Promise<ListPage> => {
    try {
      if (!search) return await pageFrom(start(pages.value), signal);
      const all = (names.current ??= await everyName(signal));
      return await pageOf(all.filter((name) => name.includes(search)), before(pages.value), signal);
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) refused.value = error.reason;
      throw error;
    }
  };
  const live = useLive(read, refused.value ? 0 : EVERY_MS, [search, pages.value]);
  const mayCreate = isAdmin.value || user.value?.roles.includes(ACCOUNT_ROLE);
  const close = () => { dialog.value = null; };
  const changed = () => { names.current = null; return live.again(); };
  const page = useLast(live.value.value);
  const first = before(pages.value) * PAGE_ROWS;
  return (
    <>
      <Head title="Databases">
        {!refused.value && <Search label="Search names" value={word.value} onInput={(text) => { word.value = text; pages.value = firstPage(); if (!text) names.current = null; }} />}
        {mayCreate && <Button icon="plus" tone="main" onClick={() => { dialog.value = { kind: "create" }; }}>New database</Button>}
      </Head>
      {refused.value ? <OwnList why={refused.value} /> : (
        <>
          {live.failed.value && <Failed text={live.failed.value} again={() => void live.again()} />}
          {!page && !live.failed.value && <Loading />}
          {page && (
            <DatabasesTable rows={page.rows}
              action={isAdmin.value ? { icon: "trash", words: "Delete", act: (name) => { dialog.value = { kind: "delete", name }; } } : undefined}
              empty={search ? <Empty title={`No name has “${word.value.trim()}” in it`} /> : <Empty title="No databases yet"><p>Create the first one.</p></Empty>} />
          )}
          {page && (page.next !== null || first > 0) && (
            <Pager from={first + 1} to={first + page.rows.length} total={page.total}
              back={first ? () => { pages.value = backwards(pages.value); } : undefined}
              on={page.next === null ? undefined : () => { pages.value = onwards(pages.value, page.next ?? ""); }} />
          )}
        </>
      )}
      {dialog.value?.kind === "create" && <CreateDialog onClose={close} />}
      {dialog.value?.kind === "delete" && <DeleteDatabase name={dialog.value.name} onClose={close} done={() => void changed()} />}
    </>
  );
}

/** Deletes a database whose name is typed. */
export function DeleteDatabase({ name, onClose, done }: { name: string; onClose: () => void; done: () => void }): JSX.Element {
  const act = async () => {
    await deleteDatabase(name);
    tell(`Database ${name} is deleted.`);
    done();
  };
  return (
    <TypeName name={name} what="Delete" onClose={onClose} act={act}>
      <p>All its documents, attachments and design documents go, here. Copies in other regions stay, and replication into a database that is made anew brings them back.</p>
    </TypeName>
  );
}
