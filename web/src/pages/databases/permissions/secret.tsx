// A new key or user: asks for its rights, makes it, and shows its password this one time.

import { useSignal } from "@preact/signals";
import { type ComponentChildren, type JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Dialog } from "../../../ui/dialog";
import { Copy } from "../../../ui/parts";
import { words } from "../../../ui/toast";
import type { Secret } from "./api";

interface How {
  title: string;
  done: string;
  /** Makes it. What it throws is shown, and nothing was made. */
  make: (form: FormData) => Promise<Secret>;
  /** Gives it its rights. What it throws is shown beside the password. */
  grant: (secret: Secret, form: FormData) => Promise<unknown>;
  onClose: () => void;
  children: ComponentChildren;
}

export function SecretDialog({ title, done, make, grant, onClose, children }: How): JSX.Element {
  const secret = useSignal<Secret | null>(null);
  const failed = useSignal("");
  const busy = useSignal(false);
  const asked = useSignal(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    busy.value = true;
    failed.value = "";
    try {
      const made = await make(form);
      // From here on it is shown, whatever else goes wrong.
      secret.value = made;
      await grant(made, form);
    } catch (error) {
      failed.value = secret.value ? `It was made, but it got no rights: ${words(error)}` : words(error);
    } finally {
      busy.value = false;
    }
  };
  // A slip of a finger must not cost a password that nobody can show again.
  const close = () => {
    if (secret.value) asked.value = true;
    else if (!busy.value) onClose();
  };
  return (
    <Dialog title={title} onClose={close}>
      {secret.value
        ? <Shown secret={secret.value} failed={failed.value} asked={asked.value} onClose={onClose} />
        : (
          <form onSubmit={submit}>
            {children}
            {failed.value && <p class="bad-note" role="alert">{failed.value}</p>}
            <footer>
              <button type="button" disabled={busy.value} onClick={close}>Cancel</button>
              <button type="submit" class="main" disabled={busy.value}>{busy.value ? "Working …" : done}</button>
            </footer>
          </form>
        )}
    </Dialog>
  );
}

function Shown({ secret, failed, asked, onClose }: { secret: Secret; failed: string; asked: boolean; onClose: () => void }): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.querySelector("button")?.focus(), []);
  return (
    <div ref={place} class="body">
      {failed && <p class="bad-note" role="alert">{failed}</p>}
      <p class="permissions-once" role="status"><strong>Keep the password now.</strong> It is not shown again, and nobody can find it out later.</p>
      <dl class="permissions-secret">
        <dt>Key</dt>
        <dd><code>{secret.name}</code> <Copy text={secret.name} label="Copy key" /></dd>
        <dt>Password</dt>
        <dd><code>{secret.password}</code> <Copy text={secret.password} label="Copy password" /></dd>
      </dl>
      {asked && <p class="bad-note" role="alert">Is the password kept? It can't be shown again.</p>}
      <footer><button type="button" class="main" onClick={onClose}>I have kept it</button></footer>
    </div>
  );
}
