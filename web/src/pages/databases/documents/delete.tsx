// Several documents deleted at once; what the server refused stays, and is shown.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { bulkDocs } from "../../../api/couch";
import { Dialog } from "../../../ui/dialog";
import { tell, words } from "../../../ui/toast";
import { count } from "../../../ui/words";
import type { Shown } from "./sources";

export function DeleteDialog({ db, docs, onClose, done }: { db: string; docs: readonly Shown[]; onClose: () => void; done: () => void }): JSX.Element {
  const busy = useSignal(false);
  const refused = useSignal<string[]>([]);
  const remove = async () => {
    busy.value = true;
    try {
      const answers = await bulkDocs(db, docs.map(({ id, rev }) => ({ _id: id, _rev: rev, _deleted: true })));
      refused.value = answers.filter((one) => one.error).map((one) => `${one.id}: ${one.reason ?? one.error}`);
      const gone = docs.length - refused.value.length;
      if (gone) tell(`${count(gone)} ${gone === 1 ? "document is" : "documents are"} deleted.`);
      done();
      if (!refused.value.length) onClose();
    } catch (error) {
      refused.value = [words(error)];
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog title={`Delete ${count(docs.length)} ${docs.length === 1 ? "document" : "documents"}?`} onClose={onClose}>
      <div class="body">
        <ul class="databases-names mono">{docs.map((one) => <li key={one.id}>{one.id}</li>)}</ul>
        {refused.value.length > 0 && <div class="bad-note" role="alert"><p>Not deleted:</p><ul>{refused.value.map((one) => <li key={one}>{one}</li>)}</ul></div>}
        <footer>
          <button onClick={onClose}>{refused.value.length ? "Close" : "Cancel"}</button>
          {!refused.value.length && <button class="bad" disabled={busy.value} onClick={() => void remove()}>{busy.value ? "Working …" : "Delete"}</button>}
        </footer>
      </div>
    </Dialog>
  );
}
