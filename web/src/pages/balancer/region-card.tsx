// One region as the balancer sees it.

import { type JSX } from "preact";
import type { Admitted } from "../../api/dashboard";
import type { Past } from "../../site/past";
import { share as wellShare, shareWords, Strip } from "../../site/strip";
import { admittedWords, at } from "../../site/words";
import { Badge, Button, Fact, Facts } from "../../ui/parts";
import { count, rate } from "../../ui/words";
import { isDrained, underWay } from "./shares";

/** In the past, who stood by could have served. */
const STANDBY = 0.5;

/** Serving and standing by alternate while a region is in; the balancer remembers when it was let in. */
const IN: ReadonlySet<string> = new Set<Admitted["state"]>(["serving", "standby"]);

interface How {
  name: string;
  one: Admitted;
  /** Of all requests, 0 to 1; null: not known. */
  share: number | null;
  /** How long `past` is, in words. */
  span: string;
  past: Past;
  color: string;
  ask: (drained: boolean) => void;
}

export function RegionCard({ name, one, share, span, past, color, ask }: How): JSX.Element {
  const { tone, means } = admittedWords(one.state);
  const drained = isDrained(one);
  return (
    <section class="card balancer-region" aria-label={name}>
      <header class="row">
        <h3>{name}</h3> <Badge tone={tone}>{one.state}</Badge> <span class="soft small nums">{IN.has(one.state) ? "let in" : "since"} {at(one.since)}</span>
        <span class="grow" />
        {drained
          ? <Button tone="main" onClick={() => ask(false)}>Let in again</Button>
          : <Button onClick={() => ask(true)}>Drain</Button>}
      </header>
      <p class="soft small">
        {means && `It ${means}.`} {one.reason && <span>Why: {one.reason}.</span>}
      </p>
      {one.state === "draining" && <p class="note" role="status">Draining: {underWay(one.requests)}.</p>}
      <div class="balancer-share">
        <div class="row small"><span class="soft">Share of all requests</span> <span class="grow" /> <strong class="nums">{share === null ? "–" : `${Math.round(share * 100)} %`}</strong></div>
        <div class="bar"><i style={{ width: `${(share ?? 0) * 100}%`, background: color }} /></div>
      </div>
      <Facts>
        <Fact label="requests/s">{rate(one.requests_s)}</Fact>
        <Fact label="under way">{count(one.requests)}</Fact>
        {one.weight !== null && <Fact label="weight">{one.weight}</Fact>}
        <Fact label={`could serve, last ${span}`}>{wellShare(past, STANDBY)}</Fact>
      </Facts>
      <div>
        <Strip calm values={past} label={`${name}: ${shareWords(past, span, "could serve", STANDBY)}`} />
        <div class="row small soft"><span>{span} ago</span><span class="grow" /><span class="balancer-key good">serving</span><span class="balancer-key calm">standing by</span><span class="balancer-key bad">out or drained</span><span class="grow" /><span>now</span></div>
      </div>
    </section>
  );
}
