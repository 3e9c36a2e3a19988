// Says plainly which region answers, and what is not saved.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useEffect } from "preact/hooks";
import { NO_ANSWER } from "./api";
import type { Board } from "./board";
import type { Op } from "./ops";
import { signIn } from "./sign-in";

export function Status({ board }: { board: Board }): JSX.Element {
  const unsaved = board.unsaved.value.length;
  const { region, failed, needsSignIn, nextTry } = board;
  const now = useSignal(Date.now());
  const waits = Boolean(failed.value || unsaved);
  useEffect(() => {
    if (!waits) return;
    const timer = setInterval(() => { now.value = Date.now(); }, 250);
    return () => clearInterval(timer);
  }, [waits]);
  const left = Math.max(0, Math.ceil((nextTry.value - now.value) / 1000));
  return (
    <div class={`status ${failed.value ? "bad" : ""}`}>
      <p role="status">
        {failed.value
          ? <><strong>{navigator.onLine ? `${board.place.name || "The API"} does not answer` : "This device is offline"}</strong>{failed.value !== NO_ANSWER && ` (${failed.value})`}. </>
          : region.value ? <>Answered by <strong>{region.value}</strong>. </> : null}
        {unsaved > 0
          ? <span class="count-unsaved">{unsaved} {unsaved === 1 ? "change is" : "changes are"} not saved yet{left > 0 ? `, tried again in ${left} s` : ""}. </span>
          : !failed.value && board.server.value && <>All is saved. </>}
        {needsSignIn.value && <button class="link" onClick={() => void signIn()}>Sign in again</button>}
        {failed.value && !needsSignIn.value && <button class="link" onClick={board.again}>Try now</button>}
      </p>
      {board.refused.value.map((op) => (
        <p key={op.key} class="bad" role="alert">
          {told(op)} was refused: {op.refused}. <button class="link" onClick={() => board.discard(op.key)}>Discard</button>
        </p>
      ))}
    </div>
  );
}

function told(op: Op): string {
  if (op.kind === "remove") return "Deleting a todo";
  return op.fields.title ? `“${op.fields.title}”` : "A change";
}
