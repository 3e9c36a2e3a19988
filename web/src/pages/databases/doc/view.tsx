// One document: its text, its revisions, its attachments.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { ApiError } from "../../../api/http";
import { copyDoc, deleteDoc, isDesign, isLocal } from "../../../api/couch";
import { go, guarded, route, to } from "../../../router";
import { FormDialog } from "../../../ui/dialog";
import { Button, Empty, Failed, Head, Loading, Tabs } from "../../../ui/parts";
import { tell, words } from "../../../ui/toast";
import { RevisionsView } from "../conflicts/revisions";
import { newId } from "../ids";
import { databaseHref, documentHref, type DocumentTab, placeOf } from "../place";
import { AttachmentsTab } from "./attachments";
import { EditorTab } from "./editor";
import { begin, forget, isTyped, type Model, modelOf, read, take } from "./model";

const DESIGN = `{
  "_id": "_design/mine",
  "views": {
    "by_type": {
      "map": "function (doc) { if (doc.type) emit(doc.type, 1); }",
      "reduce": "_sum"
    }
  }
}`;

/** `id` "": a document that is not there yet. */
export function DocumentView({ db, id, tab }: { db: string; id: string; tab: DocumentTab }): JSX.Element {
  const model = useMemo(() => modelOf(db, id), [db, id]);
  const failed = useSignal<unknown>(null);
  const kept = useMemo(() => isTyped(model), [model]);
  const load = async () => {
    failed.value = null;
    try {
      take(model, await read(db, id));
    } catch (error) {
      failed.value = error;
    }
  };
  useEffect(() => {
    if (!id && route.peek().query.has("design") && !kept) begin(model, DESIGN);
    // The other tabs may have changed it.
    if (id && (tab !== "revisions" || !model.loaded.peek())) void load();
  }, [model, tab]);
  useAsking(model);
  const loaded = model.loaded.value;
  const saved = (under: string) => {
    if (id) return;
    forget(model);
    go(documentHref(db, under), { replace: true });
  };
  return (
    <>
      <Head title={id || "New document"} trail={[["Databases", to(["databases"])], [db, databaseHref(db)]]}>
        {loaded && id && loaded.rev && <Tools model={model} rev={loaded.rev} />}
      </Head>
      {id && !isLocal(id) && (
        <Tabs label="Parts of the document" current={tab} tabs={[
          { name: "document", words: "Document", href: documentHref(db, id) },
          { name: "revisions", words: <>Revisions {loaded && loaded.conflicts.length > 0 && <span class="badge bad">{loaded.conflicts.length + 1} in conflict</span>}</>, href: documentHref(db, id, "revisions") },
          { name: "attachments", words: `Attachments${loaded ? ` (${Object.keys(loaded.attachments).length})` : ""}`, href: documentHref(db, id, "attachments") },
        ]} />
      )}
      {kept && isTyped(model) && <p class="note">What you typed here before, and had not saved, is here again.</p>}
      {tab === "revisions" && id ? <RevisionsView db={db} id={id} /> : failed.value ? <NotThere model={model} error={failed.value} again={() => void load()} fresh={() => { failed.value = null; }} />
        : !loaded ? <Loading />
        : tab === "attachments" && id ? <AttachmentsTab model={model} />
        : <EditorTab model={model} saved={saved} />}
    </>
  );
}

/** Nothing that was typed is left behind without asking. */
function useAsking(model: Model): void {
  useEffect(() => {
    const end = guarded((next) => {
      const place = next.parts[0] === "databases" ? placeOf(next.parts.slice(1)) : null;
      if (!isTyped(model) || (place?.kind === "doc" && place.db === model.db && place.id === model.id)) return true;
      const leave = confirm(`What you typed in “${model.id || "the new document"}” is not saved. Leave without it?`);
      if (leave) forget(model);
      return leave;
    });
    const unload = (event: BeforeUnloadEvent) => {
      if (isTyped(model)) event.preventDefault();
    };
    addEventListener("beforeunload", unload);
    return () => {
      if (!isTyped(model)) forget(model);
      end();
      removeEventListener("beforeunload", unload);
    };
  }, [model]);
}

function NotThere({ model, error, again, fresh }: { model: Model; error: unknown; again: () => void; fresh: () => void }): JSX.Element {
  if (!(error instanceof ApiError) || error.status !== 404) return <Failed text={words(error)} again={again} />;
  const deleted = error.reason === "deleted";
  const write = () => {
    begin(model, `{\n  "_id": ${JSON.stringify(model.id)}\n}`);
    fresh();
  };
  return (
    <Empty title={deleted ? "This document has been deleted" : "There is no document of this id"}>
      {deleted && <p>Its last revisions may still be there: see “Revisions”.</p>}
      <p><Button tone="main" onClick={write}>{deleted ? "Write it anew" : "Write it"}</Button></p>
    </Empty>
  );
}

function Tools({ model, rev }: { model: Model; rev: string }): JSX.Element {
  const dialog = useSignal<"" | "clone" | "delete">("");
  const copy = useSignal("");
  const { db, id } = model;
  const close = () => { dialog.value = ""; };
  const clone = async () => {
    await copyDoc(db, id, copy.value);
    tell(`${copy.value} is made, as a copy of ${id}.`);
    go(documentHref(db, copy.value));
  };
  const remove = async () => {
    await deleteDoc(db, id, rev);
    forget(model);
    model.typed.value = null;
    tell(`${id} is deleted.`);
    go(databaseHref(db));
  };
  const kind = isDesign(id) ? "_design/" : isLocal(id) ? "_local/" : "";
  return (
    <>
      <code class="soft">{rev}</code>
      <Button icon="copy" onClick={() => { copy.value = kind + newId(); dialog.value = "clone"; }}>Clone</Button>
      <Button icon="trash" tone="bad" onClick={() => { dialog.value = "delete"; }}>Delete</Button>
      {dialog.value === "clone" && (
        <FormDialog title={`Copy of ${id}`} done="Make the copy" disabled={!copy.value} onClose={close} act={clone}>
          <p>As the database has it, with its attachments.{isTyped(model) && " What you typed and did not save is not in it."}</p>
          <label>
            <span>Its id</span>
            <input required autocomplete="off" autocapitalize="off" spellcheck={false} value={copy.value} onInput={(event) => { copy.value = event.currentTarget.value; }} />
          </label>
        </FormDialog>
      )}
      {dialog.value === "delete" && (
        <FormDialog title={`Delete ${id}?`} done="Delete" tone="bad" onClose={close} act={remove}>
          <p>It goes from here, and from every region that it is replicated to.{(model.loaded.value?.conflicts.length ?? 0) > 0 && " It is in conflict: another of its revisions takes its place."}</p>
        </FormDialog>
      )}
    </>
  );
}
