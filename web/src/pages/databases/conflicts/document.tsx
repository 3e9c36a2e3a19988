// The conflict of one document: who is in it, where they differ, and ways to end it.

import { useSignal } from "@preact/signals";
import { type ComponentChildren, type JSX } from "preact";
import { useEffect } from "preact/hooks";
import { ApiError } from "../../../api/http";
import { type Leaf, living } from "../../../merge/leaf";
import { type Plan, planDelete, planKeep } from "../../../merge/resolution";
import { shortRev } from "../../../merge/tree";
import { FormDialog } from "../../../ui/dialog";
import { Badge, Button, Empty, Failed, Loading } from "../../../ui/parts";
import { tell, words } from "../../../ui/toast";
import { count } from "../../../ui/words";
import { databaseHref, documentHref } from "../place";
import { readAncestor, readLeaves } from "./load";
import { Merge } from "./merge";
import { Changed, type Outcome, resolve } from "./resolve";

interface Seen {
  leaves: Leaf[];
  base: Leaf | null;
}

type Asked = { kind: "keep"; leaf: Leaf } | { kind: "delete" };

export function DocumentConflict({ db, id }: { db: string; id: string }): JSX.Element {
  const seen = useSignal<Seen | null>(null);
  const failed = useSignal("");
  const notice = useSignal("");
  const outcome = useSignal<Outcome | null>(null);
  const asked = useSignal<Asked | null>(null);
  const busy = useSignal(false);
  const load = async (known?: Leaf[]) => {
    try {
      const leaves = known ?? (await readLeaves(db, id));
      seen.value = { leaves, base: await readAncestor(db, id, living(leaves)) };
      failed.value = "";
    } catch (error) {
      failed.value = words(error);
    }
  };
  useEffect(() => { void load(); }, [db, id]);
  const act = async (plan: Plan) => {
    if (!seen.value) return;
    notice.value = "";
    outcome.value = null;
    busy.value = true;
    try {
      outcome.value = await resolve(db, id, seen.value.leaves, plan);
      if (!outcome.value.problems.length) tell(`The conflict of ${id} is resolved.`);
      await load();
    } catch (error) {
      if (error instanceof Changed) {
        notice.value = error.message;
        await load(error.leaves);
      } else if (error instanceof ApiError && error.status === 409) {
        notice.value = `Nothing was written: ${words(error)}. Somebody else was faster.`;
        await load();
      } else {
        // Whatever came of it, what is shown is what is there.
        await load();
        throw error;
      }
    } finally {
      busy.value = false;
    }
  };
  const leaves = living(seen.value?.leaves ?? []);
  return (
    <div class="stack">
      <div class="conflicts-bar">
        <h2 class="conflicts-title">{id}</h2>
        <div class="row">
          <a class="button" href={databaseHref(db, "conflicts")}>All conflicts</a>
          <a class="button" href={documentHref(db, id)}>Document</a>
          <a class="button" href={documentHref(db, id, "revisions")}>Revisions</a>
        </div>
      </div>
      {failed.value && <Failed text={failed.value} again={() => void load()} />}
      {notice.value && <p class="bad-note" role="alert">{notice.value} Below is what is there now.</p>}
      {outcome.value && <Told outcome={outcome.value} />}
      {!seen.value && !failed.value && <Loading />}
      {seen.value && leaves.length < 2 && <Over db={db} id={id} left={leaves[0]} />}
      {seen.value && leaves.length > 1 && (
        <>
          <Leaves leaves={leaves} keep={(leaf) => { asked.value = { kind: "keep", leaf }; }} />
          <Merge key={leaves.map((one) => one.rev).join()} leaves={leaves} base={seen.value.base} busy={busy.value}
            save={(plan) => { act(plan).catch((error: unknown) => { notice.value = `Not saved: ${words(error)}.`; }); }} />
          <div><Button tone="bad" icon="trash" onClick={() => { asked.value = { kind: "delete" }; }}>Delete the document</Button></div>
        </>
      )}
      {asked.value && seen.value && <Ask asked={asked.value} all={seen.value.leaves} close={() => { asked.value = null; }} act={act} />}
    </div>
  );
}

function Leaves({ leaves, keep }: { leaves: readonly Leaf[]; keep: (leaf: Leaf) => void }): JSX.Element {
  return (
    <ul class="conflicts-leaves" aria-label="Revisions in conflict">
      {leaves.map((leaf, at) => (
        <li key={leaf.rev} class="card">
          <div>
            <code title={leaf.rev}>{shortRev(leaf.rev)}</code> {at === 0 ? <Badge tone="good">winner</Badge> : <Badge tone="warn">conflict</Badge>}
            <div class="soft small">
              {count(leaf.path.length)} {leaf.path.length === 1 ? "revision" : "revisions"} known{leaf.attachments.size > 0 && `, ${count(leaf.attachments.size)} ${leaf.attachments.size === 1 ? "attachment" : "attachments"}`}
            </div>
          </div>
          <button type="button" onClick={() => keep(leaf)} aria-label={`Keep this: ${leaf.rev}`}>Keep this</button>
        </li>
      ))}
    </ul>
  );
}

function Ask({ asked, all, close, act }: { asked: Asked; all: readonly Leaf[]; close: () => void; act: (plan: Plan) => Promise<void> }): JSX.Element {
  const leaves = living(all);
  const others = leaves.length - 1;
  const gone = <p class="hint">The deleted revisions stay in the tree of revisions until the database is compacted.</p>;
  if (asked.kind === "delete") {
    return (
      <FormDialog title="Delete the document?" done="Delete" tone="bad" onClose={close} act={() => act(planDelete(all))}>
        <p>All {count(leaves.length)} revisions are deleted, and with them the document.</p>
        {gone}
      </FormDialog>
    );
  }
  const isWinner = asked.leaf === leaves[0];
  return (
    <FormDialog title="Keep this revision?" done="Keep this" onClose={close} act={() => act(planKeep(all, asked.leaf.rev))}>
      <p><code>{asked.leaf.rev}</code> stays, and {others === 1 ? "the other one is" : `the other ${count(others)} are`} deleted.</p>
      {!isWinner && <p class="hint">It is written once more as its own next revision, so that it also stays when somebody deletes it elsewhere at this moment.</p>}
      {gone}
    </FormDialog>
  );
}

function Told({ outcome }: { outcome: Outcome }): JSX.Element {
  return (
    <>
      {outcome.problems.length > 0 && (
        <div class="bad-note" role="alert">
          <p><strong>Not all was done.</strong> Nothing is lost; what is left can be resolved below.</p>
          <List>{outcome.problems.map((one) => <li key={one}>{one}</li>)}</List>
        </div>
      )}
      {outcome.done.length > 0 && <div class="note" role="status"><List>{outcome.done.map((one) => <li key={one}>{one}</li>)}</List></div>}
    </>
  );
}

const List = ({ children }: { children: ComponentChildren }) => <ul class="conflicts-done">{children}</ul>;

function Over({ db, id, left }: { db: string; id: string; left: Leaf | undefined }): JSX.Element {
  return (
    <Empty title={left ? "No conflict" : "The document is deleted"}>
      {left ? <p>The only revision is <a href={documentHref(db, id)}><code>{left.rev}</code></a>.</p> : <p>All its revisions are tombstones.</p>}
    </Empty>
  );
}
