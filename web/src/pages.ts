// Which pages there are. The code of each is loaded when it is first shown.

import { signal } from "@preact/signals";
import { type ComponentType } from "preact";
import { isAdmin } from "./api/session";
import { config } from "./config";
import type { IconName } from "./ui/icon";

export interface Page {
  name: string;
  label: string;
  icon: IconName;
  /** Whether this server has it, and this user may see it. */
  is(): boolean;
  code(): Promise<{ default: ComponentType }>;
}

const here = () => config().mode === "dashboard";

export const PAGES: readonly Page[] = [
  { name: "overview", label: "Overview", icon: "globe", is: () => here() && isAdmin.value, code: () => import("./pages/overview") },
  { name: "databases", label: "Databases", icon: "database", is: () => true, code: () => import("./pages/databases") },
  { name: "replication", label: "Replication", icon: "link", is: () => true, code: () => import("./pages/replication") },
  { name: "tasks", label: "Active tasks", icon: "activity", is: () => isAdmin.value, code: () => import("./pages/tasks") },
  { name: "functions", label: "Functions", icon: "bolt", is: () => here() && config().has.functions, code: () => import("./pages/functions") },
  { name: "apis", label: "APIs", icon: "route", is: () => here() && config().has.functions, code: () => import("./pages/apis") },
  { name: "balancer", label: "Balancer", icon: "scales", is: () => here() && config().has.balancer && isAdmin.value, code: () => import("./pages/balancer") },
  { name: "drills", label: "Drills", icon: "flame", is: () => here() && config().has.drills && isAdmin.value, code: () => import("./pages/drills") },
];

/** What is here of them, by name. */
export const loaded = signal<ReadonlyMap<string, ComponentType>>(new Map());

/** Gets a page's code, if there is such a page. Raises what the browser does when it can't be loaded. */
export async function loadPage(name: string): Promise<void> {
  const page = PAGES.find((one) => one.name === name);
  if (!page || loaded.peek().has(name)) return;
  const { default: view } = await page.code();
  loaded.value = new Map([...loaded.peek(), [name, view]]);
}
