// Upload of JSON: choose it, see what is in it, write it, see what was refused.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ApiError } from "../../../api/http";
import { Dialog } from "../../../ui/dialog";
import { Failed, Progress } from "../../../ui/parts";
import { words } from "../../../ui/toast";
import { bytes, count } from "../../../ui/words";
import type { Revs } from "./batch";
import { ChooseStep } from "./choose";
import { CheckedStep, DoneStep } from "./outcome";
import { type State, survey, type Survey, upload } from "./send";
import { SplitError } from "./split";

type Step =
  | { kind: "choose"; failed: string }
  | { kind: "check"; file: File; done: number }
  | { kind: "checked"; file: File; seen: Survey }
  | { kind: "send"; state: State }
  | { kind: "done"; state: State; failed: string };

interface Question {
  error: ApiError;
  answer: (again: boolean) => void;
}

/** `empty`: the database has no documents. */
export function UploadDialog({ db, empty, onClose, done }: { db: string; empty: boolean; onClose: () => void; done: () => void }): JSX.Element {
  const step = useSignal<Step>({ kind: "choose", failed: "" });
  const question = useSignal<Question | null>(null);
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);

  const check = async (file: File) => {
    const mine = (stop.current = new AbortController());
    step.value = { kind: "check", file, done: 0 };
    try {
      const seen = await survey(file, (at) => { step.value = { kind: "check", file, done: at }; }, mine.signal);
      step.value = { kind: "checked", file, seen };
    } catch (error) {
      step.value = { kind: "choose", failed: mine.signal.aborted ? "" : `${file.name}: ${readError(error)}` };
    }
  };
  const send = async (file: File, revs: Revs) => {
    const mine = (stop.current = new AbortController());
    let state: State = { done: 0, size: file.size, written: 0, refused: [], refusedCount: 0 };
    const progress = (now: State) => {
      state = now;
      step.value = { kind: "send", state };
    };
    progress(state);
    const again = (error: ApiError) => new Promise<boolean>((answer) => { question.value = { error, answer: (yes) => { question.value = null; answer(yes); } }; });
    try {
      state = await upload({ db, file, revs, signal: mine.signal, progress, again });
      step.value = { kind: "done", state, failed: "" };
    } catch (error) {
      step.value = { kind: "done", state, failed: mine.signal.aborted ? "You stopped it. What was written stays." : `It stopped: ${readError(error)}` };
    }
    done();
  };
  const cancel = () => {
    const kind = step.value.kind;
    if (kind !== "send" && kind !== "check") return onClose();
    stop.current.abort();
    question.value?.answer(false);
  };
  const now = step.value;
  return (
    <Dialog title={`Upload to ${db}`} onClose={cancel}>
      <div class="body">
        {now.kind === "choose" && <ChooseStep failed={now.failed} take={(file) => void check(file)} />}
        {now.kind === "check" && <Running words={`Reading ${now.file.name} …`} done={now.done} size={now.file.size} />}
        {now.kind === "checked" && <CheckedStep file={now.file} seen={now.seen} empty={empty} send={(revs) => void send(now.file, revs)} back={() => { step.value = { kind: "choose", failed: "" }; }} />}
        {now.kind === "send" && <Running words={`${count(now.state.written)} written${now.state.refusedCount ? `, ${count(now.state.refusedCount)} refused` : ""}`} done={now.state.done} size={now.state.size} />}
        {question.value && <Ask question={question.value} />}
        {now.kind === "done" && <DoneStep db={db} state={now.state} failed={now.failed} onClose={onClose} />}
        {(now.kind === "send" || now.kind === "check") && <footer><button onClick={cancel}>Stop</button></footer>}
      </div>
    </Dialog>
  );
}

function Running({ words: told, done, size }: { words: string; done: number; size: number }): JSX.Element {
  return (
    <div class="stack" role="status">
      <p class="nums">{told}</p>
      <Progress value={size ? done / size : null} label="How far it is" />
      <p class="hint nums">{bytes(done)} of {bytes(size)}</p>
    </div>
  );
}

function Ask({ question }: { question: Question }): JSX.Element {
  return (
    <>
      <Failed text={`The server did not take the last batch: ${words(question.error)}`} again={() => question.answer(true)} />
      <p class="hint">When its answer was lost, documents that got through may be listed as conflicts.</p>
    </>
  );
}

function readError(error: unknown): string {
  if (error instanceof SplitError) return error.line ? `line ${error.line}: ${error.message}` : error.message;
  return words(error);
}
