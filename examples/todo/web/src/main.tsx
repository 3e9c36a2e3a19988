import { render } from "preact";
import { App } from "./app";
import { loadSite } from "./places";
import { begin } from "./sign-in";
import "./todo.css";

const place = document.getElementById("app");
if (place) {
  const site = await loadSite();
  let refused = "";
  if (site.signIn) await begin(site.signIn).catch((error: unknown) => { refused = error instanceof Error ? error.message : String(error); });
  render(<App site={site} refused={refused} />, place);
}
