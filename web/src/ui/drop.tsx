// A place for files: they are dropped on it, or chosen by a press.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useRef } from "preact/hooks";
import { Icon } from "./icon";

export function Drop({ label, take, accept = "", multiple = false }: { label: string; take: (files: File[]) => void; accept?: string; multiple?: boolean }): JSX.Element {
  const over = useSignal(false);
  const input = useRef<HTMLInputElement>(null);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    over.value = false;
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length) take(multiple ? files : files.slice(0, 1));
  };
  const chosen = (event: Event) => {
    const field = event.currentTarget as HTMLInputElement;
    const files = [...(field.files ?? [])];
    // The same file may be chosen again.
    field.value = "";
    if (files.length) take(files);
  };
  return (
    <div class={`drop ${over.value ? "over" : ""}`} onDragOver={(event) => { event.preventDefault(); over.value = true; }} onDragLeave={() => { over.value = false; }} onDrop={drop}>
      <input ref={input} class="hidden" type="file" aria-label={label} tabIndex={-1} accept={accept} multiple={multiple} onChange={chosen} />
      <button type="button" onClick={() => input.current?.click()}><Icon name="up" /> {label}</button>
      <span class="soft small">or drop {multiple ? "files" : "it"} here</span>
    </div>
  );
}
