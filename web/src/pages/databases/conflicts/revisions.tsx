// All revisions of a document that its database knows of.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { type Leaf, living } from "../../../merge/leaf";
import { layOut } from "../../../merge/layout";
import { to } from "../../../address";
import { go, route } from "../../../router";
import { useLive } from "../../../ui/live";
import { Button, Fact, Facts, Failed, Loading } from "../../../ui/parts";
import { count } from "../../../ui/words";
import "./conflicts.css";
import { readLeaves, readStatuses, type Status } from "./load";
import { conflictHref } from "./place";
import { Revision } from "./revision";
import { type Mark, Tree } from "./tree";

/** Of a long stretch so many more are shown at a click. */
const OPENED = 100;
/** So many rows are drawn at first, and more at a click. */
const ROWS = 300;

interface Seen {
  leaves: Leaf[];
  statuses: Map<string, Status>;
}

/** The tab of a document: the tree, and the revision that was picked in it (`?rev=`, `?with=`). */
export function RevisionsView({ db, id }: { db: string; id: string }): JSX.Element {
  const live = useLive<Seen>(async (signal) => {
    const leaves = await readLeaves(db, id, signal);
    return { leaves, statuses: await readStatuses(db, id, leaves, signal) };
  }, 0, [db, id]);
  const seen = live.value.value;
  if (!seen) return live.failed.value ? <Failed text={live.failed.value} again={() => void live.again()} /> : <Loading />;
  return (
    <>
      {live.failed.value && <Failed text={live.failed.value} again={() => void live.again()} />}
      <Revisions db={db} id={id} seen={seen} again={() => void live.again()} />
    </>
  );
}

function Revisions({ db, id, seen, again }: { db: string; id: string; seen: Seen; again: () => void }): JSX.Element {
  const opened = useSignal<ReadonlyMap<string, number>>(new Map());
  const shown = useSignal(ROWS);
  const gone = useSignal<ReadonlySet<string>>(new Set());
  const panel = useRef<HTMLDivElement>(null);
  const { leaves, statuses } = seen;
  const layout = useMemo(() => layOut(leaves, opened.value), [leaves, opened.value]);
  const known = useMemo(() => new Set(leaves.flatMap((one) => one.path)), [leaves]);
  const conflicts = Math.max(0, living(leaves).length - 1);
  const marks = useMemo(() => new Map(leaves.map((one, at): [string, Mark] => [one.rev, one.deleted ? "deleted" : at ? "conflict" : "winner"])), [leaves]);
  const markOf = (rev: string): Mark => marks.get(rev) ?? (gone.value.has(rev) ? "missing" : markOfStatus(statuses.get(rev)));
  const query = route.value.query;
  const asked = query.get("rev") ?? "";
  const picked = known.has(asked) ? asked : (leaves[0]?.rev ?? "");
  const other = query.get("with") ?? "";
  const see = (rev: string, beside: string) => go(to(route.value.parts, { rev, ...(beside && beside !== rev ? { with: beside } : {}) }), { replace: true });
  const others = [...leaves.map((one) => one.rev), ...layout.rows.flatMap((row) => (row.kind === "rev" && !row.leaf ? [row.rev] : []))]
    .filter((rev) => rev !== picked && markOf(rev) !== "missing");
  return (
    <div class="stack">
      <div class="conflicts-bar">
        <Facts>
          <Fact label="Revisions known">{count(known.size)}</Fact>
          <Fact label="Conflicts" tone={conflicts ? "warn" : "plain"}>{count(conflicts)}</Fact>
          <Fact label="Deleted branches">{count(leaves.length - living(leaves).length)}</Fact>
        </Facts>
        <div class="row">
          <Button icon="refresh" onClick={again}>Refresh</Button>
          {conflicts > 0 && <a class="button" href={conflictHref(db, id)}>Resolve {conflicts === 1 ? "the conflict" : `${count(conflicts)} conflicts`}</a>}
        </div>
      </div>
      <div class="conflicts-two">
        <section class="card" aria-label="Revision tree">
          <Tree layout={layout} shown={shown.value} markOf={markOf} picked={picked}
            pick={(rev) => { see(rev, other); panel.current?.scrollIntoView({ block: "nearest" }); }}
            open={(key) => { opened.value = new Map(opened.value).set(key, (opened.value.get(key) ?? 0) + OPENED); }} />
          {layout.rows.length > shown.value && <Button onClick={() => { shown.value += ROWS; }}>Show more of {count(layout.rows.length)} rows</Button>}
        </section>
        <div ref={panel} class="conflicts-panel">
          <Revision db={db} id={id} rev={picked} mark={markOf(picked)} others={others} other={other === picked ? "" : other}
            compare={(beside) => see(picked, beside)}
            gone={(rev) => { if (!gone.value.has(rev)) gone.value = new Set(gone.value).add(rev); }} />
        </div>
      </div>
    </div>
  );
}

function markOfStatus(status: Status | undefined): Mark {
  switch (status) {
    case "available":
      return "kept";
    case "deleted":
      return "deleted";
    case "missing":
      return "missing";
    case undefined:
      return "unknown";
  }
}
