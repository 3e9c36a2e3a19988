// What is in a design document.

import type { Doc, Json } from "../../../api/couch";

/** `reduce`: "" none, a built-in one's name, or "function". */
export interface ViewAbout {
  name: string;
  reduce: string;
}

const isObject = (value: Json | undefined): value is { [name: string]: Json } => typeof value === "object" && value !== null && !Array.isArray(value);

/** Its views, without `lib`, which is code for the others. */
export function viewsOf(doc: Doc): ViewAbout[] {
  const views = isObject(doc.views) ? doc.views : {};
  return Object.entries(views).flatMap(([name, view]) => {
    if (!isObject(view) || name === "lib" || view.map === undefined) return [];
    const reduce = typeof view.reduce === "string" ? view.reduce : "";
    return [{ name, reduce: reduce && !reduce.startsWith("_") ? "function" : reduce }];
  });
}

const GROUPS: readonly (readonly [string, string])[] = [["filters", "Filters"], ["updates", "Updates"], ["shows", "Shows"], ["lists", "Lists"], ["indexes", "Search indexes"]];

/** The other kinds of functions that it has, with their names. */
export function partsOf(doc: Doc): [string, string[]][] {
  const found: [string, string[]][] = doc.validate_doc_update === undefined ? [] : [["Decides what may be written (validate_doc_update)", []]];
  for (const [member, title] of GROUPS) {
    const group = doc[member];
    if (isObject(group) && Object.keys(group).length) found.push([title, Object.keys(group)]);
  }
  return found;
}
