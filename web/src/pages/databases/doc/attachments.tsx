// The attachments of a document: up, down, looked at, deleted.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ask, putFile } from "../../../api/http";
import { attachmentPath, type AttachmentStub, type Written } from "../../../api/couch";
import { Dialog, FormDialog } from "../../../ui/dialog";
import { Drop } from "../../../ui/drop";
import { Icon } from "../../../ui/icon";
import { Empty, Failed, Progress } from "../../../ui/parts";
import { save } from "../../../ui/save";
import { type Column, Table } from "../../../ui/table";
import { tell, words } from "../../../ui/toast";
import { bytes } from "../../../ui/words";
import { type Model, read, take } from "./model";

interface Row extends AttachmentStub {
  name: string;
}

interface Sending {
  name: string;
  part: number;
}

/** Answers with the whole attachment. Raises ApiError. */
async function fetched(model: Model, row: Row): Promise<Blob> {
  const answer = await ask(attachmentPath(model.db, model.id, row.name), { headers: { accept: "*/*" }, query: { rev: model.loaded.value?.rev }, timeoutMs: 120_000 });
  return answer.blob();
}

export function AttachmentsTab({ model }: { model: Model }): JSX.Element {
  const sending = useSignal<Sending | null>(null);
  const failed = useSignal<readonly string[]>([]);
  const dialog = useSignal<{ kind: "delete" | "show"; row: Row } | null>(null);
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);
  const rows: Row[] = Object.entries(model.loaded.value?.attachments ?? {}).map(([name, stub]) => ({ name, ...stub }));
  const reread = async () => take(model, await read(model.db, model.id));

  const send = async (files: readonly File[]) => {
    const mine = (stop.current = new AbortController());
    failed.value = [];
    for (const file of files) {
      try {
        sending.value = { name: file.name, part: 0 };
        await putFile<Written>(attachmentPath(model.db, model.id, file.name), file, {
          query: { rev: model.loaded.value?.rev },
          type: file.type || "application/octet-stream",
          signal: mine.signal,
          progress: (part) => { sending.value = { name: file.name, part }; },
        });
        tell(`${file.name} is attached.`);
      } catch (error) {
        failed.value = [...failed.value, `${file.name}: ${mine.signal.aborted ? "stopped" : words(error)}`];
      }
      // Each one made a new revision, and after a conflict it is somebody else's.
      await reread().catch((error: unknown) => { failed.value = [...failed.value, words(error)]; });
      if (mine.signal.aborted) break;
    }
    sending.value = null;
  };
  const down = (row: Row) => fetched(model, row).then((blob) => save(blob, row.name), (error: unknown) => tell(error));
  const remove = async (row: Row) => {
    try {
      await ask(attachmentPath(model.db, model.id, row.name), { method: "DELETE", query: { rev: model.loaded.value?.rev } });
      tell(`${row.name} is deleted.`);
    } finally {
      await reread();
    }
  };
  return (
    <div class="stack">
      <Drop label="Attach files" multiple take={(files) => void send(files)} />
      {sending.value && (
        <div class="row" role="status">
          <span class="databases-sending">{sending.value.name}</span>
          <span class="grow"><Progress value={sending.value.part} label={`How much of ${sending.value.name} is there`} /></span>
          <button onClick={() => stop.current.abort()}>Stop</button>
        </div>
      )}
      {failed.value.length > 0 && <Failed text={failed.value.join("; ")} />}
      <AttachmentTable rows={rows} act={(kind, row) => { if (kind === "down") void down(row); else dialog.value = { kind, row }; }} />
      {dialog.value?.kind === "show" && <Picture model={model} row={dialog.value.row} onClose={() => { dialog.value = null; }} />}
      {dialog.value?.kind === "delete" && (
        <FormDialog title={`Delete ${dialog.value.row.name}?`} done="Delete" tone="bad" onClose={() => { dialog.value = null; }} act={() => (dialog.value ? remove(dialog.value.row) : Promise.resolve())}>
          <p>The document stays, as a new revision without it.</p>
        </FormDialog>
      )}
    </div>
  );
}

function AttachmentTable({ rows, act }: { rows: readonly Row[]; act: (kind: "show" | "down" | "delete", row: Row) => void }): JSX.Element {
  const columns: Column<Row>[] = [
    { name: "name", title: "Name", sort: (row) => row.name, cell: (row) => row.name },
    { name: "type", title: "Type", sort: (row) => row.content_type, cell: (row) => row.content_type },
    { name: "size", title: "Size", number: true, sort: (row) => row.length, cell: (row) => bytes(row.length) },
    { name: "digest", title: "Digest", cell: (row) => <code class="soft">{row.digest}</code> },
    {
      name: "act", title: <span class="hidden">What can be done</span>, number: true,
      cell: (row) => (
        <span class="databases-acts">
          {row.content_type.startsWith("image/") && <button class="plain" onClick={() => act("show", row)}><Icon name="search" label={`Show ${row.name}`} /></button>}
          <button class="plain" onClick={() => act("down", row)}><Icon name="down" label={`Download ${row.name}`} /></button>
          <button class="plain" onClick={() => act("delete", row)}><Icon name="trash" label={`Delete ${row.name}`} /></button>
        </span>
      ),
    },
  ];
  return <Table label="Attachments" rows={rows} columns={columns} id={(row) => row.name} sorted="name" empty={<Empty title="No attachments"><p>Attach a file to keep it with this document.</p></Empty>} />;
}

/** An image cannot do anything in an `img`, whatever is in it. */
function Picture({ model, row, onClose }: { model: Model; row: Row; onClose: () => void }): JSX.Element {
  const url = useSignal("");
  const failed = useSignal("");
  useEffect(() => {
    let over = false;
    fetched(model, row).then(
      (blob) => { if (!over) url.value = URL.createObjectURL(blob); },
      (error: unknown) => { failed.value = words(error); },
    );
    return () => {
      over = true;
      if (url.value) URL.revokeObjectURL(url.value);
    };
  }, []);
  return (
    <Dialog title={row.name} wide onClose={onClose}>
      <div class="body databases-picture">
        {failed.value && <Failed text={failed.value} />}
        {url.value && !failed.value && <img src={url.value} alt={row.name} onError={() => { failed.value = "This browser can't show it."; }} />}
      </div>
    </Dialog>
  );
}
