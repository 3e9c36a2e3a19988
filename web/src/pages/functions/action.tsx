// One action: its code, running it, its limits and parameters.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { overview } from "../../api/dashboard";
import { action, deleteAction, getPackage, type Access } from "../../api/functions";
import { isAdmin } from "../../api/session";
import { annotation, kindOf, shortName, webOf, webPath, type Action, type Pair, type Place } from "../../api/whisk";
import { go, route, to } from "../../router";
import { TypeName } from "../../ui/dialog";
import { useLive } from "../../ui/live";
import { Badge, Button, Copy, Fact, Facts, Failed, Head, Loading, Tabs } from "../../ui/parts";
import { tell } from "../../ui/toast";
import { clock, millis } from "../../ui/words";
import { Activations } from "./activations";
import { Code } from "./code";
import { Components } from "./components";
import { Invoke } from "./invoke";
import { actionHref } from "./links";
import { Settings } from "./settings";

export interface Seen {
  action: Action;
  /** What it has from its package. */
  inherited: Pair[];
}

export function ActionPage({ access, place }: { access: Access; place: Place }): JSX.Element {
  const deleting = useSignal(false);
  const found = useLive<Seen>(async (signal) => {
    const inherited = place.package ? getPackage(access, place.namespace, place.package, signal).then((one) => one.parameters, () => []) : [];
    return { action: await action(access, place, signal), inherited: await inherited };
  }, 0, [access.namespace, access.key, place.namespace, place.package, place.name]);
  const seen = found.value.value;
  const own = place.namespace === access.namespace && (!seen || seen.action.namespace === [place.namespace, place.package].filter(Boolean).join("/"));
  const tab = route.value.query.get("tab") ?? "code";
  const up = to(["functions", access.namespace, "actions"]);
  return (
    <>
      <Head title={shortName(place)} trail={[["Functions", up]]}>
        {own && seen && <Button icon="trash" tone="bad" onClick={() => { deleting.value = true; }}>Delete</Button>}
      </Head>
      {found.failed.value && <Failed text={found.failed.value} again={() => void found.again()} />}
      {!seen && !found.failed.value && <Loading />}
      {seen && (
        <div class="stack">
          <About access={access} place={place} seen={seen} own={own} />
          <div>
            <Tabs label="Of the action" current={tab} tabs={[
              { name: "code", words: kindOf(seen.action) === "sequence" ? "Components" : "Code", href: actionHref(access, place) },
              { name: "invoke", words: "Invoke", href: actionHref(access, place, "invoke") },
              { name: "settings", words: "Limits and parameters", href: actionHref(access, place, "settings") },
              ...(own ? [{ name: "activations", words: "Activations", href: actionHref(access, place, "activations") }] : []),
            ]} />
            {tab === "invoke" ? <Invoke access={access} place={place} />
              : tab === "settings" ? <Settings access={access} place={place} seen={seen} own={own} saved={found.again} />
              : tab === "activations" ? <Activations access={access} of={place} />
              : kindOf(seen.action) === "sequence" ? <Components access={access} place={place} action={seen.action} own={own} saved={found.again} />
              : <Code access={access} place={place} action={seen.action} own={own} saved={found.again} />}
          </div>
        </div>
      )}
      {deleting.value && (
        <TypeName what="Delete" name={place.name} onClose={() => { deleting.value = false; }} act={async () => {
          await deleteAction(access, place);
          tell(`The action ${shortName(place)} is deleted.`);
          go(up);
        }}>
          <p>The action and its code go. Its records stay. Rules, sequences and APIs that use it fail from then on.</p>
        </TypeName>
      )}
    </>
  );
}

function About({ access, place, seen, own }: { access: Access; place: Place; seen: Seen; own: boolean }): JSX.Element {
  const { action: found } = seen;
  const web = webOf(found);
  const description = annotation(found, "description");
  return (
    <section class="card stack">
      {typeof description === "string" && <p class="functions-description">{description}</p>}
      <Facts>
        <Fact label="Kind">{kindOf(found)}</Fact>
        <Fact label="Version">{found.version}</Fact>
        <Fact label="Memory">{found.limits.memory} MB</Fact>
        <Fact label="Timeout">{millis(found.limits.timeout)}</Fact>
        <Fact label="Logs">{found.limits.logs} MB</Fact>
        <Fact label="Updated">{found.updated ? clock(found.updated) : "–"}</Fact>
      </Facts>
      <p class="row functions-marks">
        {web === "no" ? <Badge>no web action</Badge> : <Badge tone="good">{web === "raw" ? "raw web action" : "web action"}</Badge>}
        {annotation(found, "final") === true && <Badge>parameters are final</Badge>}
        {annotation(found, "provide-api-key") === true && <Badge tone="warn">gets an API key</Badge>}
        {Boolean(annotation(found, "require-whisk-auth")) && <Badge>asks for a secret</Badge>}
        {annotation(found, "conductor") === true && <Badge>conductor</Badge>}
        {!own && <Badge>of another package or namespace: can be read and run</Badge>}
      </p>
      {web !== "no" && <WebUrl place={{ ...place, namespace: access.namespace === place.namespace ? access.namespace : place.namespace }} />}
    </section>
  );
}

/** Where a web action is reached. Admins are told the whole address. */
function WebUrl({ place }: { place: Place }): JSX.Element {
  const base = useLive(async (signal) => {
    if (!isAdmin.value) return "";
    const seen = await overview(signal);
    return seen.regions.find((one) => one.here && one.name === seen.region)?.functions_url ?? seen.regions.find((one) => one.here)?.functions_url ?? "";
  }, 0, []);
  const path = webPath(place);
  const url = `${(base.value.value ?? "").replace(/\/$/, "")}${path}`;
  return (
    <div class="functions-url">
      <span class="soft">{base.value.value ? "URL" : "Path at the functions"}</span> <code>{url}</code> <Copy text={url} label="Copy" />
    </div>
  );
}
