// Addresses of pages are behind the `#`, so that any server's path will do: #/databases/todos?view=table

import { computed, signal } from "@preact/signals";

export interface Route {
  /** Decoded segments: ["databases", "todos"]. */
  parts: string[];
  query: URLSearchParams;
}

function read(): string {
  return location.hash.replace(/^#\/?/, "");
}

const hash = signal(read());
addEventListener("hashchange", () => {
  hash.value = read();
});

/** Where we are. */
export const route = computed<Route>(() => parsed(hash.value));

export function parsed(text: string): Route {
  const [path = "", query = ""] = text.split("?", 2);
  const parts = path.split("/").filter(Boolean).map(decoded);
  return { parts, query: new URLSearchParams(query) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a page, for `href`. */
export function to(parts: readonly string[], query: Record<string, string> = {}): string {
  const text = new URLSearchParams(query).toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** Goes there; `replace` leaves no step in the history. */
export function go(href: string, { replace = false } = {}): void {
  if (replace) {
    history.replaceState(null, "", href);
    hash.value = read();
  } else {
    location.hash = href;
  }
}
