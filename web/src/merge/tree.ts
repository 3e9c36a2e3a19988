// A document's revisions as a tree, made of its leaves' histories.

/** `path`: it and the revisions before it, the newest first, as far as they are known. */
export interface Branch {
  rev: string;
  deleted: boolean;
  path: readonly string[];
}

/** The generation of a revision: 3 of "3-abc". */
export const generation = (rev: string) => Number.parseInt(rev, 10) || 0;

const idOf = (rev: string) => rev.slice(rev.indexOf("-") + 1);

/** Revisions of a history as CouchDB's `_revisions` has them. */
export const pathOf = (start: number, ids: readonly string[]) => ids.map((id, at) => `${start - at}-${id}`);

/** The order by which every CouchDB picks its winner: what is not deleted, the longer history, the larger
 * id. The first is the winner. */
export function winnerFirst<B extends Branch>(leaves: readonly B[]): B[] {
  return [...leaves].sort((one, other) => {
    if (one.deleted !== other.deleted) return one.deleted ? 1 : -1;
    const longer = generation(other.rev) - generation(one.rev);
    if (longer) return longer;
    return idOf(one.rev) < idOf(other.rev) ? 1 : -1;
  });
}

/** The newest revision that is in the histories of all; null: none is known. */
export function commonAncestor(paths: readonly (readonly string[])[]): string | null {
  const [first = [], ...others] = paths;
  const known = others.map((path) => new Set(path));
  return first.find((rev) => known.every((path) => path.has(rev))) ?? null;
}

/** A short form of a revision that people can tell from others. */
export const shortRev = (rev: string) => (rev.length > 12 ? `${generation(rev)}-${idOf(rev).slice(0, 8)}` : rev);
