// What has just happened, said for a moment, to screen readers too.

import { signal } from "@preact/signals";
import { type JSX } from "preact";
import { ApiError } from "../api/http";
import { Icon } from "./icon";

type Kind = "good" | "bad";
interface Toast {
  id: number;
  text: string;
  kind: Kind;
}

const GOOD_MS = 4000;
const BAD_MS = 12_000;
const TOASTS_MAX = 4;
const toasts = signal<Toast[]>([]);
let next = 0;

/** An error in the server's words. */
export function words(error: unknown): string {
  if (error instanceof ApiError) {
    const told = error.error && error.reason && error.error !== error.reason ? `${error.error}: ${error.reason}` : error.message;
    return error.status ? `${told} (${error.status})` : told;
  }
  return error instanceof Error ? error.message : String(error);
}

/** Says it. Anything that is no text is an error's words. */
export function tell(what: unknown, kind: Kind = typeof what === "string" ? "good" : "bad"): void {
  const one = { id: next++, text: typeof what === "string" ? what : words(what), kind };
  toasts.value = [...toasts.value, one].slice(-TOASTS_MAX);
  setTimeout(() => drop(one.id), kind === "good" ? GOOD_MS : BAD_MS);
}

function drop(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

export function Toasts(): JSX.Element {
  return (
    <div class="toasts" aria-live="polite">
      {toasts.value.map((one) => (
        <p key={one.id} class={`toast ${one.kind}`} role={one.kind === "bad" ? "alert" : "status"}>
          <Icon name={one.kind === "good" ? "check" : "warn"} /> <span>{one.text}</span>
          <button class="plain" onClick={() => drop(one.id)}><Icon name="close" label="Dismiss" /></button>
        </p>
      ))}
    </div>
  );
}
