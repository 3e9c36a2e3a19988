// Addresses of pages are behind the `#`, so that any server's path will do: #/databases/todos?view=table

import { computed, signal } from "@preact/signals";
import { parsed, type Route } from "./address";

export { parsed, to, type Route } from "./address";

function read(): string {
  return location.hash.replace(/^#\/?/, "");
}

const hash = signal(read());
let guard: ((next: Route) => boolean) | null = null;

addEventListener("hashchange", () => {
  const next = read();
  if (next === hash.value) return;
  if (guard && !guard(parsed(next))) history.replaceState(null, "", `#/${hash.value}`);
  else hash.value = next;
});

/** Where we are. */
export const route = computed<Route>(() => parsed(hash.value));

/** Goes there; `replace` leaves no step in the history. */
export function go(href: string, { replace = false } = {}): void {
  if (replace) {
    history.replaceState(null, "", href);
    hash.value = read();
  } else {
    location.hash = href;
  }
}

/** Asks `may` before another page is shown; false: we stay. The answer ends it. */
export function guarded(may: (next: Route) => boolean): () => void {
  guard = may;
  return () => {
    if (guard === may) guard = null;
  };
}
