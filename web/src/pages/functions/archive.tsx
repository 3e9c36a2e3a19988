// An action's archive: what is in it, its files to be read, all of it to be kept.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useMemo } from "preact/hooks";
import { Dialog } from "../../ui/dialog";
import { Editor } from "../../ui/editor";
import { Button, Empty } from "../../ui/parts";
import { save } from "../../ui/save";
import { tell } from "../../ui/toast";
import { Table } from "../../ui/table";
import { bytes, count } from "../../ui/words";
import { languageOfFile } from "./kinds";
import { unzipped, zipFiles, type ZipFile } from "./zip";

const SHOWN_BYTES = 512 * 1024;

export function Archive({ name, bytes: content, main }: { name: string; bytes: Uint8Array<ArrayBuffer>; main: string }): JSX.Element {
  const all = useMemo(() => zipFiles(content), [content]);
  const shown = useSignal<{ name: string; text: string } | null>(null);
  const show = async (file: ZipFile) => {
    try {
      const inside = await unzipped(content, file);
      if (inside.includes(0)) tell(`${file.name} is no text.`, "bad");
      else shown.value = { name: file.name, text: new TextDecoder().decode(inside) };
    } catch (error) {
      tell(error);
    }
  };
  return (
    <div class="stack">
      <div class="row">
        <span class="soft">
          An archive of {bytes(content.length)}{all && `, ${count(all.length)} ${all.length === 1 ? "file" : "files"}`}{main && <>, begins at <code>{main}</code></>}
        </span>
        <span class="grow" />
        <Button icon="down" onClick={() => save(new Blob([content]), name)}>Download</Button>
      </div>
      {all
        ? <Table label="Files of the archive" rows={all} id={(file) => file.name} sorted="name" columns={[
            { name: "name", title: "File", sort: (file) => file.name, cell: (file) => file.size <= SHOWN_BYTES
              ? <button class="functions-file" onClick={() => void show(file)}>{file.name}</button>
              : file.name },
            { name: "size", title: "Size", number: true, sort: (file) => file.size, cell: (file) => bytes(file.size) },
          ]} />
        : <Empty title={content[0] === 0x1f && content[1] === 0x8b ? "A gzip archive: its files are not listed here" : "No zip: what is in it can't be told here"} />}
      {shown.value && (
        <Dialog title={shown.value.name} wide onClose={() => { shown.value = null; }}>
          <div class="body"><Editor label={shown.value.name} language={languageOfFile(shown.value.name)} value={shown.value.text} /></div>
        </Dialog>
      )}
    </div>
  );
}
