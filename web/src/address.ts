// Addresses of pages, as text: `databases/todos?view=table`, behind the `#`.

export interface Route {
  /** Decoded segments: ["databases", "todos"]. */
  parts: string[];
  query: URLSearchParams;
}

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
