// What the server does in the background, as it is now.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { activeTasks, type Task } from "../../api/replication";
import { isAdmin } from "../../api/session";
import { go, route, to } from "../../router";
import { Dialog } from "../../ui/dialog";
import { useLive } from "../../ui/live";
import { Badge, Empty, Failed, Head, Loading, Progress } from "../../ui/parts";
import { Search, Table, type Column } from "../../ui/table";
import { clock, count, seconds } from "../../ui/words";
import { details, matches, progress, standing, subject, taskKey, typeWord } from "./tasks";
import "./tasks.css";

const EVERY_MS = 1000;

export default function Page(): JSX.Element {
  if (!isAdmin.value) return <><Head title="Active tasks" /><Empty title="Only server admins see what the server does." /></>;
  return <Tasks />;
}

function Tasks(): JSX.Element {
  const live = useLive(activeTasks, EVERY_MS, []);
  const open = useSignal<string | null>(null);
  const query = route.value.query;
  const [text, type] = [query.get("q") ?? "", query.get("type") ?? ""];
  const tasks = live.value.value ?? [];
  const shown = tasks.filter((task) => (!type || task.type === type) && (!text || matches(task, text)));
  const opened = tasks.find((task) => taskKey(task) === open.value);
  const types = [...new Set([...tasks.map((task) => task.type), ...(type ? [type] : [])])].sort();
  const only = (changed: Record<string, string>) => {
    const next = Object.fromEntries(Object.entries({ q: text, type, ...changed }).filter(([, value]) => value));
    go(to(["tasks"], next), { replace: true });
  };
  return (
    <>
      <Head title="Active tasks" />
      {live.failed.value && <Failed text={live.failed.value} again={() => { void live.again(); }} />}
      {!live.value.value && !live.failed.value && <Loading />}
      {live.value.value && (
        <div class="stack">
          {(tasks.length > 0 || text || type) && (
            <div class="row">
              <Search label="Filter tasks" value={text} onInput={(q) => only({ q })} />
              <label class="inline">
                <span>Type</span>
                <select value={type} onChange={(event) => only({ type: event.currentTarget.value })}>
                  <option value="">all ({count(tasks.length)})</option>
                  {types.map((one) => <option key={one} value={one}>{typeWord(one)} ({count(tasks.filter((task) => task.type === one).length)})</option>)}
                </select>
              </label>
            </div>
          )}
          <Table label="Active tasks" rows={shown} columns={columns((task) => { open.value = taskKey(task); })} id={taskKey} sorted="task" empty={<Nothing filtered={tasks.length > 0} />} />
        </div>
      )}
      {open.value !== null && <Details task={opened} onClose={() => { open.value = null; }} />}
    </>
  );
}

function Nothing({ filtered }: { filtered: boolean }): JSX.Element {
  if (filtered) return <Empty title="No task is like that." />;
  return (
    <Empty title="The server has nothing to do in the background.">
      <p>Running replications, indexes that are built and databases that are compacted are shown here while they are at work.</p>
    </Empty>
  );
}

function columns(open: (task: Task) => void): Column<Task>[] {
  const at = (time: number | undefined) => (time ? <span class="tasks-short" title={clock(time * 1000)}>{seconds(Math.max(0, Date.now() / 1000 - time))} ago</span> : "–");
  return [
    {
      name: "task", title: "Task", sort: (task) => `${task.type} ${subject(task)}`,
      cell: (task) => <div class="tasks-name"><Badge>{typeWord(task.type)}</Badge> <button class="plain tasks-what" title="Details" onClick={() => open(task)}>{subject(task)}</button></div>,
    },
    { name: "progress", title: "Progress", sort: (task) => progress(task) ?? -1, cell: (task) => <How task={task} /> },
    { name: "started", title: "Started", sort: (task) => task.started_on ?? 0, cell: (task) => at(task.started_on) },
    { name: "updated", title: "Updated", sort: (task) => task.updated_on ?? 0, cell: (task) => at(task.updated_on) },
  ];
}

function How({ task }: { task: Task }): JSX.Element {
  const value = progress(task);
  if (value === null) return <span class="nums tasks-short">{standing(task)}</span>;
  return (
    <div class="tasks-progress">
      <Progress value={value} label={`Progress of ${subject(task)}`} />
      <span class="nums small">{Math.round(value * 100)} %</span>
    </div>
  );
}

function Details({ task, onClose }: { task: Task | undefined; onClose: () => void }): JSX.Element {
  return (
    <Dialog title={task ? typeWord(task.type) : "Done"} onClose={onClose}>
      <div class="body">
        {!task && <p>The task is over.</p>}
        {task && <How task={task} />}
        {task && (
          <dl class="tasks-details">
            {details(task, clock).map(([name, value]) => <div key={name}><dt>{name}</dt><dd class="nums">{value}</dd></div>)}
          </dl>
        )}
        {task?.type === "replication" && typeof task.doc_id === "string" && typeof task.database === "string" && (
          <p><a href={to(["replication", task.database, task.doc_id])}>The replication's page</a></p>
        )}
      </div>
    </Dialog>
  );
}
