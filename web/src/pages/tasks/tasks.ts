// What active tasks are about, in words.

import { type Task } from "../../api/replication";
import { bare } from "../../api/secrets";

/** Types that CouchDB and couchgrass have, in words. */
const TYPES: Record<string, string> = {
  replication: "Replication",
  indexer: "View index",
  database_compaction: "Database compaction",
  view_compaction: "View compaction",
  search_indexer: "Search index",
};

export function typeWord(type: string): string {
  return TYPES[type] ?? type.replaceAll("_", " ");
}

/** What the task works on. */
export function subject(task: Task): string {
  const text = (name: string) => (typeof task[name] === "string" ? (task[name] as string) : "");
  if (task.type === "replication") return `${bare(text("source"))} → ${bare(text("target"))}`;
  const database = text("database").replace(/^shards\/[^/]+\//, "").replace(/\.\d+$/, "");
  const part = text("design_document") || text("index");
  return part ? `${database} ${part}` : database;
}

/** How far it is, from 0 to 1; null when it does not say, or has no end. */
export function progress(task: Task): number | null {
  if (typeof task.progress === "number") return Math.min(Math.max(task.progress / 100, 0), 1);
  const { changes_done: done, total_changes: total } = task;
  return typeof done === "number" && typeof total === "number" && total > 0 ? Math.min(done / total, 1) : null;
}

/** What is told of how far it is, where no bar says so. */
export function standing(task: Task): string {
  const pending = task.changes_pending;
  if (typeof pending === "number") return pending === 0 ? "up to date" : `${pending.toLocaleString("en")} changes pending`;
  return typeof task.process_status === "string" ? task.process_status : "–";
}

/** Names it among all tasks, from one look to the next. */
export function taskKey(task: Task): string {
  const parts = [task.type, task.node, task.pid, task.replication_id, task.database, task.design_document];
  return parts.map((part) => (typeof part === "string" ? part : "")).join(" ");
}

/** Whether all the words are somewhere in the task. */
export function matches(task: Task, words: string): boolean {
  const text = `${typeWord(task.type)} ${JSON.stringify(task)} ${subject(task)}`.toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** All members with a value, in words; times are times, and no URL has credentials. */
export function details(task: Task, clock: (ms: number) => string): [string, string][] {
  return Object.entries(task).filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => {
    if (name.endsWith("ed_on") && typeof value === "number") return [name, clock(value * 1000)];
    return [name, typeof value === "string" ? bare(value) : typeof value === "number" ? value.toLocaleString("en") : JSON.stringify(value)];
  });
}
