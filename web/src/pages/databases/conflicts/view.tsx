// The tab of a database: all documents with conflicts, or one of them.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { shortRev } from "../../../merge/tree";
import { route } from "../../../router";
import { Badge, Button, Empty, Failed, Progress as Bar } from "../../../ui/parts";
import { type Column, Search, Table } from "../../../ui/table";
import { count } from "../../../ui/words";
import "./conflicts.css";
import { DocumentConflict } from "./document";
import { conflictHref, documentOf } from "./place";
import { RuleDialog } from "./rule-dialog";
import { type Found, FOUND_MAX, type Progress, Scan } from "./scan";

export function ConflictsView({ db }: { db: string }): JSX.Element {
  const id = documentOf(route.value.parts);
  return id ? <DocumentConflict key={id} db={db} id={id} /> : <List db={db} />;
}

function List({ db }: { db: string }): JSX.Element {
  const scan = useMemo(() => new Scan(db), [db]);
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const filter = useSignal("");
  const asked = useSignal<Found[] | null>(null);
  useEffect(() => {
    scan.start();
    return () => scan.stop();
  }, [scan]);
  const found = [...scan.found.value.values()];
  const rows = found.filter((one) => one.id.includes(filter.value));
  const picked = rows.filter((one) => chosen.value.has(one.id));
  const all = rows.length > 0 && picked.length === rows.length;
  const progress = scan.progress.value;
  return (
    <div class="stack">
      <State progress={progress} found={found.length} scan={scan} />
      {found.length > 0 && (
        <div class="conflicts-bar">
          <Search label="Filter by id" value={filter.value} onInput={(text) => { filter.value = text; }} />
          <div class="row">
            <label class="inline">
              <input type="checkbox" checked={all} onChange={() => { chosen.value = new Set(all ? [] : rows.map((one) => one.id)); }} /> All {count(rows.length)}
            </label>
            <Button disabled={!picked.length} onClick={() => { asked.value = picked; }}>Keep the winners{picked.length > 0 && ` of ${count(picked.length)}`}</Button>
          </div>
        </div>
      )}
      <div class="conflicts-list"><Table label="Documents with conflicts" rows={rows} columns={columns(db, chosen.value, (id) => { chosen.value = toggled(chosen.value, id); })}
        id={(row) => row.id} sorted="id" picked={(row) => chosen.value.has(row.id)}
        empty={found.length
          ? <Empty title="No id has this in it." />
          : progress.state === "following" ? <Empty title="No conflicts"><p>Every document of <strong>{db}</strong> has one revision that counts. New conflicts appear here by themselves.</p></Empty> : <></>} /></div>
      {asked.value && (
        <RuleDialog db={db} chosen={asked.value} onClose={() => { asked.value = null; chosen.value = new Set(); }}
          done={(ids) => { scan.check(ids).catch(() => scan.start()); }} />
      )}
    </div>
  );
}

function columns(db: string, chosen: ReadonlySet<string>, toggle: (id: string) => void): Column<Found>[] {
  return [
    { name: "pick", title: <span class="hidden">Chosen</span>, cell: (row) => <input type="checkbox" aria-label={`Choose ${row.id}`} checked={chosen.has(row.id)} onChange={() => toggle(row.id)} /> },
    { name: "id", title: "Document", cell: (row) => <a href={conflictHref(db, row.id)}>{row.id}</a>, sort: (row) => row.id },
    { name: "rev", title: "Winner", cell: (row) => <code title={row.rev}>{shortRev(row.rev)}</code> },
    { name: "leaves", title: "Revisions in conflict", cell: (row) => <Badge tone="warn">{count(row.conflicts.length + 1)}</Badge>, sort: (row) => row.conflicts.length, number: true },
  ];
}

function toggled(chosen: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(chosen);
  if (!next.delete(id)) next.add(id);
  return next;
}

function State({ progress, found, scan }: { progress: Progress; found: number; scan: Scan }): JSX.Element {
  const { state, seen, total, failed } = progress;
  const so = `${count(found)} ${found === 1 ? "document has" : "documents have"} conflicts`;
  switch (state) {
    case "scanning":
      return (
        <div class="conflicts-scan" role="status">
          <Bar value={total ? seen / total : null} label="Documents looked at" />
          <span class="small soft nums">{count(seen)}{total !== null && ` of ${count(total)}`} documents looked at; {so}</span>
          <Button onClick={() => scan.stop()}>Stop</Button>
        </div>
      );
    case "failed":
      return <Failed text={`The search stopped: ${failed}`} again={() => scan.start()} />;
    case "stopped":
      return <p class="conflicts-scan" role="status"><span>Stopped after {count(seen)} documents; {so} among them.</span> <Button onClick={() => scan.start()}>Go on</Button></p>;
    case "full":
      return <p class="conflicts-scan" role="status"><span>{count(FOUND_MAX)} are shown, and there may be more. Resolve some, then</span> <Button onClick={() => scan.start()}>Search on</Button></p>;
    case "following":
      return failed
        ? <Failed text={`New conflicts are not seen at the moment: ${failed}`} />
        : <p class="conflicts-scan small soft" role="status"><span>{count(seen)} documents looked at; {so}. New ones appear by themselves.</span></p>;
  }
}
