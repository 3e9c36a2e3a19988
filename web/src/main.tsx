import { render } from "preact";
import { askEarly } from "./api/session";
import { App } from "./app";
import { loadConfig } from "./config";
import { loadPage } from "./pages";
import { route } from "./router";
import "./style/base.css";
import "./style/parts.css";
import "./style/layout.css";

const place = document.getElementById("app");
if (place) {
  // What does not need the answer to something else is asked at once. Where the database is can be told by the
  // address nearly always; `config.json` has the last word.
  const utils = location.pathname.includes("/_utils/");
  askEarly(utils ? "../" : "couch/");
  loadPage(route.value.parts[0] ?? (utils ? "databases" : "overview")).catch(() => {});
  await loadConfig();
  render(<App />, place);
}
