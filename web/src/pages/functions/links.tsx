// Addresses within the pages of functions, and links to what has a page.

import { type JSX } from "preact";
import type { Access } from "../../api/functions";
import { shortName, type Place } from "../../api/whisk";
import { to } from "../../router";

/** The page of an action; `tab` "invoke" or "settings". Of another namespace too, when it is shared. */
export function actionHref(access: Access, place: Place, tab = ""): string {
  const query: Record<string, string> = {};
  if (place.namespace !== access.namespace) query.of = place.namespace;
  if (tab) query.tab = tab;
  return to(["functions", access.namespace, "actions", place.package || "default", place.name], query);
}

export const activationHref = (access: Access, id: string) => to(["functions", access.namespace, "activations", id]);

/** An action, by its package's and its own name. */
export function ActionLink({ access, place }: { access: Access; place: Place }): JSX.Element {
  const foreign = place.namespace !== access.namespace;
  return <a href={actionHref(access, place)}>{foreign ? `/${place.namespace}/` : ""}{shortName(place)}</a>;
}

/** An activation, by its id; `short` by the beginning of it. */
export function ActivationLink({ access, id, short = false }: { access: Access; id: string; short?: boolean }): JSX.Element {
  return <a class="mono" href={activationHref(access, id)} title={id}>{short ? id.slice(0, 8) : id}</a>;
}
