// Source or target: where it is, and who signs in there.

import { type JSX } from "preact";
import { type Server } from "../../api/replication";
import { Choice, Field, Tick } from "./field";
import { hasOther, keepsPassword, takenApart, type Auth, type EndForm } from "./form";
import { type Fields } from "./form-page";

const AUTHS: readonly (readonly [Auth, string])[] = [["none", "None"], ["basic", "User and password"], ["key", "API key"]];

export function EndFields({ side, server, names, fields }: { side: "source" | "target"; server: Server; names: readonly string[]; fields: Fields }): JSX.Element {
  const { form, set, problem } = fields;
  const end = form[side];
  const word = side === "source" ? "Source" : "Target";
  const change = (changed: Partial<EndForm>) => set(side === "source" ? { source: { ...end, ...changed } } : { target: { ...end, ...changed } });
  // A password in a URL is shown to who passes by: it belongs in the fields.
  const url = (text: string) => {
    const parts = takenApart(text);
    change(parts ? { url: parts.url, auth: end.auth === "key" ? "key" : "basic", name: parts.name, password: parts.password } : { url: text });
  };
  return (
    <fieldset class="card">
      <legend>{word}</legend>
      <Choice quiet label={`${word} is`} name={`${side}-kind`} value={end.kind} onPick={(kind) => change({ kind })}
        options={[["local", "On this server"], ["remote", "On another server"]]} />
      {end.kind === "local"
        ? <Field label={`${word} database`} value={end.database} options={names.filter((name) => !name.startsWith("_"))} problem={problem(side)} onInput={(database) => change({ database })} />
        : <Field label={`${word} URL`} value={end.url} placeholder="https://server.example/database" problem={problem(side)} onInput={url} hint="The database's address, as this server reaches it." />}
      {side === "target" && (
        <Tick label="Create the target if it is missing" value={form.createTarget} onPick={(createTarget) => set({ createTarget })} />
      )}
      {(end.kind === "remote" || !server.isOurs) && <AuthFields side={side} word={word} end={end} server={server} change={change} problem={problem} />}
    </fieldset>
  );
}

function AuthFields({ side, word, end, server, change, problem }: { side: string; word: string; problem: Fields["problem"]; end: EndForm; server: Server; change: (changed: Partial<EndForm>) => void }): JSX.Element {
  const keeps = keepsPassword(end, server);
  const key = end.auth === "key";
  return (
    <>
      {end.kind === "local" && <p class="hint">This server's replicator reaches its own databases by URL too, so it has to sign in.</p>}
      <label>
        <span>{word} authentication</span>
        <select value={end.auth} onChange={(event) => change({ auth: event.currentTarget.value as Auth })}>
          {hasOther(end.old) && <option value="kept">As it is: a token or header</option>}
          {AUTHS.map(([one, words]) => <option key={one} value={one}>{words}</option>)}
        </select>
      </label>
      {end.auth !== "none" && end.auth !== "kept" && (
        <div class="replication-login">
          <Field label={`${word} ${key ? "key" : "user"}`} value={end.name} problem={problem(`${side}-name`)} onInput={(name) => change({ name })} />
          <Field label={`${word} password`} type="password" value={end.password} problem={problem(`${side}-password`)} onInput={(password) => change({ password })}
            placeholder={keeps ? "unchanged" : ""} {...(keeps ? { hint: "Leave it empty to keep the one that it has." } : {})} />
        </div>
      )}
    </>
  );
}
