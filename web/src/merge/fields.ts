// Where the conflicting revisions of a document differ, and what is to be taken: three-way, where the revision
// that they all come from is still known.

import { type Kind, kindOf } from "./diff";
import { copy, type Json, type JsonMap, same } from "./json";
import { type Path, pathKey } from "./path";

/** A value that one or several of the revisions have there; undefined: they have none. `versions`: their
 * places. `change`: against the common ancestor, or else against the winner; null: it is the same. */
export interface Choice {
  value: Json | undefined;
  versions: number[];
  change: Kind | null;
}

/** A place where they differ. `state`: "one": changed on one side only, or everywhere in the same way. "both":
 * changed in several ways. "unknown": there is no common ancestor to tell.
 * `proposed`: the choice to take; what is not "one" is somebody's to decide. */
export interface Field {
  path: Path;
  base: Json | undefined;
  choices: Choice[];
  state: "one" | "both" | "unknown";
  proposed: number;
}

/** All places where the versions differ; the first one is the winner. `base` null: it is not known. */
export function fieldsOf(base: JsonMap | null, versions: readonly JsonMap[]): Field[] {
  const found: Field[] = [];
  walk([], base ?? undefined, versions, base !== null, found);
  return found;
}

function walk(path: Path, base: Json | undefined, values: readonly (Json | undefined)[], known: boolean, found: Field[]): void {
  if (values.every((value) => same(value, values[0]))) return;
  if (values.every((value) => value instanceof Map)) {
    const old = base instanceof Map ? base : null;
    for (const name of new Set(values.flatMap((value) => [...value.keys()]))) {
      walk([...path, name], old?.get(name), values.map((value) => value.get(name)), known, found);
    }
    return;
  }
  const length = lengthOf(values, known ? base : values[0]);
  if (length !== null) {
    for (let at = 0; at < length; at += 1) {
      walk([...path, at], Array.isArray(base) ? base[at] : undefined, values.map((value) => (value as Json[])[at]), known, found);
    }
    return;
  }
  found.push(field(path, base, values, known));
}

/** Lists of one length are compared place by place. Where one became longer or shorter nobody can say which
 * elements belong together, so it is taken as a whole. */
function lengthOf(values: readonly (Json | undefined)[], base: Json | undefined): number | null {
  if (!Array.isArray(base)) return null;
  return values.every((value) => Array.isArray(value) && value.length === base.length) ? base.length : null;
}

function field(path: Path, base: Json | undefined, values: readonly (Json | undefined)[], known: boolean): Field {
  const choices: Choice[] = [];
  const before = known ? base : values[0];
  values.forEach((value, version) => {
    const had = choices.find((one) => same(one.value, value));
    if (had) had.versions.push(version);
    else choices.push({ value, versions: [version], change: same(before, value) ? null : kindOf(before, value) });
  });
  const changed = choices.filter((one) => one.change !== null);
  const one = known && changed.length === 1;
  const proposed = one ? choices.indexOf(changed[0] as Choice) : 0;
  return { path, base, choices, state: !known ? "unknown" : one ? "one" : "both", proposed };
}

/** What was picked: the number of a choice by the field's path. */
export type Picks = ReadonlyMap<string, number>;

export const pickOf = (field: Field, picks: Picks) => picks.get(pathKey(field.path)) ?? field.proposed;

/** Fields that somebody has to decide, and has not. */
export const undecided = (fields: readonly Field[], picks: Picks) =>
  fields.filter((one) => one.state !== "one" && !picks.has(pathKey(one.path)));

/** The winner with what was picked, and what is proposed where nothing was. */
export function merged(winner: JsonMap, fields: readonly Field[], picks: Picks): JsonMap {
  const result = copy(winner) as JsonMap;
  for (const one of fields) put(result, one.path, one.choices[pickOf(one, picks)]?.value);
  return result;
}

function put(root: JsonMap, path: Path, value: Json | undefined): void {
  let at: Json | undefined = root;
  for (const part of path.slice(0, -1)) at = at instanceof Map ? at.get(part as string) : (at as Json[])[part as number];
  const last = path.at(-1);
  if (Array.isArray(at)) at[last as number] = copy(value as Json);
  else if (at instanceof Map) {
    if (value === undefined) at.delete(last as string);
    else at.set(last as string, copy(value));
  }
}
