// CouchDB's own lists: admins and members, each by name and by role.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import type { Security } from "../../../api/couch";
import { Icon } from "../../../ui/icon";
import { type ListName, listOf, type Party } from "./table";

interface How {
  security: Security;
  readOnly: boolean;
  set: (party: Party, list: ListName, name: string, has: boolean) => void;
}

const PARTIES: readonly (readonly [Party, string, string])[] = [
  ["admins", "Admins", "May do everything with this database but delete it."],
  ["members", "Members", "May read and write documents. With nobody named, everybody is a member."],
];

export function Lists(how: How): JSX.Element {
  return (
    <div class="permissions-parties">
      {PARTIES.map(([party, title, means]) => (
        <section key={party} class="card permissions-party" aria-label={title}>
          <h3>{title}</h3>
          <p class="hint">{means}</p>
          <Listed {...how} party={party} list="names" one={title === "Admins" ? "admin" : "member"} />
          <Listed {...how} party={party} list="roles" one={title === "Admins" ? "admin role" : "member role"} />
        </section>
      ))}
    </div>
  );
}

function Listed({ security, readOnly, set, party, list, one }: How & { party: Party; list: ListName; one: string }): JSX.Element {
  const typed = useSignal("");
  const names = listOf(security, party, list);
  const add = (event: SubmitEvent) => {
    event.preventDefault();
    const name = typed.value.trim();
    if (name) set(party, list, name, true);
    typed.value = "";
  };
  return (
    <div>
      <h4>{list === "names" ? "Users" : "Roles"}</h4>
      {names.length > 0 ? (
        <ul class="permissions-chips">
          {names.map((name) => (
            <li key={name} class="badge">
              {name}
              {!readOnly && <button type="button" class="plain" onClick={() => set(party, list, name, false)}><Icon name="close" label={`Remove ${one} ${name}`} /></button>}
            </li>
          ))}
        </ul>
      ) : <p class="soft small">None</p>}
      {!readOnly && (
        <form class="row" onSubmit={add}>
          <input aria-label={`Add ${one}`} placeholder={`Add ${one}`} autocomplete="off" autocapitalize="off" spellcheck={false} value={typed.value} onInput={(event) => { typed.value = event.currentTarget.value; }} />
          <button type="submit" disabled={!typed.value.trim()}>Add</button>
        </form>
      )}
    </div>
  );
}
