// What is read off an activation's record.

import { annotation, placeFrom, shortName, type Activation, type ActivationRow, type Place } from "../../api/whisk";
import type { Tone } from "../../ui/parts";

/** One line of a log. `at` and `stream` are "" when the line has none. */
export interface LogLine {
  at: string;
  stream: string;
  text: string;
}

const LINE = /^(\d{4}-\d\d-\d\dT[\d:.]+Z)\s+(stdout|stderr):\s?(.*)$/s;

/** A line as OpenWhisk writes it: time, stream, text. */
export function logLine(text: string): LogLine {
  const found = LINE.exec(text);
  return found ? { at: found[1]!, stream: found[2]!, text: found[3]! } : { at: "", stream: "", text };
}

/** The time of day of a log line, with milliseconds: 12:00:01.123 */
export function timeOfDay(at: string): string {
  return /T(\d\d:\d\d:\d\d(?:\.\d{1,3})?)/.exec(at)?.[1] ?? "";
}

/** Milliseconds. `run` is without `init`, which is null when the process was warm. */
export interface Timings {
  wait: number;
  init: number | null;
  run: number;
}

/** null while it runs. */
export function timings(record: ActivationRow): Timings | null {
  if (record.duration === undefined) return null;
  const init = annotation(record, "initTime");
  const wait = annotation(record, "waitTime");
  const first = typeof init === "number" ? init : null;
  return { wait: typeof wait === "number" ? wait : 0, init: first, run: Math.max(0, record.duration - (first ?? 0)) };
}

const STATUSES: readonly (readonly [string, Tone])[] = [
  ["success", "good"],
  ["application error", "warn"],
  ["action developer error", "bad"],
  ["whisk internal error", "bad"],
];

/** How it ended, in OpenWhisk's words. */
export function statusOf(record: ActivationRow | Activation): readonly [string, Tone] {
  if ("response" in record) {
    const text = record.response.status;
    return STATUSES.find(([words]) => words === text) ?? [text, text === "running" ? "plain" : "bad"];
  }
  if (record.end === undefined) return ["running", "plain"];
  return STATUSES[record.statusCode ?? 0] ?? ["unknown", "bad"];
}

/** What ran: an action with its package, a sequence, or a trigger. */
export function whatRan(record: ActivationRow): { words: string; place: Place | null; kind: string } {
  const path = annotation(record, "path");
  const kind = annotation(record, "kind");
  const place = typeof path === "string" ? placeFrom(path) : null;
  return { words: place ? shortName(place) : record.name, place, kind: typeof kind === "string" ? kind : "" };
}

const ID = /^[0-9a-f]{32}$/;

/** The activations that this one brought about: a sequence's or a conductor's logs are their ids, a trigger's
 * name them for each rule. */
export function children(record: Activation): string[] {
  const found: string[] = [];
  for (const line of record.logs) {
    if (ID.test(line)) found.push(line);
    else if (line.startsWith("{")) {
      const id = ruleRow(line)?.activationId;
      if (typeof id === "string" && ID.test(id)) found.push(id);
    }
  }
  return found;
}

function ruleRow(line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
}
