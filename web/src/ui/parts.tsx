// Small parts that every page is made of.

import { useSignal } from "@preact/signals";
import { type ComponentChildren, type JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "./icon";

/** A page's title, where it stands (`trail`: pairs of words and addresses), and its buttons. */
export function Head(how: { title: ComponentChildren; trail?: readonly (readonly [string, string])[]; children?: ComponentChildren }): JSX.Element {
  return (
    <header class="head">
      <div>
        {how.trail && (
          <nav class="trail" aria-label="Above">
            {how.trail.map(([words, href]) => <a key={href} href={href}>{words}</a>)}
          </nav>
        )}
        <h1>{how.title}</h1>
      </div>
      {how.children && <div class="tools">{how.children}</div>}
    </header>
  );
}

export function Loading({ text = "Loading …" }: { text?: string }): JSX.Element {
  return <p class="loading" role="status">{text}</p>;
}

/** What went wrong, and a way on. */
export function Failed({ text, again }: { text: string; again?: () => void }): JSX.Element {
  return (
    <div class="failed" role="alert">
      <p><Icon name="warn" /> {text}</p>
      {again && <button onClick={again}>Try again</button>}
    </div>
  );
}

/** What there would be here, and how to get it. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <p><strong>{title}</strong></p>
      {children}
    </div>
  );
}

export type Tone = "good" | "bad" | "warn" | "soft" | "plain";

/** A word about a state, with a colour that says no more than the word. */
export function Badge({ tone = "plain", children }: { tone?: Tone; children: ComponentChildren }): JSX.Element {
  return <span class={`badge ${tone}`}>{children}</span>;
}

/** A number with what it counts. */
export function Fact({ label, children, tone }: { label: string; children: ComponentChildren; tone?: Tone }): JSX.Element {
  return (
    <div class={`fact ${tone ?? ""}`}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function Facts({ children }: { children: ComponentChildren }): JSX.Element {
  return <dl class="facts">{children}</dl>;
}

export function Button(how: { icon?: IconName; tone?: "main" | "bad" | "plain"; busy?: boolean; disabled?: boolean; onClick: () => void; title?: string; children: ComponentChildren }): JSX.Element {
  return (
    <button type="button" class={how.tone ?? ""} disabled={how.busy || how.disabled} title={how.title} onClick={how.onClick}>
      {how.icon && <Icon name={how.icon} />} {how.children}
    </button>
  );
}

/** Copies a text; says so. */
export function Copy({ text, label = "Copy" }: { text: string; label?: string }): JSX.Element {
  const done = useSignal(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without the right, or on a page that is not by https: the old way.
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    done.value = true;
    setTimeout(() => { done.value = false; }, 2000);
  };
  return (
    <button type="button" class="copy" onClick={copy} aria-label={`${label}: ${text.length < 60 ? text : "the text"}`}>
      <Icon name={done.value ? "check" : "copy"} /> <span aria-live="polite">{done.value ? "Copied" : label}</span>
    </button>
  );
}

/** Choices of which one is on: links, so that the address says which. */
export function Tabs({ label, tabs, current }: { label: string; tabs: readonly { name: string; words: ComponentChildren; href: string }[]; current: string }): JSX.Element {
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a narrow screen the one that is on may be beyond the edge.
    const on = nav.current?.querySelector<HTMLElement>("[aria-current]");
    if (nav.current && on) nav.current.scrollLeft = Math.max(0, on.offsetLeft - nav.current.offsetLeft + on.offsetWidth - nav.current.clientWidth);
  }, [current]);
  return (
    <nav ref={nav} class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <a key={tab.name} href={tab.href} aria-current={tab.name === current ? "page" : undefined}>{tab.words}</a>
      ))}
    </nav>
  );
}

/** How far something is; null: not known. */
export function Progress({ value, label }: { value: number | null; label: string }): JSX.Element {
  const told = value === null ? {} : { value: Math.min(Math.max(value, 0), 1) };
  return <progress max={1} {...told} aria-label={label} />;
}
