// What the server that these pages come from says of itself: `config.json` beside the page.

import { ApiError, getJson } from "./api/http";

/** `mode`: a region's dashboard, or the pages of one database server (`/_utils/`), which has CouchDB's API
 * alone. `couch` is where that API is, relative to the page. `dashboard_url`: where the region's dashboard
 * is, "" when nobody knows. `others`: the dashboards of all regions. */
export interface Config {
  mode: "dashboard" | "database";
  version: string;
  couch: string;
  region: string;
  dashboard_url: string;
  others: { name: string; url: string }[];
  has: { functions: boolean; gateway: boolean; balancer: boolean; drills: boolean };
}

const DATABASE: Config = {
  mode: "database",
  version: "",
  couch: "../",
  region: "",
  dashboard_url: "",
  others: [],
  has: { functions: false, gateway: false, balancer: false, drills: false },
};

let found: Config = DATABASE;

/** The configuration; `loadConfig` has run before anything is shown. */
export function config(): Config {
  return found;
}

/** Asks for it. Any other server that serves these files has no such file, and a CouchDB one level up. */
export async function loadConfig(): Promise<Config> {
  try {
    found = { ...DATABASE, ...(await getJson<Partial<Config>>("config.json")) };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    found = DATABASE;
  }
  return found;
}
