// Which databases of this server are copied to or from elsewhere, as its scheduler says.

/** What is needed of a row of `_scheduler/jobs`. */
export interface Job {
  source: string;
  target: string;
}

export interface Links {
  in: number;
  out: number;
}

/** By name of a database here. `host` is this server's, as the page knows it: a URL there is here too. */
export function linksOf(jobs: readonly Job[], host: string): Map<string, Links> {
  const found = new Map<string, Links>();
  const add = (place: string, way: keyof Links) => {
    const name = localName(place, host);
    if (name === null) return;
    const links = found.get(name) ?? { in: 0, out: 0 };
    links[way] += 1;
    found.set(name, links);
  };
  for (const job of jobs) {
    add(job.source, "out");
    add(job.target, "in");
  }
  return found;
}

/** The database's name when it is one of this server; null: elsewhere. */
function localName(place: string, host: string): string | null {
  if (!place.includes("://")) return place || null;
  try {
    const url = new URL(place);
    return url.host === host ? decodeURIComponent(url.pathname.replace(/^\/|\/$/g, "")) : null;
  } catch {
    return null;
  }
}
