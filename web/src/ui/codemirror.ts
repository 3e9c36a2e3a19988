import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, indentOnInput, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { javascript, json } from "@codemirror/legacy-modes/mode/javascript";
import { python } from "@codemirror/legacy-modes/mode/python";
import { closeSearchPanel, findNext, findPrevious, gotoLine, openSearchPanel, search } from "@codemirror/search";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView, highlightActiveLine, type KeyBinding, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Language } from "./editor";

export interface Shown {
  set(text: string): void;
  destroy(): void;
}

interface How {
  value: string;
  label: string;
  language: Language;
  readOnly: boolean;
  height: string;
  changed: (text: string) => void;
}

const COLORS = HighlightStyle.define([
  { tag: tags.string, color: "var(--green)" },
  // After strings: a name in JSON is one too.
  { tag: tags.propertyName, color: "var(--blue)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--c3)" },
  { tag: tags.keyword, color: "var(--c4)" },
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.function(tags.variableName), tags.definition(tags.variableName)], color: "var(--c5)" },
]);

function looks(height: string, readOnly: boolean): Extension {
  return EditorView.theme({
    "&": { minHeight: readOnly ? "0" : "7.9rem", color: "var(--ink)", backgroundColor: "var(--card)", fontSize: "13.5px", ...(height ? { height } : { maxHeight: "70vh" }) },
    "&.cm-focused": { outline: "2px solid var(--green)", outlineOffset: "-2px" },
    ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5" },
    ".cm-content": { caretColor: "var(--ink)" },
    ".cm-gutters": { backgroundColor: "var(--paper)", color: "var(--soft)", borderRight: "1px solid var(--line)" },
    ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--hover) 60%, transparent)" },
    "::selection": { backgroundColor: "var(--blue-soft)" },
    ".cm-panels": { backgroundColor: "var(--paper)", color: "var(--ink)" },
    ".cm-tooltip": { backgroundColor: "var(--card)", color: "var(--ink)", border: "1px solid var(--line)" },
  });
}

/** The usual keys, without those for several cursors at once, which this editor has not. */
const SEARCH: readonly KeyBinding[] = [
  { key: "Mod-f", run: openSearchPanel, scope: "editor search-panel" },
  { key: "F3", run: findNext, shift: findPrevious, scope: "editor search-panel", preventDefault: true },
  { key: "Mod-g", run: findNext, shift: findPrevious, scope: "editor search-panel", preventDefault: true },
  { key: "Escape", run: closeSearchPanel, scope: "editor search-panel" },
  { key: "Mod-Alt-g", run: gotoLine },
];

function languageOf(language: Language): Extension {
  switch (language) {
    case "json":
      // Names are “string property” there, and only a word alone would be known.
      return StreamLanguage.define({ ...json, tokenTable: { property: tags.propertyName } });
    case "javascript":
      return StreamLanguage.define(javascript);
    case "python":
      return StreamLanguage.define(python);
    case "text":
      return [];
  }
}

/** Shows an editor in the shadow tree. */
export function show(root: ShadowRoot, how: How): Shown {
  let quiet = false;
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: how.value,
      extensions: [
        lineNumbers(),
        history(),
        indentOnInput(),
        bracketMatching(),
        search({ top: true }),
        syntaxHighlighting(COLORS),
        looks(how.height, how.readOnly),
        keymap.of([...defaultKeymap, ...historyKeymap, ...SEARCH, ...(how.readOnly ? [] : [indentWithTab])]),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": how.label, tabindex: "0" }),
        EditorState.readOnly.of(how.readOnly),
        how.readOnly ? [] : highlightActiveLine(),
        languageOf(how.language),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && !quiet) how.changed(update.state.doc.toString());
        }),
      ],
    }),
  });
  return {
    set(text) {
      const before = view.state.doc.toString();
      if (text === before) return;
      quiet = true;
      view.dispatch({ changes: difference(before, text) });
      quiet = false;
    },
    destroy() {
      view.destroy();
    },
  };
}

/** The one piece that differs, so that the cursor stays where it is in the rest. */
function difference(before: string, after: string): { from: number; to: number; insert: string } {
  const most = Math.min(before.length, after.length);
  let from = 0;
  while (from < most && before[from] === after[from]) from += 1;
  let same = 0;
  while (same < most - from && before[before.length - 1 - same] === after[after.length - 1 - same]) same += 1;
  return { from, to: before.length - same, insert: after.slice(from, after.length - same) };
}
