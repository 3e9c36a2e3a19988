// Where the API is: at the balancer, or at each region by itself. `regions.json` beside the page, which the
// deploy writes, says so; without it the API is where the page is.

/** One address of the API. `name` "" is the balancer's. */
export interface Place {
  name: string;
  label: string;
  url: string;
}

/** How users sign in; null: nobody has to. `issuer` is the URL of the sign-in service. */
export interface SignInWith {
  issuer: string;
  client_id: string;
}

interface Told {
  api?: string;
  balancer?: string;
  sign_in?: Partial<SignInWith> | null;
  regions?: { name: string; location?: string; gateway_url: string; api?: string }[];
}

export interface Site {
  places: Place[];
  signIn: SignInWith | null;
}

const API = "/v1/todo";

/** What the deploy says. Never fails: the page's own origin has the API in any case. */
export async function loadSite(): Promise<Site> {
  let told: Told = {};
  try {
    const answer = await fetch("regions.json", { cache: "no-cache", signal: AbortSignal.timeout(5000) });
    if (answer.ok) told = (await answer.json()) as Told;
  } catch {
    // It is an extra.
  }
  return siteOf(told, location.origin);
}

/** Pure. `origin` is the page's. */
export function siteOf(told: Told, origin: string): Site {
  const path = told.api ?? API;
  const places: Place[] = [{ name: "", label: "Any region", url: origin + path }];
  for (const region of told.regions ?? []) {
    if (!region.gateway_url) continue;
    places.push({ name: region.name, label: region.location || region.name, url: region.gateway_url.replace(/\/$/, "") + (region.api ?? path) });
  }
  const { issuer, client_id } = told.sign_in ?? {};
  return { places, signIn: issuer && client_id ? { issuer: issuer.replace(/\/$/, ""), client_id } : null };
}
