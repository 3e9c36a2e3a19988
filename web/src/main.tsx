import { render } from "preact";
import { App } from "./app";
import { loadConfig } from "./config";
import "./style/base.css";
import "./style/parts.css";
import "./style/layout.css";

const place = document.getElementById("app");
if (place) {
  await loadConfig();
  render(<App />, place);
}
