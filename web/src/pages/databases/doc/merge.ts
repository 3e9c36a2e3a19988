// Two edits of one document, field by field: what only one side changed is clear, the rest is for a person.

import { members, object, pretty } from "../../../api/jsontext";

/** A field that is not the same on both sides; texts of values, undefined: not there. "mine" and "theirs": only
 * that side changed it. "both": both did, differently. */
export interface FieldDiff {
  name: string;
  base: string | undefined;
  mine: string | undefined;
  theirs: string | undefined;
  by: "mine" | "theirs" | "both";
}

export type Side = "mine" | "theirs";

const NOT_COMPARED = ["_id", "_rev"];

/** `base` is what both began with. Raises JsonError. */
export function fieldDiffs(base: string, mine: string, theirs: string): FieldDiff[] {
  const [b, m, t] = [fields(base), fields(mine), fields(theirs)];
  const found: FieldDiff[] = [];
  for (const name of new Set([...m.keys(), ...t.keys(), ...b.keys()])) {
    const [ours, others, before] = [m.get(name), t.get(name), b.get(name)];
    if (NOT_COMPARED.includes(name) || same(ours, others)) continue;
    const by = same(ours, before) ? "theirs" : same(others, before) ? "mine" : "both";
    found.push({ name, base: before, mine: ours, theirs: others, by });
  }
  return found;
}

/** The sides that are clear; what both changed has none. */
export function clear(diffs: readonly FieldDiff[]): Map<string, Side> {
  return new Map(diffs.flatMap((one) => (one.by === "both" ? [] : [[one.name, one.by] as const])));
}

/** One document of both, which follows `theirs`; `rev` "" when that is no more. Raises JsonError. */
export function merged(mine: string, theirs: string, rev: string, sides: ReadonlyMap<string, Side>): string {
  const [m, t] = [members(mine), members(theirs)];
  const result = new Map<string, string>();
  for (const name of new Set([...m.keys(), ...t.keys()])) {
    const value = (sides.get(name) === "theirs" ? t : sides.get(name) === "mine" ? m : m.has(name) ? m : t).get(name);
    if (name === "_rev") {
      if (rev) result.set(name, JSON.stringify(rev));
    } else if (value !== undefined) result.set(name, value);
  }
  if (rev && !result.has("_rev")) result.set("_rev", JSON.stringify(rev));
  return pretty(object(result));
}

const fields = (text: string) => (text ? members(text) : new Map<string, string>());

function same(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one === other || pretty(one, true) === pretty(other, true);
}
