// The code of an action: read, changed, or the list of files when it is an archive.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useEffect } from "preact/hooks";
import { readSome } from "../../api/bounded";
import { actionAnswer, putAction, type Access } from "../../api/functions";
import { kindOf, type Action, type Place } from "../../api/whisk";
import { Editor } from "../../ui/editor";
import { Button, Empty, Failed, Loading } from "../../ui/parts";
import { save as saveFile } from "../../ui/save";
import { tell, words } from "../../ui/toast";
import { bytes } from "../../ui/words";
import { Archive } from "./archive";
import { fileEnd, languageOf } from "./kinds";
import { fromBase64 } from "./zip";

/** Of an action with its code no more than this is read without being asked. */
const ASKED_BYTES = 512 * 1024;
/** 48 MB of code, and JSON escapes some of it. */
const ALL_BYTES = 128 * 1024 * 1024;
const SHOWN_CHARS = 1_000_000;

type Loaded = { state: "code"; action: Action } | { state: "large"; size: number | null } | { state: "failed"; why: string } | null;

export function Code({ access, place, action, own, saved }: { access: Access; place: Place; action: Action; own: boolean; saved: () => Promise<void> }): JSX.Element {
  const loaded = useSignal<Loaded>(null);
  const load = async (bytesMax: number) => {
    loaded.value = null;
    try {
      const read = await readSome(await actionAnswer(access, place), bytesMax);
      loaded.value = read.whole
        ? { state: "code", action: JSON.parse(new TextDecoder().decode(read.bytes)) as Action }
        : { state: "large", size: read.size };
    } catch (error) {
      loaded.value = { state: "failed", why: words(error) };
    }
  };
  useEffect(() => void load(ASKED_BYTES), [action.version, place.name]);
  const now = loaded.value;
  if (!now) return <Loading text="Loading the code …" />;
  if (now.state === "failed") return <Failed text={now.why} again={() => void load(ASKED_BYTES)} />;
  if (now.state === "large") {
    return (
      <Empty title={now.size ? `The code is large: ${bytes(now.size)} with all that belongs to it` : `The code is larger than ${bytes(ASKED_BYTES)}`}>
        <p><Button icon="down" onClick={() => void load(ALL_BYTES)}>Load it</Button></p>
      </Empty>
    );
  }
  const { exec } = now.action;
  const name = place.name + fileEnd(kindOf(action), exec.binary ?? false);
  if (!exec.code) return <Empty title={exec.image ? `It is run by the image ${exec.image}` : "There is no code"} />;
  if (exec.binary) {
    const content = fromBase64(exec.code);
    return content
      ? <Archive name={name} bytes={content} main={exec.main ?? ""} />
      : <Failed text="The code is marked as binary, but it is no base64." />;
  }
  return <Source access={access} place={place} action={now.action} own={own} saved={saved} name={name} />;
}

function Source({ access, place, action, own, saved, name }: { access: Access; place: Place; action: Action; own: boolean; saved: () => Promise<void>; name: string }): JSX.Element {
  const code = action.exec.code ?? "";
  const text = useSignal(code);
  const busy = useSignal(false);
  const failed = useSignal("");
  const long = code.length > SHOWN_CHARS;
  const changed = text.value !== code;
  const save = async () => {
    busy.value = true;
    failed.value = "";
    try {
      const { kind, main, image } = action.exec;
      const put = await putAction(access, place, { exec: { kind, code: text.value, ...(main ? { main } : {}), ...(image ? { image } : {}) } }, true);
      tell(`Saved as version ${put.version}. It counts from the next run.`);
      await saved();
    } catch (error) {
      failed.value = words(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <div class="stack">
      <div class="row">
        <span class="soft">{action.exec.main ? <>Begins at <code>{action.exec.main}</code></> : null} {bytes(new Blob([code]).size)}</span>
        <span class="grow" />
        <Button icon="down" onClick={() => saveFile(new Blob([code], { type: "text/plain" }), name)}>Download</Button>
        {own && <Button disabled={!changed} onClick={() => { text.value = code; }}>Undo changes</Button>}
        {own && <Button tone="main" busy={busy.value} disabled={!changed} onClick={() => void save()}>{busy.value ? "Saving …" : "Save"}</Button>}
      </div>
      {failed.value && <p class="bad-note" role="alert">{failed.value}</p>}
      {long
        ? <Empty title="The code is too long to be shown here" />
        : <Editor label={`Code of ${place.name}`} language={languageOf(action.exec.kind)} value={text.value} {...(own ? { onInput: (value: string) => { text.value = value; } } : {})} />}
    </div>
  );
}
