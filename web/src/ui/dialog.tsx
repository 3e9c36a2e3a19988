// Dialogs, with the browser's own element: it keeps the focus in, and Escape closes it.

import { useSignal } from "@preact/signals";
import { type ComponentChildren, type JSX } from "preact";
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "./icon";
import { words } from "./toast";

/** Where the keyboard begins: the first field, else the first button below the heading (where that is Cancel, Enter
 * does no harm). The browser alone would take the one that closes it. */
function first(dialog: HTMLElement): HTMLElement | undefined {
  const all = [...dialog.querySelectorAll<HTMLElement>("input, select, textarea, button")];
  const can = all.filter((one) => !one.closest("header") && !one.matches(":disabled, [type=radio]:not(:checked)") && one.getClientRects().length > 0);
  return can.find((one) => one.tagName !== "BUTTON") ?? can[0];
}

/** Open as long as it is drawn. `wide` for editors. */
export function Dialog({ title, onClose, wide = false, children }: { title: string; onClose: () => void; wide?: boolean; children: ComponentChildren }): JSX.Element {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  const before = useRef<Element | null>(null);
  // Before the next key can come: who opens it by a key and goes on typing types into it.
  useLayoutEffect(() => {
    const dialog = ref.current;
    before.current = document.activeElement;
    if (dialog && !dialog.open) dialog.showModal();
    if (dialog) first(dialog)?.focus();
  }, []);
  useEffect(() => () => {
    if (before.current instanceof HTMLElement) before.current.focus();
  }, []);
  // At a second Escape a browser closes it without asking. Who wants it to stay gets it back.
  const closed = () => {
    onClose();
    setTimeout(() => {
      if (ref.current && !ref.current.open) ref.current.showModal();
    });
  };
  return (
    <dialog ref={ref} class={wide ? "wide" : ""} aria-labelledby={id} onCancel={(event) => { event.preventDefault(); onClose(); }} onClose={closed}>
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" class="plain" onClick={onClose}><Icon name="close" label="Close" /></button>
      </header>
      {children}
    </dialog>
  );
}

/** A form in a dialog. `act` does it; what it throws is shown, and the dialog stays. */
export function FormDialog(how: {
  title: string;
  done: string;
  tone?: "main" | "bad";
  disabled?: boolean;
  wide?: boolean;
  onClose: () => void;
  act: (form: FormData) => Promise<unknown>;
  children: ComponentChildren;
}): JSX.Element {
  const failed = useSignal("");
  const busy = useSignal(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    busy.value = true;
    failed.value = "";
    try {
      await how.act(new FormData(event.currentTarget as HTMLFormElement));
      how.onClose();
    } catch (error) {
      failed.value = words(error);
    } finally {
      busy.value = false;
    }
  };
  // While it works it stays: else nobody would see what came of it, or a password that is shown once.
  const close = () => {
    if (!busy.value) how.onClose();
  };
  return (
    <Dialog title={how.title} onClose={close} wide={how.wide ?? false}>
      <form onSubmit={submit}>
        {how.children}
        {failed.value && <p class="bad-note" role="alert">{failed.value}</p>}
        <footer>
          <button type="button" disabled={busy.value} onClick={close}>Cancel</button>
          <button type="submit" class={how.tone ?? "main"} disabled={busy.value || how.disabled}>{busy.value ? "Working …" : how.done}</button>
        </footer>
      </form>
    </Dialog>
  );
}

/** For what can't be undone: the name has to be typed. */
export function TypeName({ name, what, onClose, act, children }: { name: string; what: string; onClose: () => void; act: () => Promise<unknown>; children?: ComponentChildren }): JSX.Element {
  const typed = useSignal("");
  return (
    <FormDialog title={`${what} ${name}?`} done={what} tone="bad" disabled={typed.value !== name} onClose={onClose} act={act}>
      {children}
      <label>
        <span>Type <code>{name}</code> to confirm</span>
        <input autocomplete="off" autocapitalize="off" spellcheck={false} value={typed.value} onInput={(event) => { typed.value = event.currentTarget.value; }} />
      </label>
    </FormDialog>
  );
}
