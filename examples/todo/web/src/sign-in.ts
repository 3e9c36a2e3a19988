// Signing in, when the app wants it: the authorization code flow with PKCE of the region's sign-in service,
// which has the form for name and password. Tokens are kept for this window only.

import { signal } from "@preact/signals";
import type { SignInWith } from "./places";

const KEY = "todo-tokens";
const ASKED = "todo-sign-in";
const EARLY_MS = 30_000;

interface Tokens {
  access: string;
  refresh: string;
  /** When the access token ends, in milliseconds since the epoch. */
  until: number;
  email: string;
}

/** Who is signed in; null: nobody. */
export const person = signal<string | null>(null);

let service: SignInWith | null = null;
let tokens: Tokens | null = null;
let refreshing: Promise<void> | null = null;

/** Begins: takes what the sign-in service sent back, or what is kept. Raises Error with the service's words. */
export async function begin(how: SignInWith): Promise<void> {
  service = how;
  const query = new URLSearchParams(location.search);
  const asked = JSON.parse(sessionStorage.getItem(ASKED) ?? "null") as { state: string; verifier: string; hash: string } | null;
  if (query.has("state") && asked && query.get("state") === asked.state) {
    sessionStorage.removeItem(ASKED);
    history.replaceState(null, "", location.pathname + asked.hash);
    const refusal = query.get("error_description") ?? query.get("error");
    if (refusal) throw new Error(refusal);
    await grant({ grant_type: "authorization_code", code: query.get("code") ?? "", redirect_uri: here(), code_verifier: asked.verifier });
    return;
  }
  const kept = sessionStorage.getItem(KEY);
  if (kept) keep(JSON.parse(kept) as Tokens);
}

/** Leads to the form of the sign-in service, which leads back here. */
export async function signIn(): Promise<void> {
  if (!service) return;
  const [state, verifier] = [secret(), secret()];
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  sessionStorage.setItem(ASKED, JSON.stringify({ state, verifier, hash: location.hash }));
  const query = new URLSearchParams({
    response_type: "code",
    client_id: service.client_id,
    redirect_uri: here(),
    scope: "openid",
    state,
    code_challenge: base64url(digest),
    code_challenge_method: "S256",
  });
  location.assign(`${service.issuer}/authorization?${query}`);
}

export function signOut(): void {
  tokens = null;
  person.value = null;
  sessionStorage.removeItem(KEY);
}

/** The access token, renewed when it is about to end; "" when nobody is signed in. */
export async function token(): Promise<string> {
  if (!tokens) return "";
  if (Date.now() > tokens.until - EARLY_MS && tokens.refresh) {
    refreshing ??= grant({ grant_type: "refresh_token", refresh_token: tokens.refresh })
      .catch(() => {
        // While the service does not answer the old one is tried; when it says no, somebody signs in again.
        if (tokens && Date.now() > tokens.until) signOut();
      })
      .finally(() => { refreshing = null; });
    await refreshing;
  }
  return tokens?.access ?? "";
}

async function grant(fields: Record<string, string>): Promise<void> {
  if (!service) return;
  const answer = await fetch(`${service.issuer}/token`, {
    method: "POST",
    body: new URLSearchParams({ ...fields, client_id: service.client_id }),
    credentials: "omit",
    signal: AbortSignal.timeout(10_000),
  });
  const told = (await answer.json()) as Record<string, unknown>;
  if (!answer.ok) throw new Error(String(told.error_description ?? told.error ?? "the sign-in was refused"));
  const access = String(told.access_token);
  const claims = claimsOf(String(told.id_token ?? access));
  keep({
    access,
    refresh: String(told.refresh_token ?? ""),
    until: Date.now() + Number(told.expires_in ?? 3600) * 1000,
    email: String(claims.email ?? claims.name ?? claims.sub ?? "somebody"),
  });
}

function keep(found: Tokens): void {
  tokens = found;
  person.value = found.email;
  sessionStorage.setItem(KEY, JSON.stringify(found));
}

function here(): string {
  return location.origin + location.pathname;
}

function secret(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** What a token says of its owner; nothing here relies on it. */
export function claimsOf(jwt: string): Record<string, unknown> {
  try {
    const part = (jwt.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (char) => char.charCodeAt(0)))) as Record<string, unknown>;
  } catch {
    return {};
  }
}
