// All regions at a glance: what is well, what is not, since when.

import { type JSX } from "preact";
import type { Overview } from "../../api/dashboard";
import { Banners } from "../../site/banners";
import { useSite, type Site } from "../../site/feed";
import { pairsOf } from "../../site/pairs";
import { summary } from "../../site/words";
import { Failed, Head, Loading } from "../../ui/parts";
import { Events } from "./events";
import { Links } from "./links";
import { WorldMap } from "./map";
import "./overview.css";
import { RegionCard } from "./region-card";
import { Serving } from "./serving";

export default function Page(): JSX.Element {
  const site = useSite();
  const now = site.now.value;
  return (
    <>
      <Head title="Overview" />
      <Banners site={site} page="Overview" />
      {now ? <Seen site={site} now={now} /> : site.failed.value ? <Failed text={`Nothing is known of the regions: ${site.failed.value}`} /> : <Loading />}
    </>
  );
}

function Seen({ site, now }: { site: Site; now: Overview }): JSX.Element {
  const past = site.past.value;
  const span = site.span.value;
  const pairs = pairsOf(now.links, now.regions, Object.keys(past.links));
  return (
    <div class={`stack ${site.silent.value === null ? "" : "site-old"}`}>
      <section class="card overview-world" aria-labelledby="overview-regions">
        <header>
          <h2 id="overview-regions">{summary(now)}</h2>
          <Legend />
        </header>
        <WorldMap now={now} pairs={pairs} />
      </section>
      <div class="overview-regions">
        {now.regions.map((one) => <RegionCard key={one.name} region={one} past={past.regions[one.name]} span={span} />)}
      </div>
      <section aria-labelledby="overview-links">
        <h2 id="overview-links" class="overview-title">Links</h2>
        <Links pairs={pairs} past={past.links} span={span} leftOut={now.links_left_out} />
      </section>
      <div class="overview-below">
        <Events events={past.events} />
        {now.balancer && <Serving balancer={now.balancer} />}
      </div>
    </div>
  );
}

function Legend(): JSX.Element {
  return (
    <ul class="legend overview-legend" aria-label="Links’ colours">
      <li><i class="good" />in step</li>
      <li><i class="warn" />behind</li>
      <li><i class="bad" />cut or failing</li>
    </ul>
  );
}
