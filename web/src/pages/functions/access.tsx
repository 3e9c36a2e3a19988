// In which namespace, and in whose name: by the session of a server admin, or by a namespace's key, which is
// kept in memory only.

import { signal, useSignal } from "@preact/signals";
import { type ComponentChildren, type JSX } from "preact";
import { useEffect } from "preact/hooks";
import { namespaces } from "../../api/dashboard";
import { namespaceOf, type Access } from "../../api/functions";
import { isAdmin } from "../../api/session";
import { go, route, to } from "../../router";
import { useLive } from "../../ui/live";
import { Empty, Failed, Head, Loading } from "../../ui/parts";
import { words } from "../../ui/toast";

const keys = signal<ReadonlyMap<string, string>>(new Map());
const last = signal("");

/** How the namespace may be reached; null: not at all. */
function accessTo(namespace: string): Access | null {
  const key = keys.value.get(namespace);
  if (key !== undefined) return { namespace, key };
  return isAdmin.value ? { namespace, key: "" } : null;
}

/** What is below `page` in the namespace of the address: #/page/NAMESPACE/…; without one it is chosen. */
export function InNamespace({ page, title, children }: { page: string; title: string; children: (access: Access) => ComponentChildren }): JSX.Element {
  const name = route.value.parts[1] ?? "";
  const access = name ? accessTo(name) : null;
  useEffect(() => {
    if (access) last.value = access.namespace;
    else if (!name && last.value && !route.value.query.has("choose")) go(to([page, last.value]), { replace: true });
  }, [name, access?.key, page]);
  if (access) return <div key={`${access.namespace} ${access.key}`}>{children(access)}</div>;
  return <Choose page={page} title={title} wanted={name} />;
}

function Choose({ page, title, wanted }: { page: string; title: string; wanted: string }): JSX.Element {
  return (
    <>
      <Head title={title} />
      <div class="functions-choose">
        {isAdmin.value && <Namespaces page={page} />}
        <KeyForm page={page} wanted={wanted} />
      </div>
    </>
  );
}

function Namespaces({ page }: { page: string }): JSX.Element {
  const found = useLive(async () => (await namespaces()).namespaces, 0, []);
  const all = found.value.value;
  useEffect(() => {
    if (all?.length === 1 && !route.value.query.has("choose")) go(to([page, all[0]!]), { replace: true });
  }, [all, page]);
  return (
    <section class="card">
      <h2>Namespaces</h2>
      {found.failed.value && <Failed text={found.failed.value} again={() => void found.again()} />}
      {!all && !found.failed.value && <Loading />}
      {all?.length === 0 && (
        <Empty title="There is no namespace yet">
          <p>Make one on the region's machine: <code>couchgrass key create NAME</code></p>
        </Empty>
      )}
      {all && all.length > 0 && (
        <ul class="functions-namespaces">
          {all.map((name) => <li key={name}><a href={to([page, name])}>{name}</a></li>)}
        </ul>
      )}
    </section>
  );
}

function KeyForm({ page, wanted }: { page: string; wanted: string }): JSX.Element {
  const failed = useSignal("");
  const busy = useSignal(false);
  const open = async (event: SubmitEvent) => {
    event.preventDefault();
    const key = String(new FormData(event.currentTarget as HTMLFormElement).get("key")).trim();
    busy.value = true;
    failed.value = "";
    try {
      const name = await namespaceOf(key);
      keys.value = new Map([...keys.value, [name, key]]);
      go(to([page, name]));
    } catch (error) {
      failed.value = words(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <form class="card functions-key" onSubmit={open}>
      <h2>{isAdmin.value ? "With a key instead" : "The key of a namespace"}</h2>
      {wanted && <p class="note">The namespace <strong>{wanted}</strong> needs its key.</p>}
      <label>
        Key
        <input name="key" type="password" required autocomplete="off" spellcheck={false} placeholder="uuid:secret" />
      </label>
      <p class="hint">
        <code>couchgrass key create</code> wrote it into a file, as <code>apikey</code>; <code>wsk</code> has it as <code>AUTH</code>. This
        page keeps it until it is closed or loaded again.
      </p>
      {failed.value && <p class="bad-note" role="alert">{failed.value}</p>}
      <div class="row"><button class="main" type="submit" disabled={busy.value}>{busy.value ? "Opening …" : "Open the namespace"}</button></div>
    </form>
  );
}

/** Which namespace this is, and the way to another one. */
export function NamespaceOf({ access, page }: { access: Access; page: string }): JSX.Element {
  return (
    <span class="functions-namespace">
      <span class="soft">Namespace</span> <strong>{access.namespace}</strong>{" "}
      <a href={to([page], { choose: "1" })}>Change</a>
    </span>
  );
}
