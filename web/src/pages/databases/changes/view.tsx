// What changes in a database, as it happens.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useEffect } from "preact/hooks";
import { lines } from "../../../api/http";
import { type Change, changes, dbPath, seqNumber } from "../../../api/couch";
import { Badge, Button, Empty, Failed, Loading } from "../../../ui/parts";
import { type Column, Table } from "../../../ui/table";
import { pause as rest, whileSeen } from "../../../ui/seen";
import { words } from "../../../ui/toast";
import { clock, count } from "../../../ui/words";
import { documentHref } from "../place";
import { shortRev } from "../documents/table";
import { came, EMPTY, held, pause, resume, type Row, ROWS_MAX } from "./feed";

const BEFORE = 50;
const RETRY_MS = 1000;
/** A burst is drawn at most so often. */
const DRAW_MS = 200;
const HEARTBEAT_MS = 15_000;

export function ChangesView({ db }: { db: string }): JSX.Element {
  const feed = useSignal(EMPTY);
  const failed = useSignal("");
  const open = useSignal(false);
  useEffect(() => {
    let news: Row[] = [];
    let since: string | number | null = null;
    const timer = setInterval(() => {
      if (!news.length) return;
      feed.value = came(feed.value, news);
      news = [];
    }, DRAW_MS);
    const follow = async (over: AbortSignal) => {
      while (!over.aborted) {
        try {
          if (since === null) {
            const past = await changes(db, { descending: true, limit: BEFORE }, over);
            feed.value = came(feed.value, past.results.toReversed().map((one) => ({ ...one, heard: null })));
            since = past.results[0]?.seq ?? "0";
          }
          open.value = true;
          failed.value = "";
          const path = dbPath(db, "_changes");
          for await (const one of lines<Change>(path, { signal: over, query: { feed: "continuous", since, heartbeat: HEARTBEAT_MS } })) {
            if (one.id === undefined) continue;
            since = one.seq;
            news.push({ ...one, heard: Date.now() });
            if (news.length > ROWS_MAX) news = news.slice(-ROWS_MAX);
          }
        } catch (error) {
          if (over.aborted) return;
          failed.value = words(error);
        }
        await rest(RETRY_MS, over);
      }
    };
    const end = whileSeen((hidden) => void follow(hidden));
    return () => {
      clearInterval(timer);
      end();
    };
  }, [db]);
  const { rows, paused } = feed.value;
  return (
    <div class="stack">
      <div class="row">
        {paused ? <Button icon="play" onClick={() => { feed.value = resume(feed.value); }}>Go on</Button> : <Button icon="pause" onClick={() => { feed.value = pause(feed.value); }}>Pause</Button>}
        <span class="hint" role="status">{paused ? `Paused: ${count(held(feed.value))} came meanwhile` : failed.value ? "Not connected" : "Live, the newest first"}</span>
      </div>
      {failed.value && <Failed text={failed.value} />}
      {!open.value && !failed.value ? <Loading /> : <Table label="Changes" rows={rows} columns={columnsOf(db)} id={(row) => `${row.seq} ${row.id}`} pageRows={100} empty={<Empty title="Nothing has changed so far" />} />}
    </div>
  );
}

const columnsOf = (db: string): Column<Row>[] => [
  { name: "seq", title: "Seq", number: true, cell: (row) => <span title={String(row.seq)}>{seqNumber(row.seq)}</span> },
  { name: "heard", title: "Seen", cell: (row) => (row.heard === null ? <span class="soft">before</span> : clock(row.heard)) },
  { name: "id", title: "Document", cell: (row) => <><a class="mono" href={documentHref(db, row.id)}>{row.id}</a> {row.deleted && <Badge tone="bad">deleted</Badge>}</> },
  { name: "revs", title: "Revisions", cell: (row) => <span class="mono soft">{row.changes.map((one) => shortRev(one.rev)).join(", ")}</span> },
];
