// The frame around all pages: who is signed in, where one can go, and what has just happened.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useEffect } from "preact/hooks";
import { ApiError } from "./api/http";
import { loadSession, signedOut, signOut, user } from "./api/session";
import { config } from "./config";
import { go, route, to } from "./router";
import { Icon } from "./ui/icon";
import { Failed, Loading } from "./ui/parts";
import { loaded, loadPage, PAGES, type Page } from "./pages";
import { SignIn } from "./pages/sign-in";
import { ThemeSwitch } from "./ui/theme";
import { tell, Toasts } from "./ui/toast";

export function App(): JSX.Element {
  const failed = useSignal("");
  useEffect(() => {
    const load = () => {
      failed.value = "";
      loadSession().catch((error: unknown) => {
        failed.value = error instanceof ApiError ? error.reason : String(error);
      });
    };
    load();
  }, []);
  if (failed.value && !user.value) {
    return (
      <main class="alone">
        <Failed text={`The database does not answer: ${failed.value}`} again={() => location.reload()} />
      </main>
    );
  }
  if (!user.value) return <Loading />;
  if (!user.value.name) {
    return (
      <>
        <SignIn why={signedOut.value} />
        <Toasts />
      </>
    );
  }
  return <Frame />;
}

function Frame(): JSX.Element {
  const open = useSignal(false);
  const pages = PAGES.filter((page) => page.is());
  const name = route.value.parts[0] ?? pages[0]?.name ?? "databases";
  const page = pages.find((one) => one.name === name);
  useEffect(() => {
    open.value = false;
    document.title = `${page?.label ?? "Not found"} – couchgrass${config().region ? ` ${config().region}` : ""}`;
  }, [name, page]);
  const leave = () => {
    signOut().catch((error: unknown) => tell(error, "bad"));
  };
  return (
    <div class={`frame ${open.value ? "nav-open" : ""}`}>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>
        Skip to the page
      </a>
      <header class="top">
        <button class="plain menu" aria-expanded={open.value} aria-controls="nav" onClick={() => { open.value = !open.value; }}>
          <Icon name="menu" label="Menu" />
        </button>
        <a class="brand" href={to([pages[0]?.name ?? "databases"])}>
          <Icon name="blades" /> <strong>couchgrass</strong>
          {config().region && <span class="region-name">{config().region}</span>}
        </a>
        <span class="grow" />
        {config().mode === "database" && config().dashboard_url && (
          <a class="button" href={config().dashboard_url}>Region dashboard</a>
        )}
        {config().others.length > 1 && (
          <label class="others">
            <span class="hidden">Region</span>
            <select value={config().region} onChange={(event) => {
              const other = config().others.find((one) => one.name === event.currentTarget.value);
              if (other) location.href = other.url + location.hash;
            }}>
              {config().others.map((one) => <option key={one.name} value={one.name}>{one.name}</option>)}
            </select>
          </label>
        )}
        <ThemeSwitch />
        <span class="who" title={user.value?.roles.join(", ")}>{user.value?.name}</span>
        <button class="plain" onClick={leave}><Icon name="leave" label="Sign out" /></button>
      </header>
      <nav id="nav" class="side" aria-label="Pages">
        <ul>
          {pages.map((one) => (
            <li key={one.name}>
              <a href={to([one.name])} aria-current={one.name === name ? "page" : undefined}>
                <Icon name={one.icon} /> {one.label}
              </a>
            </li>
          ))}
        </ul>
        <p class="version">couchgrass {config().version}</p>
      </nav>
      <main id="main" tabIndex={-1}>
        {page ? <Shown key={name} page={page} /> : <Failed text={`There is no page “${name}” here.`} again={() => go(to(["databases"]))} />}
      </main>
      <Toasts />
    </div>
  );
}

/** A page, once its code is here. */
function Shown({ page }: { page: Page }): JSX.Element {
  const failed = useSignal(false);
  const load = () => {
    failed.value = false;
    loadPage(page.name).catch(() => { failed.value = true; });
  };
  useEffect(load, []);
  const View = loaded.value.get(page.name);
  if (View) return <View />;
  // After a new version was put in place the old one's files are gone, and a reload finds the new ones.
  return failed.value ? <Failed text={`“${page.label}” could not be loaded.`} again={() => location.reload()} /> : <Loading />;
}
