// One API: its addresses, its routes, its document.

import { type JSX } from "preact";
import type { Api } from "../../api/apis";
import type { Access } from "../../api/functions";
import { route as address, to } from "../../router";
import { Editor } from "../../ui/editor";
import { Badge, Button, Copy, Empty, Fact, Facts, Head, Tabs } from "../../ui/parts";
import { save } from "../../ui/save";
import { Table } from "../../ui/table";
import { ActionLink } from "../functions/links";
import { described, demandWords, gatewayPath, type Described } from "./swagger";
import { TryIt } from "./try-it";

export function ApiPage({ access, api, balancer }: { access: Access; api: Api; balancer: string }): JSX.Element {
  const seen = described(api);
  const tab = address.value.query.get("tab") ?? "routes";
  const at = (name: string, more: Record<string, string> = {}) => to(["apis", access.namespace, api.id], { ...(name === "routes" ? {} : { tab: name }), ...more });
  return (
    <>
      <Head title={seen.title === seen.basePath ? seen.title : `${seen.title} ${seen.basePath}`} trail={[["APIs", to(["apis", access.namespace])]]} />
      <div class="stack">
        <section class="card stack">
          <Facts>
            <Fact label="Base path">{seen.basePath}</Fact>
            <Fact label="Routes">{seen.routes.length}</Fact>
            <Fact label="CORS">{seen.cors}</Fact>
            <Fact label="Rate limit">{seen.limits.length ? seen.limits.join(", ") : "none"}</Fact>
          </Facts>
          <div class="apis-urls">
            <Address words="At this region" url={api.gwApiUrl} />
            {balancer && <Address words="At the balancer" url={balancer.replace(/\/$/, "") + gatewayPath(api)} />}
          </div>
        </section>
        <div>
          <Tabs label="Of the API" current={tab} tabs={[
            { name: "routes", words: "Routes", href: at("routes") },
            { name: "try", words: "Try it", href: at("try") },
            { name: "document", words: "Document", href: at("document") },
          ]} />
          {tab === "try" ? <TryIt access={access} api={api} seen={seen} />
            : tab === "document" ? <Whole api={api} />
            : <Routes access={access} seen={seen} tryHref={(operation) => at("try", { route: operation })} />}
        </div>
      </div>
    </>
  );
}

function Address({ words, url }: { words: string; url: string }): JSX.Element {
  return <div><span class="soft">{words}</span><code>{url}</code><Copy text={url} label="Copy" /></div>;
}

/** What a route is called in addresses of this page. */
export const routeName = (one: { verb: string; path: string }) => `${one.verb} ${one.path}`;

function Routes({ access, seen, tryHref }: { access: Access; seen: Described; tryHref: (name: string) => string }): JSX.Element {
  return (
    <div class="functions-wide"><Table label="Routes" rows={seen.routes} id={routeName} empty={<Empty title="It has no route" />}
      columns={[
        { name: "verb", title: "Verb", sort: (one) => one.verb, cell: (one) => <Badge>{one.verb.toUpperCase()}</Badge> },
        { name: "path", title: "Path", sort: (one) => one.path, cell: (one) => <code>{one.path}</code> },
        { name: "action", title: "Action", cell: (one) => one.action ? <ActionLink access={access} place={one.action} /> : <span class="soft">none</span> },
        { name: "type", title: "Answer", cell: (one) => one.type || <span class="soft">–</span> },
        { name: "who", title: "Who may call", cell: (one) => demandWords(one.demands) },
        { name: "try", title: <span class="hidden">Try</span>, cell: (one) => <a class="button" href={tryHref(routeName(one))}>Try it</a> },
      ]} /></div>
  );
}

function Whole({ api }: { api: Api }): JSX.Element {
  const text = JSON.stringify(api.apidoc, null, 2);
  return (
    <div class="stack">
      <div class="row">
        <span class="grow" />
        <Copy text={text} label="Copy" />
        <Button icon="down" onClick={() => save(new Blob([text], { type: "application/json" }), `${api.id.replaceAll("/", "-")}.json`)}>Download</Button>
      </div>
      <Editor label="Document of the API" value={text} />
    </div>
  );
}
