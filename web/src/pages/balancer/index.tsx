// One address for all regions: who gets the requests, and who shall not.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useRef } from "preact/hooks";
import type { BalancerNow, Overview } from "../../api/dashboard";
import { Banners } from "../../site/banners";
import { useSite, type Site } from "../../site/feed";
import { policyWords, servingWords } from "../../site/words";
import { Chart } from "../../ui/chart";
import { Copy, Empty, Failed, Head, Loading } from "../../ui/parts";
import { tell } from "../../ui/toast";
import { rate } from "../../ui/words";
import "./balancer.css";
import { DrainDialog, type Asked } from "./drain";
import { RegionCard } from "./region-card";
import { shares } from "./shares";

export default function Page(): JSX.Element {
  const before = useRef<Record<string, string>>({});
  const site = useSite((one) => { before.current = told(before.current, one); });
  const now = site.now.value;
  return (
    <>
      <Head title="Balancer" />
      <Banners site={site} page="Balancer" />
      {now ? <Seen site={site} balancer={now.balancer} /> : site.failed.value ? <Failed text={`Nothing is known of the balancer: ${site.failed.value}`} /> : <Loading />}
    </>
  );
}

/** Says what has been waited for: that a region is drained, or is let in. The states, for the next time. */
function told(before: Record<string, string>, now: Overview): Record<string, string> {
  const states = Object.fromEntries(Object.entries(now.balancer?.regions ?? {}).map(([name, one]) => [name, one.state]));
  for (const [name, state] of Object.entries(states)) {
    if (before[name] === "draining" && state === "drained") tell(`${name} is drained: no request is under way there`);
  }
  return states;
}

function Seen({ site, balancer }: { site: Site; balancer: BalancerNow | null }): JSX.Element {
  const asked = useSignal<Asked | null>(null);
  if (!balancer) {
    return (
      <Empty title="No balancer">
        <p>The file with all regions has no <code>[balancer]</code>. With one, all regions have one address, and clients are sent to one that works.</p>
      </Empty>
    );
  }
  const past = site.past.value.balancer;
  const span = site.span.value;
  const parts = shares(balancer.regions);
  const names = Object.keys(balancer.regions);
  return (
    <div class={`stack ${site.silent.value === null ? "" : "site-old"}`}>
      <section class="card" aria-label="Address">
        <h2>{balancer.answers ? servingWords(balancer.regions) : "The balancer does not answer"}</h2>
        <p class="row balancer-address"><a href={balancer.url} class="mono">{balancer.url}</a> <Copy text={balancer.url} label="Copy" /></p>
        <p class="soft">{policyWords(balancer.policy)}</p>
        {!balancer.here && <p class="note">This balancer runs on another machine, so regions are drained there, by a command.</p>}
      </section>
      <section class="card" aria-labelledby="balancer-requests">
        <h2 id="balancer-requests">Requests a second by region, last {span}</h2>
        <Chart label={`Requests a second in the last ${span}; now ${names.map((name) => `${name} ${rate(balancer.regions[name]?.requests_s)}`).join(", ")}`} height={170} top={1} ends={[`${span} ago`, "now"]}
          series={names.map((name) => ({ name, values: past[name]?.requests_s ?? [] }))} />
      </section>
      <div class="balancer-regions">
        {names.map((name, number) => (
          <RegionCard key={name} name={name} one={balancer.regions[name]!} share={parts[name] ?? null} span={span} past={past[name]?.up ?? []} color={`var(--c${(number % 6) + 1})`}
            ask={(drained) => { asked.value = { region: name, drained }; }} />
        ))}
      </div>
      {asked.value && <DrainDialog balancer={balancer} asked={asked.value} onClose={() => { asked.value = null; }} />}
    </div>
  );
}
