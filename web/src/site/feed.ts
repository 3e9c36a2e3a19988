// What pages know of all regions, as it changes: the feed of the dashboard's server, and the last hour.

import { useComputed, useSignal, type ReadonlySignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { history, OVERVIEW_FEED, type History, type Overview } from "../api/dashboard";
import { useFeed, useLive } from "../ui/live";
import { whileSeen } from "../ui/seen";
import { liveHistory } from "./past";
import { spanned } from "./span";

/** The feed has two values a second. Without one for so long its connection is given up. */
const SILENT_MS = 5000;
/** Without a value for so long the page says so: sooner when the connection is known to be gone. */
const GONE_MS = 900;
const LATE_MS = 3000;
const LOOK_MS = 250;
const HISTORY_MS = 10_000;
const CHARTS_MS = 1000;
/** Two a second, for as long as the last hour may fail to come. */
const SEEN_MAX = 240;

export interface Site {
  /** undefined: nothing came yet. */
  now: ReadonlySignal<Overview | undefined>;
  /** The last hour, up to now, or that part of it of which something is known: so long is `span`. */
  past: ReadonlySignal<History>;
  span: ReadonlySignal<string>;
  /** Since when the dashboard's server says nothing, in milliseconds since the epoch; null: it does. */
  silent: ReadonlySignal<number | null>;
  /** What is wrong, while nothing came yet. */
  failed: ReadonlySignal<string>;
}

/** Whether something is otherwise than before that is told of as an event. */
function changed(before: Overview | undefined, now: Overview): boolean {
  return statesOf(before) !== statesOf(now);
}

function statesOf(one: Overview | undefined): string {
  const balancer = Object.entries(one?.balancer?.regions ?? {}).map(([name, { state }]) => [name, state]);
  return JSON.stringify([one?.regions.map(({ name, state }) => [name, state]), one?.balancer?.answers, balancer]);
}

/** Follows the server as long as the page is shown. `hear` gets each value. */
export function useSite(hear?: (one: Overview) => void): Site {
  const now = useSignal<Overview | undefined>(undefined);
  const seen = useSignal<readonly Overview[]>([]);
  const heard = useSignal(Date.now());
  const silent = useSignal<number | null>(null);
  const failed = useFeed<Overview>(OVERVIEW_FEED, (one) => {
    heard.value = Date.now();
    silent.value = null;
    // What happened is told with the last hour, and should be there as soon as its consequence is.
    if (now.peek() && changed(now.peek(), one)) void hour.again();
    now.value = one;
    const end = hour.value.peek()?.end ?? 0;
    const before = seen.peek().filter((other) => other.at > end && other.at < one.at);
    const last = before.at(-1);
    // Charts need no more than one value a second.
    if (!last || (one.at - last.at) * 1000 >= CHARTS_MS * 0.9) seen.value = [...before, one].slice(-SEEN_MAX);
    hear?.(one);
  }, SILENT_MS);
  const hour = useLive(history, HISTORY_MS, []);
  const drawn = useComputed(() => spanned(liveHistory(hour.value.value, seen.value)));
  const past = useComputed(() => drawn.value.past);
  const span = useComputed(() => drawn.value.span);
  useEffect(() => whileSeen((hidden) => {
    heard.value = Date.now();
    const timer = setInterval(() => {
      const gap = Date.now() - heard.peek();
      if (gap > (failed.peek() ? GONE_MS : LATE_MS)) silent.value = heard.peek();
    }, LOOK_MS);
    hidden.addEventListener("abort", () => clearInterval(timer));
  }), []);
  return { now, past, span, silent, failed };
}
