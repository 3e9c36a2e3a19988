// The tab of a database: who may do what with it.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useRef } from "preact/hooks";
import type { Security } from "../../../api/couch";
import { isAdmin, user } from "../../../api/session";
import { FormDialog } from "../../../ui/dialog";
import { useLive } from "../../../ui/live";
import { Badge, Button, Failed, Loading } from "../../../ui/parts";
import { tell } from "../../../ui/toast";
import { changePermissions, createUser, deleteUser, generateKey, type Permissions, random, readPermissions } from "./api";
import { newDocumentHref } from "../place";
import { Lists } from "./lists";
import "./permissions.css";
import { Rights } from "./rights";
import { SecretDialog } from "./secret";
import { cloudantCounts, mayEdit, NOBODY, publicRights, type Right, RIGHTS, type Row, rowsOf, withListed, withoutName, withRight, withRights } from "./table";

type Asked = { kind: "key" } | { kind: "user" } | { kind: "name" } | { kind: "remove"; row: Row };

export function PermissionsView({ db }: { db: string }): JSX.Element {
  const live = useLive<Permissions>((signal) => readPermissions(db, signal), 0, [db]);
  const asked = useSignal<Asked | null>(null);
  /** What it will be when the server has all that was asked for. */
  const coming = useSignal<Security | null>(null);
  /** Changes are made one after the other, each to what is stored then; nobody is kept from asking for the next. */
  const last = useRef<Promise<unknown>>(Promise.resolve());
  const waiting = useRef(0);
  const now = live.value.value;
  if (!now) return live.failed.value ? <Failed text={live.failed.value} again={() => void live.again()} /> : <Loading />;
  const { cloudant } = now;
  const security = coming.value ?? now.security;
  const readOnly = !mayEdit(security, user.value);
  const change = (how: (security: Security) => Security): Promise<void> => {
    const made = last.current.then(() => changePermissions(db, how)).then(live.again);
    last.current = made.catch(() => {});
    return made;
  };
  const atOnce = (how: (security: Security) => Security, done: string) => {
    coming.value = how(coming.peek() ?? now.security);
    waiting.current += 1;
    change(how).then(() => tell(done), async (error: unknown) => {
      tell(error);
      await live.again();
    }).finally(() => {
      waiting.current -= 1;
      if (!waiting.current) coming.value = null;
    });
  };
  const open = publicRights(security, cloudant);
  return (
    <div class="stack">
      {live.failed.value && <Failed text={live.failed.value} again={() => void live.again()} />}
      <Public open={open} />
      {readOnly && <p class="note">You see this as it is. Only admins of the database may change it.</p>}
      {cloudant && (
        <section class="stack" aria-labelledby="permissions-rights">
          <div class="permissions-bar">
            <h2 id="permissions-rights">Rights</h2>
            {!readOnly && (
              <div class="row">
                <Button icon="plus" onClick={() => { asked.value = { kind: "name" }; }}>Add user</Button>
                {isAdmin.value && <Button tone="main" icon="key" onClick={() => { asked.value = { kind: "key" }; }}>Generate API key</Button>}
              </div>
            )}
          </div>
          {security.couchdb_auth_only === true && <p class="bad-note">These rights do not count: <code>couchdb_auth_only</code> is set.</p>}
          <Rights rows={rowsOf(security)} open={open === "all"} readOnly={readOnly}
            set={(name, right, has) => atOnce((was) => withRight(was, name, right, has), `${name === NOBODY ? "Everybody" : name}: ${right} ${has ? "given" : "taken away"}`)}
            remove={(row) => { asked.value = { kind: "remove", row }; }} />
          <ul class="permissions-means">{RIGHTS.map(([right, means]) => <li key={right}><code>{right}</code> {means}</li>)}</ul>
        </section>
      )}
      <section class="stack" aria-labelledby="permissions-lists">
        <div class="permissions-bar">
          <h2 id="permissions-lists">Members and admins</h2>
          {!cloudant && !readOnly && isAdmin.value && <Button tone="main" icon="key" onClick={() => { asked.value = { kind: "user" }; }}>Create a user</Button>}
        </div>
        <Lists security={security} readOnly={readOnly}
          set={(party, list, name, has) => atOnce((was) => withListed(was, party, list, name, has), `${name} ${has ? "added to" : "removed from"} ${party}`)} />
      </section>
      {asked.value && <Ask asked={asked.value} closes={open === "all" && !cloudantCounts(security)} change={change} close={() => { asked.value = null; }} />}
    </div>
  );
}

function Public({ open }: { open: "all" | string[] }): JSX.Element {
  if (open === "all") {
    return <p class="permissions-public"><Badge tone="bad">Public</Badge> <span>No member is named, so <strong>everybody who reaches this server may read and write</strong>, signed in or not.</span></p>;
  }
  if (open.length) {
    return <p class="permissions-public"><Badge tone="warn">Partly public</Badge> <span>Everybody, signed in or not, has: {open.join(", ")}.</span></p>;
  }
  return <p class="permissions-public"><Badge tone="good">Private</Badge> <span>Only those below and the server's admins may use this database.</span></p>;
}

interface Ways {
  asked: Asked;
  /** Whether the first name that is listed ends that everybody may read and write. */
  closes: boolean;
  change: (how: (security: Security) => Security) => Promise<void>;
  close: () => void;
}

const Closes = () => <p class="note">The database is public now. As soon as a name is listed, only those listed may use it.</p>;

function Ask({ asked, closes, change, close }: Ways): JSX.Element {
  switch (asked.kind) {
    case "key":
      return (
        <SecretDialog title="Generate API key" done="Generate" onClose={close} make={generateKey}
          grant={(secret, form) => change((was) => withRights(was, secret.name, rightsOf(form)))}>
          <p>A key is a name with a password for one program. It may do here what is checked, and nothing elsewhere.</p>
          {closes && <Closes />}
          <Checks />
        </SecretDialog>
      );
    case "user":
      return (
        <SecretDialog title="Create a user" done="Create" onClose={close} make={(form) => createUser(String(form.get("name")).trim())}
          grant={(secret, form) => change((was) => withListed(was, form.get("party") === "admins" ? "admins" : "members", "names", secret.name, true))}>
          <p>This server has no API keys. A user of its own does the same for a program: a name with a password that was made up.</p>
          {closes && <Closes />}
          <label><span>Name</span><input name="name" required autocomplete="off" defaultValue={`key-${random(8)}`} /></label>
          <label><span>Rights</span><select name="party"><option value="members">Member: read and write</option><option value="admins">Admin of this database</option></select></label>
        </SecretDialog>
      );
    case "name": {
      const act = async (form: FormData) => {
        const name = String(form.get("name")).trim();
        await change((was) => withRights(was, name, rightsOf(form)));
        tell(`${name} added`);
      };
      return (
        <FormDialog title="Add a user" done="Add" onClose={close} act={act}>
          {closes && <Closes />}
          <label><span>Name of a user or an API key</span><input name="name" required pattern=".*\S.*" autocomplete="off" autocapitalize="off" spellcheck={false} /></label>
          <p class="hint">It gives rights to who is in <code>_users</code>, now or later. {isAdmin.value && <a href={newDocumentHref("_users")}>Make a user</a>}</p>
          <Checks />
        </FormDialog>
      );
    }
    case "remove": {
      const { name, kind } = asked.row;
      const mayDelete = kind === "API key" && isAdmin.value;
      const act = async (form: FormData) => {
        await change((was) => withoutName(was, name));
        if (form.get("delete")) await deleteUser(name);
        tell(`${name} removed`);
      };
      return (
        <FormDialog title="Take all rights away?" done="Remove" tone="bad" onClose={close} act={act}>
          <p><code>{name}</code> may do nothing with this database any more, but what everybody may.</p>
          {mayDelete && <label class="inline"><input type="checkbox" name="delete" /> Delete the key too; it may have rights in other databases</label>}
        </FormDialog>
      );
    }
  }
}

const rightsOf = (form: FormData): Right[] => RIGHTS.map(([right]) => right).filter((right) => form.get(right) !== null);

function Checks(): JSX.Element {
  return (
    <fieldset class="permissions-checks">
      <legend>Rights</legend>
      {RIGHTS.map(([right, means]) => (
        <label key={right} class="inline"><input type="checkbox" name={right} defaultChecked={right === "_reader"} /> <span><code>{right}</code> <span class="soft small">{means}</span></span></label>
      ))}
    </fieldset>
  );
}
