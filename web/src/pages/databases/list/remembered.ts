// Names of databases that somebody opened, kept by the browser.

const REMEMBERED_MAX = 50;
const place = (who: string) => `couchgrass-databases-${who}`;

/** The last ones first. */
export function remembered(who: string): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(place(who)) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

/** Puts it first; what is left. */
export const remember = (who: string, name: string) => keep(who, [name, ...remembered(who).filter((one) => one !== name)].slice(0, REMEMBERED_MAX));

export const forget = (who: string, name: string) => keep(who, remembered(who).filter((one) => one !== name));

function keep(who: string, names: string[]): string[] {
  try {
    localStorage.setItem(place(who), JSON.stringify(names));
  } catch {
    // A browser that keeps nothing: they are there until the page is closed.
  }
  return names;
}
