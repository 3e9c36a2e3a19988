import { signal } from "@preact/signals";
import { type JSX } from "preact";
import { Icon } from "./icon";

const KEY = "couchgrass-theme";

function kept(): string {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

const theme = signal(kept());
const dark = matchMedia("(prefers-color-scheme: dark)");

function apply(): void {
  if (theme.value) document.documentElement.dataset.theme = theme.value;
  else delete document.documentElement.dataset.theme;
}
apply();

/** Light or dark; until it is pressed, as the system has it. */
export function ThemeSwitch(): JSX.Element {
  const isDark = theme.value ? theme.value === "dark" : dark.matches;
  const turn = () => {
    theme.value = isDark ? "light" : "dark";
    apply();
    try {
      localStorage.setItem(KEY, theme.value);
    } catch {
      // A browser that keeps nothing shows it until the page is closed.
    }
  };
  return (
    <button class="plain" onClick={turn}>
      <Icon name={isDark ? "sun" : "moon"} label={isDark ? "Light colours" : "Dark colours"} />
    </button>
  );
}
