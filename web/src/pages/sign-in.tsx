import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ApiError } from "../api/http";
import { signIn } from "../api/session";
import { config } from "../config";
import { Icon } from "../ui/icon";

/** `why`: why somebody sees this who was signed in. */
export function SignIn({ why }: { why: string }): JSX.Element {
  const failed = useSignal("");
  const busy = useSignal(false);
  const name = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = "Sign in – couchgrass";
    name.current?.focus();
  }, []);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    busy.value = true;
    failed.value = "";
    try {
      await signIn(String(form.get("name")), String(form.get("password")));
    } catch (error) {
      failed.value = error instanceof ApiError ? error.reason : String(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <main class="alone">
      <form class="card sign-in" onSubmit={submit}>
        <h1><Icon name="blades" /> couchgrass</h1>
        <p class="soft">
          Sign in to the database{config().region && <> of <strong>{config().region}</strong></>} with a name and password of
          its <code>_users</code>, or as its admin.
        </p>
        {why && <p class="note" role="status">{why}</p>}
        <label>Name<input ref={name} name="name" autocomplete="username" required autocapitalize="off" spellcheck={false} /></label>
        <label>Password<input name="password" type="password" autocomplete="current-password" required /></label>
        {failed.value && <p class="bad-note" role="alert">{failed.value}</p>}
        <button class="main" type="submit" disabled={busy.value}>{busy.value ? "Signing in …" : "Sign in"}</button>
        {config().mode === "dashboard" && (
          <p class="soft small">The first start of a region wrote its admin's name and password into <code>database/admin.json</code> of its data folder.</p>
        )}
      </form>
    </main>
  );
}
