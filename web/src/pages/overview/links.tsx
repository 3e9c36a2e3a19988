// All links, by pairs of regions; each opens to its databases.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import type { History, LinkNow } from "../../api/dashboard";
import { to } from "../../router";
import { linkTone, type Pair } from "../../site/pairs";
import { lagWords } from "../../site/words";
import { Chart } from "../../ui/chart";
import { Badge, Empty } from "../../ui/parts";
import { count, rate } from "../../ui/words";

const DATABASES_MAX = 200;

/** `leftOut`: links that are not told, since there are too many. */
export function Links({ pairs, past, span, leftOut }: { pairs: readonly Pair[]; past: History["links"]; span: string; leftOut: number }): JSX.Element {
  if (!pairs.length) {
    return (
      <Empty title="No links">
        <p>Regions copy each other’s databases when the file with all regions says so: <code>databases = ["todos*"]</code> in <code>[replication]</code>.</p>
      </Empty>
    );
  }
  return (
    <>
      <div class="table-wrap" tabIndex={0} role="region" aria-label="Links between regions">
        <table class="overview-table">
          <caption class="hidden">Links between regions</caption>
          <thead>
            <tr>
              <th scope="col">From → to</th><th scope="col">State</th><th scope="col" class="num">Lag</th><th scope="col">Lag, last {span}</th>
              <th scope="col" class="num">Pending</th><th scope="col" class="num">Documents/s</th><th scope="col" class="num">Dead letters</th>
            </tr>
          </thead>
          {pairs.map((pair) => <Group key={pair.id} pair={pair} span={span} lag={past[pair.id]?.lag_s ?? []} />)}
        </table>
      </div>
      {leftOut > 0 && <p class="soft small">{count(leftOut)} more links are left out here; all that are not well are shown first.</p>}
    </>
  );
}

function Group({ pair, span, lag }: { pair: Pair; span: string; lag: readonly (number | null)[] }): JSX.Element {
  const open = useSignal(false);
  const many = !pair.links.length ? "" : pair.links.length === 1 ? "1 database" : `${pair.links.length} databases`;
  return (
    <tbody>
      <tr>
        <th scope="row">
          <button class="plain overview-open" aria-expanded={open.value} disabled={!pair.links.length} onClick={() => { open.value = !open.value; }}>
            <span class="overview-turn" aria-hidden="true">▸</span>
            <span>{pair.source} → {pair.target}</span> <span class="soft small">{many}</span>
          </button>
        </th>
        <td><Badge tone={pair.tone}>{pair.state}</Badge>{pair.errors[0] && <div class="small overview-error">{pair.errors[0]}</div>}</td>
        <td class="num">{lagWords(pair.lag_s)}</td>
        <td class="overview-spark"><Chart small height={24} top={1} label={`Lag from ${pair.source} to ${pair.target} in the last ${span}; now ${lagWords(pair.lag_s)}`} series={[{ name: "lag", values: lag, color: "var(--c3)" }]} /></td>
        <td class="num">{count(pair.pending)}</td>
        <td class="num">{rate(pair.rate_s)}</td>
        <td class="num"><Dead count={pair.dead_letters} /></td>
      </tr>
      {open.value && pair.links.slice(0, DATABASES_MAX).map((link) => <Database key={link.database} link={link} />)}
      {open.value && pair.links.length > DATABASES_MAX && <tr><td colSpan={7} class="soft small">and {count(pair.links.length - DATABASES_MAX)} more</td></tr>}
    </tbody>
  );
}

function Database({ link }: { link: LinkNow }): JSX.Element {
  return (
    <tr class="overview-database">
      <th scope="row">{link.database}</th>
      <td>
        <Badge tone={linkTone(link)}>{link.peer_reachable ? link.state : `${link.source} not reached`}</Badge>
        {link.error && <div class="small overview-error">{link.error}</div>}
      </td>
      <td class="num">{lagWords(link.lag_s)}</td>
      <td />
      <td class="num">{count(link.pending)}</td>
      <td class="num">{rate(link.rate_s)}</td>
      <td class="num"><Dead count={link.dead_letters} /></td>
    </tr>
  );
}

/** Changes that could not be written lead to where they are looked at. */
function Dead({ count: many }: { count: number }): JSX.Element {
  return many ? <a href={to(["replication"])} class="overview-dead">{count(many)}</a> : <>0</>;
}
