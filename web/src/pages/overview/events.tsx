// What happened lately, the newest first.

import { type JSX } from "preact";
import type { History } from "../../api/dashboard";
import { clock } from "../../ui/words";

const SHOWN = 12;

/** "12:03:04"; of another day "25 Nov 12:03". `at`: seconds since the epoch. */
export function when(at: number, now: number = Date.now()): string {
  const then = new Date(at * 1000);
  if (then.toDateString() === new Date(now).toDateString()) return clock(at * 1000, now);
  return `${then.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${then.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
}

export function Events({ events }: { events: History["events"] }): JSX.Element {
  const last = events.slice(-SHOWN).reverse();
  return (
    <section class="card" aria-labelledby="overview-happened">
      <h2 id="overview-happened">What happened</h2>
      {last.length ? (
        <ol class="overview-events">
          {last.map((one) => (
            <li key={`${one.at}${one.region}${one.text}`} class={one.tone}>
              <time class="nums soft small" dateTime={new Date(one.at * 1000).toISOString()}>{when(one.at)}</time>
              <span>{one.text}</span>
            </li>
          ))}
        </ol>
      ) : <p class="soft">Nothing since the dashboard began to look.</p>}
    </section>
  );
}
