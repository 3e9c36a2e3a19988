// Values that follow a server: asked again and again while the page is seen, or read from a feed.

import { useSignal, type ReadonlySignal } from "@preact/signals";
import { useCallback, useEffect, useRef } from "preact/hooks";
import { lines } from "../api/http";
import { pause, whileSeen } from "./seen";
import { words } from "./toast";

const RETRY_MS = 1000;

export interface Live<T> {
  /** The last value that came; undefined: none yet. */
  value: ReadonlySignal<T | undefined>;
  /** What was wrong with the last try, "" when nothing was. */
  failed: ReadonlySignal<string>;
  /** Asks at once. */
  again: () => Promise<void>;
}

/** Asks every `everyMs` (0: once), and whenever one of `depends` changes. A hidden page does not ask again; as soon as
 * it is seen, it asks when that is due. */
export function useLive<T>(read: (signal: AbortSignal) => Promise<T>, everyMs: number, depends: readonly unknown[]): Live<T> {
  const value = useSignal<T | undefined>(undefined);
  const failed = useSignal("");
  const now = useRef<AbortController | null>(null);
  const again = useCallback(async () => {
    now.current?.abort();
    const stop = new AbortController();
    now.current = stop;
    try {
      const found = await read(stop.signal);
      if (stop.signal.aborted) return;
      value.value = found;
      failed.value = "";
    } catch (error) {
      if (!stop.signal.aborted) failed.value = words(error);
    }
  }, depends);
  useEffect(() => {
    value.value = undefined;
    const asked = () => again().then(() => Date.now());
    let answered = asked();
    const turns = async (hidden: AbortSignal) => {
      for (;;) {
        await pause((await answered) + everyMs - Date.now(), hidden);
        if (hidden.aborted) return;
        answered = asked();
      }
    };
    const end = everyMs ? whileSeen((hidden) => void turns(hidden)) : () => {};
    return () => {
      end();
      now.current?.abort();
    };
  }, [again, everyMs]);
  return { value, failed, again };
}

/** Calls `take` with each value of a feed of JSON lines; begins anew when it breaks, or when nothing came for
 * `silentMs` (0: that is no sign of anything). It is closed while the page is hidden. The signal says what is wrong,
 * "" while it is open. */
export function useFeed<T>(path: string, take: (one: T) => void, silentMs = 0): ReadonlySignal<string> {
  const failed = useSignal("");
  useEffect(() => {
    const follow = async (over: AbortSignal) => {
      while (!over.aborted) {
        const silence = new AbortController();
        const wait = () => (silentMs ? window.setTimeout(() => silence.abort(), silentMs) : 0);
        let timer = wait();
        let came = false;
        try {
          for await (const one of lines<T>(path, { signal: AbortSignal.any([over, silence.signal]) })) {
            clearTimeout(timer);
            timer = wait();
            failed.value = "";
            came = true;
            take(one);
          }
          // A server ends a feed when the session that it began with is over; there may be a new one.
          if (!came) failed.value = "the feed has ended";
        } catch (error) {
          if (over.aborted) return;
          failed.value = silence.signal.aborted ? `nothing came for ${silentMs / 1000} s` : words(error);
        } finally {
          clearTimeout(timer);
        }
        await pause(RETRY_MS, over);
      }
    };
    return whileSeen((hidden) => void follow(hidden));
  }, [path]);
  return failed;
}

/** The last value that there was, while the next one is on its way: a table does not blink, and the button
 * that was pressed keeps the focus. */
export function useLast<T>(value: T | undefined): T | undefined {
  const last = useRef(value);
  if (value !== undefined) last.current = value;
  return last.current;
}
