// A request to an API, sent through this region's gateway.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { attempt, type Api, type Outcome } from "../../api/apis";
import type { Access } from "../../api/functions";
import { route as address } from "../../router";
import { Editor } from "../../ui/editor";
import { Button, Copy, Empty } from "../../ui/parts";
import { words } from "../../ui/toast";
import { routeName } from "./api";
import { Answer } from "./answer";
import { attemptOf, BODILESS, curl, type Form } from "./request";
import { gatewayPath, pathNames, type Described, type Route } from "./swagger";

/** What was typed last for each route, as long as the page is open: it may have keys in it. */
const typed = new Map<string, Form>();

function blank(one: Route): Form {
  const key = one.demands.flat().find((demand) => demand.kind === "key");
  return {
    verb: one.verb, path: one.path, names: {}, below: "", query: "", headers: "", token: "",
    body: BODILESS.has(one.verb) || one.verb === "delete" ? "" : "{}",
    key: key?.kind === "key" ? { name: key.name, at: key.at, value: "" } : null,
  };
}

export function TryIt({ access, api, seen }: { access: Access; api: Api; seen: Described }): JSX.Element {
  const chosen = useSignal(address.value.query.get("route") ?? "");
  const one = seen.routes.find((each) => routeName(each) === chosen.value) ?? seen.routes[0];
  if (!one) return <Empty title="It has no route" />;
  const name = routeName(one);
  return (
    <div class="stack">
      <label class="apis-route">Route
        <select value={name} onChange={(event) => { chosen.value = event.currentTarget.value; }}>
          {seen.routes.map((each) => <option key={routeName(each)} value={routeName(each)}>{each.verb.toUpperCase()} {seen.basePath === "/" ? "" : seen.basePath}{each.path}</option>)}
        </select>
      </label>
      <Request key={`${api.id} ${name}`} access={access} api={api} one={one} />
    </div>
  );
}

function Request({ access, api, one }: { access: Access; api: Api; one: Route }): JSX.Element {
  const id = `${api.id} ${routeName(one)}`;
  const form = useSignal<Form>(typed.get(id) ?? blank(one));
  const busy = useSignal(false);
  const failed = useSignal("");
  const outcome = useSignal<Outcome | null>(null);
  const set = (change: Partial<Form>) => {
    form.value = { ...form.value, ...change };
    typed.set(id, form.value);
  };
  const run = async (event: SubmitEvent) => {
    event.preventDefault();
    busy.value = true;
    failed.value = "";
    try {
      outcome.value = await attempt(attemptOf(form.value, gatewayPath(api)));
    } catch (error) {
      outcome.value = null;
      failed.value = words(error);
    } finally {
      busy.value = false;
    }
  };
  const now = form.value;
  return (
    <div class="functions-invoke">
      <div class="stack">
        <form class="stack" onSubmit={run} aria-label="Request">
          {pathNames(one.path).map((name) => (
            <label key={name}>{name}<input value={now.names[name] ?? ""} required spellcheck={false} onInput={(event) => set({ names: { ...now.names, [name]: event.currentTarget.value } })} /></label>
          ))}
          <label>Below the path<input value={now.below} placeholder="/42" spellcheck={false} onInput={(event) => set({ below: event.currentTarget.value })} /></label>
          <label>Query, one a line<textarea class="apis-lines" rows={2} value={now.query} placeholder="name=value" spellcheck={false} onInput={(event) => set({ query: event.currentTarget.value })} /></label>
          <label>Headers, one a line<textarea class="apis-lines" rows={2} value={now.headers} placeholder="name: value" spellcheck={false} onInput={(event) => set({ headers: event.currentTarget.value })} /></label>
          {now.key && <label>API key ({now.key.name})<input type="password" autocomplete="off" value={now.key.value} onInput={(event) => { if (now.key) set({ key: { ...now.key, value: event.currentTarget.value } }); }} /></label>}
          <label>Bearer token<input type="password" autocomplete="off" value={now.token} placeholder={one.demands.flat().some((demand) => demand.kind === "token") ? "asked for" : "none"} onInput={(event) => set({ token: event.currentTarget.value })} /></label>
          {!BODILESS.has(one.verb) && <div><p class="apis-body">Body</p><Editor label="Body" value={now.body} height="9rem" onInput={(value) => set({ body: value })} /></div>}
          {failed.value && <p class="bad-note" role="alert">{failed.value}</p>}
          <div class="row">
            <button class="main" type="submit" disabled={busy.value}>{busy.value ? "Sending …" : "Send"}</button>
            <Button onClick={() => { typed.delete(id); form.value = blank(one); }}>Clear</Button>
          </div>
        </form>
        <Command form={now} api={api} />
      </div>
      {outcome.value
        ? <Answer access={access} name={one.path} outcome={outcome.value} />
        : <Empty title="Nothing was sent yet"><p>It goes through this region's gateway, as a client's request does.</p></Empty>}
    </div>
  );
}

/** The request as a command, to be run elsewhere. */
function Command({ form, api }: { form: Form; api: Api }): JSX.Element | null {
  let text: string;
  try {
    const at = api.gwApiUrl.indexOf(`/api/${api.tenantId}`);
    text = curl(attemptOf(form, gatewayPath(api)), at < 0 ? api.gwApiUrl : api.gwApiUrl.slice(0, at));
  } catch {
    return null;
  }
  return (
    <details class="apis-curl">
      <summary>As a curl command</summary>
      <div class="row"><code>{text}</code><Copy text={text} label="Copy" /></div>
    </details>
  );
}
