// Pages of a list that is read by keys: a page is known by where it begins, so the way back is a stack.

/** `starts`: where the pages so far begin, this page's the last; null is the beginning of all. */
export interface Pages<C> {
  starts: readonly (C | null)[];
}

export const firstPage = <C>(): Pages<C> => ({ starts: [null] });

/** Where this page begins. */
export const start = <C>(pages: Pages<C>): C | null => pages.starts.at(-1) ?? null;

/** How many pages are before this one. */
export const before = <C>(pages: Pages<C>): number => pages.starts.length - 1;

export const onwards = <C>(pages: Pages<C>, next: C): Pages<C> => ({ starts: [...pages.starts, next] });

export const backwards = <C>(pages: Pages<C>): Pages<C> => (pages.starts.length > 1 ? { starts: pages.starts.slice(0, -1) } : pages);

/** Of `limit + 1` rows that were asked for: those of the page, and the one that the next page begins with. */
export function cut<R>(rows: readonly R[], limit: number): { rows: readonly R[]; next: R | null } {
  return { rows: rows.slice(0, limit), next: rows[limit] ?? null };
}

/** The least text above all that begin with `prefix`, as UTF-8 is ordered; undefined: there is none. */
export function above(prefix: string): string | undefined {
  const points = Array.from(prefix, (one) => one.codePointAt(0) ?? 0);
  while (points.length) {
    const last = points.pop() ?? 0;
    if (last >= 0x10ffff) continue;
    const next = last + 1 >= 0xd800 && last + 1 <= 0xdfff ? 0xe000 : last + 1;
    return String.fromCodePoint(...points, next);
  }
  return undefined;
}
