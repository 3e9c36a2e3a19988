// The editor of JSON and of code. It is loaded when it is first needed, and lives in a shadow tree, where its
// styles need no exception of the Content-Security-Policy.

import { type JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Shown } from "./codemirror";

export type Language = "json" | "javascript" | "python" | "text";

interface How {
  label: string;
  value: string;
  language?: Language;
  /** Without it the text can only be read. */
  onInput?: (text: string) => void;
  /** CSS height; else as high as the text, up to 70 % of the window. */
  height?: string;
}

export function Editor(how: How): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const shown = useRef<Shown | null>(null);
  const input = useRef(how.onInput);
  input.current = how.onInput;
  const value = useRef(how.value);
  value.current = how.value;
  useEffect(() => {
    let over = false;
    void import("./codemirror").then(({ show }) => {
      if (over || !place.current) return;
      const root = place.current.shadowRoot ?? place.current.attachShadow({ mode: "open" });
      shown.current = show(root, {
        value: value.current,
        label: how.label,
        language: how.language ?? "json",
        readOnly: !how.onInput,
        height: how.height ?? "",
        changed: (text) => input.current?.(text),
      });
    });
    return () => {
      over = true;
      shown.current?.destroy();
      shown.current = null;
    };
  }, [how.language, !how.onInput]);
  // Before the next key can come: what was typed comes back as the value, and set later it would undo that key.
  useLayoutEffect(() => shown.current?.set(how.value), [how.value]);
  return <div ref={place} class={`editor ${how.onInput ? "" : "read"}`} />;
}
