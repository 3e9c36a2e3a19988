import { type JSX } from "preact";
import { apis } from "../../api/apis";
import { overview } from "../../api/dashboard";
import type { Access } from "../../api/functions";
import { isAdmin } from "../../api/session";
import { route, to } from "../../router";
import { useLive } from "../../ui/live";
import { Empty, Failed, Head, Loading } from "../../ui/parts";
import { Table } from "../../ui/table";
import { InNamespace, NamespaceOf } from "../functions/access";
import { ApiPage } from "./api";
import { described } from "./swagger";
import "../functions/functions.css";
import "./apis.css";

/** The APIs of a namespace: #/apis/NAMESPACE/ID */
export default function Page(): JSX.Element {
  return <InNamespace page="apis" title="APIs">{(access) => <Sections access={access} />}</InNamespace>;
}

function Sections({ access }: { access: Access }): JSX.Element {
  const id = route.value.parts[2];
  const found = useLive((signal) => apis(access, signal), id ? 0 : 10_000, [access.namespace, access.key]);
  // Where the balancer is is told to admins only.
  const balancer = useLive(async (signal) => (isAdmin.value ? ((await overview(signal)).balancer?.url ?? "") : ""), 0, []);
  const all = found.value.value;
  if (id !== undefined) {
    const api = all?.find((one) => one.id === id);
    if (api) return <ApiPage key={id} access={access} api={api} balancer={balancer.value.value ?? ""} />;
  }
  return (
    <>
      <Head title="APIs"><NamespaceOf access={access} page="apis" /></Head>
      {found.failed.value && <Failed text={found.failed.value} again={() => void found.again()} />}
      {!all && !found.failed.value && <Loading />}
      {all && id !== undefined && <Failed text={`There is no API “${id}” here.`} />}
      {all && (
        <div class="functions-wide"><Table label="APIs" rows={all} id={(api) => api.id} sorted="path"
          empty={<Empty title="There is no API yet"><p>An app's manifest has them, or <code>wsk api create /v1 /todo get ACTION --response-type http</code></p></Empty>}
          columns={[
            { name: "path", title: "Base path", sort: (api) => described(api).basePath, cell: (api) => <a href={to(["apis", access.namespace, api.id])}>{described(api).basePath}</a> },
            { name: "title", title: "Name", sort: (api) => described(api).title, cell: (api) => described(api).title },
            { name: "routes", title: "Routes", number: true, sort: (api) => described(api).routes.length, cell: (api) => described(api).routes.length },
            { name: "url", title: "At this region", cell: (api) => <code>{api.gwApiUrl}</code> },
          ]} /></div>
      )}
    </>
  );
}
