// What is different between two revisions, field by field. Objects are compared member by member. Lists are
// lined up first, so that one more element at the beginning is one difference, and not as many as there are.

import { type Json, same } from "./json";
import type { Path } from "./path";

export type Kind = "added" | "removed" | "changed";

/** `path`: of what was removed where it was before, else where it is now. undefined: it is not there. */
export interface Change {
  path: Path;
  kind: Kind;
  before: Json | undefined;
  after: Json | undefined;
}

/** Lists whose lengths multiply to more are compared place by place. */
const CELLS_MAX = 250_000;

export function diff(before: Json | undefined, after: Json | undefined, path: Path = []): Change[] {
  if (same(before, after)) return [];
  if (before instanceof Map && after instanceof Map) {
    const names = [...before.keys(), ...[...after.keys()].filter((name) => !before.has(name))];
    return names.flatMap((name) => diff(before.get(name), after.get(name), [...path, name]));
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    return aligned(before, after).flatMap(([old, now]) => diff(
      old === null ? undefined : before[old],
      now === null ? undefined : after[now],
      [...path, now ?? old ?? 0],
    ));
  }
  return [{ path, kind: kindOf(before, after), before, after }];
}

/** What became of a value; of two that are the same: "changed". */
export function kindOf(before: Json | undefined, after: Json | undefined): Kind {
  return before === undefined ? "added" : after === undefined ? "removed" : "changed";
}

type Pair = readonly [number | null, number | null];

/** Places of both lists that belong together; null: it has none. */
function aligned(before: readonly Json[], after: readonly Json[]): Pair[] {
  const pairs: Pair[] = [];
  let [old, now] = [0, 0];
  for (const [nextOld, nextNow] of [...common(before, after), [before.length, after.length] as const]) {
    // Between two that stayed: what is at the same distance from the last one was changed.
    while (old < nextOld || now < nextNow) {
      pairs.push([old < nextOld ? old : null, now < nextNow ? now : null]);
      if (old < nextOld) old += 1;
      if (now < nextNow) now += 1;
    }
    [old, now] = [nextOld + 1, nextNow + 1];
  }
  return pairs;
}

/** The longest sequence of elements that both have, in order. */
function common(before: readonly Json[], after: readonly Json[]): (readonly [number, number])[] {
  const wide = after.length + 1;
  if (before.length * after.length > CELLS_MAX) {
    return before.flatMap((value, at) => (at < after.length && same(value, after[at]) ? [[at, at] as const] : []));
  }
  const longest = new Uint32Array((before.length + 1) * wide);
  const cell = (old: number, now: number) => longest[old * wide + now] ?? 0;
  for (let old = before.length - 1; old >= 0; old -= 1) {
    for (let now = after.length - 1; now >= 0; now -= 1) {
      longest[old * wide + now] = same(before[old], after[now])
        ? cell(old + 1, now + 1) + 1
        : Math.max(cell(old + 1, now), cell(old, now + 1));
    }
  }
  const found: (readonly [number, number])[] = [];
  let [old, now] = [0, 0];
  while (old < before.length && now < after.length) {
    if (same(before[old], after[now])) found.push([old++, now++]);
    else if (cell(old + 1, now) >= cell(old, now + 1)) old += 1;
    else now += 1;
  }
  return found;
}
