// Who is signed in, by the database's session cookie.

import { computed, signal } from "@preact/signals";
import { config } from "../config";
import { ApiError, getJson, onUnauthorized } from "./http";

/** CouchDB's user context. `name` null: nobody. */
export interface UserCtx {
  name: string | null;
  roles: string[];
}

/** undefined: not asked yet. */
export const user = signal<UserCtx | undefined>(undefined);
export const isAdmin = computed(() => user.value?.roles.includes("_admin") ?? false);
export const signedOut = signal("");

interface SessionAnswer {
  userCtx: UserCtx;
}

let early: { couch: string; answer: Promise<SessionAnswer> } | null = null;

const asked = (couch: string) => getJson<SessionAnswer>(`${couch}_session`);

/** Asks the database that is probably at `couch`, before it is known where it is. */
export function askEarly(couch: string): void {
  early = { couch, answer: asked(couch) };
  // Who waits for it hears of it.
  early.answer.catch(() => {});
}

/** Asks who this is. Raises ApiError when the database does not answer. */
export async function loadSession(): Promise<void> {
  const { couch } = config();
  const under = early?.couch === couch ? early.answer : asked(couch);
  early = null;
  try {
    user.value = (await under).userCtx;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) user.value = { name: null, roles: [] };
    else throw error;
  }
}

/** Raises ApiError: 401 when name or password is wrong. */
export async function signIn(name: string, password: string): Promise<void> {
  await getJson(`${config().couch}_session`, { method: "POST", json: { name, password } });
  await loadSession();
  signedOut.value = "";
}

/** Raises ApiError. */
export async function signOut(): Promise<void> {
  await getJson(`${config().couch}_session`, { method: "DELETE" });
  user.value = { name: null, roles: [] };
}

// A 401 may also mean that this user may not do this, which is no reason to sign out: who is signed in is asked.
onUnauthorized(() => {
  if (!user.value?.name) return;
  void loadSession().then(
    () => {
      if (!user.value?.name) signedOut.value = "The session has ended. Please sign in again.";
    },
    () => {},
  );
});
