// Asks whether many conflicts are to be resolved by the rule, does it, and says what became of them.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useRef } from "preact/hooks";
import { Dialog } from "../../../ui/dialog";
import { Progress } from "../../../ui/parts";
import { words } from "../../../ui/toast";
import { count } from "../../../ui/words";
import { keepWinners, type Ruled } from "./rule";
import type { Found } from "./scan";

const NOTHING: Ruled = { done: [], skipped: [], refused: [] };
const TOLD_MAX = 20;

export function RuleDialog({ db, chosen, onClose, done }: { db: string; chosen: readonly Found[]; onClose: () => void; done: (ids: string[]) => void }): JSX.Element {
  const state = useSignal<"asked" | "works" | "over">("asked");
  const ruled = useSignal<Ruled>(NOTHING);
  const failed = useSignal("");
  const over = useRef(new AbortController());
  const losers = chosen.reduce((sum, one) => sum + one.conflicts.length, 0);
  const { done: resolved, skipped, refused } = ruled.value;
  const seen = resolved.length + skipped.length + refused.length;
  const start = async () => {
    state.value = "works";
    try {
      await keepWinners(db, chosen, over.current.signal, (now) => { ruled.value = now; });
    } catch (error) {
      if (!over.current.signal.aborted) failed.value = words(error);
    }
    state.value = "over";
    done(chosen.map((one) => one.id));
  };
  const close = () => {
    over.current.abort();
    onClose();
  };
  return (
    <Dialog title={`Keep the winners of ${count(chosen.length)} ${chosen.length === 1 ? "document" : "documents"}`} onClose={close}>
      <div class="body">
        {state.value === "asked" && <p>Each document stays as everybody sees it now. {count(losers)} other {losers === 1 ? "revision is" : "revisions are"} deleted; look at them first if somebody may miss what is in them. Documents that have changed since they were listed are left alone.</p>}
        {state.value !== "asked" && (
          <div role="status" class="stack">
            <Progress value={chosen.length ? seen / chosen.length : 1} label="Resolved" />
            <p>{count(resolved.length)} of {count(chosen.length)} resolved{skipped.length > 0 && `, ${count(skipped.length)} left alone, as they changed meanwhile`}{refused.length > 0 && `, ${count(refused.length)} refused`}.</p>
          </div>
        )}
        {failed.value && <p class="bad-note" role="alert">Stopped: {failed.value}</p>}
        {refused.length > 0 && <ul class="conflicts-done small">{refused.slice(0, TOLD_MAX).map((one) => <li key={one}>{one}</li>)}</ul>}
        <footer>
          {state.value === "asked" && <button type="button" onClick={close}>Cancel</button>}
          {state.value === "asked" && <button type="button" class="main" onClick={() => void start()}>Keep the winners</button>}
          {state.value === "works" && <button type="button" onClick={() => over.current.abort()}>Stop</button>}
          {state.value === "over" && <button type="button" class="main" onClick={close}>Close</button>}
        </footer>
      </div>
    </Dialog>
  );
}
