// All of one region: its state, and small charts of the last hour.

import { type ComponentChildren, type JSX } from "preact";
import type { History, RegionNow } from "../../api/dashboard";
import { config } from "../../config";
import { to } from "../../router";
import { share, shareWords, Strip } from "../../site/strip";
import { at, lagWords, REGION_WORDS } from "../../site/words";
import { Chart } from "../../ui/chart";
import { Badge } from "../../ui/parts";
import { rate } from "../../ui/words";

type PastOfRegion = History["regions"][string];

export function RegionCard({ region, past, span }: { region: RegionNow; past: PastOfRegion | undefined; span: string }): JSX.Element {
  const { word, tone } = REGION_WORDS[region.state];
  const { rates } = region;
  return (
    <section class={`card overview-region ${region.state}`} aria-label={region.name}>
      <header class="row">
        <h3>{region.name}</h3>
        <Badge tone={tone}>{word}</Badge>
        <span class="soft small nums">since {at(region.since)}</span>
        <span class="grow" />
        <span class="soft small">{region.location}{region.name === config().region && " · this region"}</span>
      </header>
      {region.reasons.length > 0 && (
        <ul class="overview-reasons">{region.reasons.map((one) => <li key={one}>{one}</li>)}</ul>
      )}
      <dl class="overview-tiles">
        <Tile label="Requests/s" value={rate(rates.requests_s)} of={region.name} span={span} past={past?.requests_s} />
        <Tile label="Errors/s" value={rate(rates.errors_s)} of={region.name} span={span} past={past?.errors_s} color="var(--red)" bad={(rates.errors_s ?? 0) > 0.05} />
        <Tile label="Lag" value={lagWords(region.lag_s)} of={region.name} span={span} past={past?.lag_s} color="var(--c3)" top={1} />
        <Tile label="Activations/s" value={rate(rates.activations_s)} of={region.name} span={span} past={past?.activations_s} color="var(--c2)" />
        <Tile label="Cold starts/s" value={rate(rates.cold_s)} of={region.name} span={span} past={past?.cold_s} color="var(--c4)" />
        <div>
          <dt>Ready, last {span}</dt>
          <dd class="nums">{share(past?.up ?? [])}</dd>
          <dd><Strip values={past?.up ?? []} label={`${region.name}: ${shareWords(past?.up ?? [], span, "ready")}`} /></dd>
        </div>
      </dl>
      <Links region={region} />
    </section>
  );
}

function Tile(how: { label: string; value: string; of: string; span: string; past: readonly (number | null)[] | undefined; color?: string; top?: number; bad?: boolean }): JSX.Element {
  return (
    <div class={how.bad ? "bad" : ""}>
      <dt>{how.label}</dt>
      <dd class="nums">{how.value}</dd>
      <dd>
        <Chart small height={30} label={`${how.label} of ${how.of} in the last ${how.span}; now ${how.value}`} top={how.top ?? 1}
          series={[{ name: how.label, values: how.past ?? [], color: how.color ?? "var(--c1)" }]} />
      </dd>
    </div>
  );
}

function Links({ region }: { region: RegionNow }): JSX.Element {
  const here = region.name === config().region;
  const places = [["gateway", region.gateway_url], ["functions", region.functions_url], ["database", region.database_url]] as const;
  return (
    <p class="overview-links small">
      {here ? <a href={to(["databases"])}>Databases</a> : region.dashboard_url && <Away href={region.dashboard_url}>Dashboard of {region.name}</Away>}
      <span class="grow" />
      <span class="soft">Addresses: {places.map(([name, url]) => url && <Away key={name} href={url}>{name}</Away>)}</span>
    </p>
  );
}

function Away({ href, children }: { href: string; children: ComponentChildren }): JSX.Element {
  return <a href={href} target="_blank" rel="noreferrer">{children}</a>;
}
