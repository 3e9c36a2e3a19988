// A report: promises, facts, and requests over time.

import { type JSX } from "preact";
import { config } from "../../config";
import { Chart } from "../../ui/chart";
import { Icon } from "../../ui/icon";
import { count, millis } from "../../ui/words";
import { faultWords } from "./faults";
import { facts, marks, series, type Report } from "./report";

export function ReportView({ report }: { report: Report }): JSX.Element {
  const { fault } = report;
  const broken = report.broken_promises;
  const title = `${faultWords(fault.kind, fault.how)}${fault.region ? `: ${[fault.region, fault.other].filter(Boolean).join(" and ")}` : ""}`;
  return (
    <section class="card drills-report" aria-label={title}>
      <header class="row"><h2>{title}</h2></header>
      {broken.length > 0
        ? <ul class="drills-broken">{broken.map((one) => <li key={one}><Icon name="warn" /> {one}</li>)}</ul>
        : <p class="drills-kept"><Icon name="check" /> All promises were kept.</p>}
      {report.slots.length > 1 && (
        <div>
          <h3>Requests a second by region</h3>
          <Chart label="Requests a second by region, and those that failed, during the drill" height={180} top={1} series={series(report, config().others.map((one) => one.name))} marks={marks(report)}
            ends={["0 s", `${report.seconds.toFixed(0)} s`]} />
          <p class="soft small">The dashed lines: broken after {report.broke_s.toFixed(1)} s, healed after {report.healed_s.toFixed(1)} s.</p>
        </div>
      )}
      <div class="drills-tables">
        <Facts report={report} />
        <Methods report={report} />
      </div>
      {report.failures.length > 0 && <Failures report={report} />}
    </section>
  );
}

function Facts({ report }: { report: Report }): JSX.Element {
  return (
    <div>
      <h3>Facts</h3>
      <div class="table-wrap" tabIndex={0} role="region" aria-label="Facts">
        <table class="drills-facts"><tbody>{facts(report).map(([name, value]) => <tr key={name}><th scope="row">{name}</th><td>{value}</td></tr>)}</tbody></table>
      </div>
    </div>
  );
}

function Methods({ report }: { report: Report }): JSX.Element {
  return (
    <div>
      <h3>Requests by method</h3>
      <div class="table-wrap" tabIndex={0} role="region" aria-label="Requests by method">
        <table class="drills-methods">
          <thead><tr><th scope="col">Method</th><th scope="col" class="num">Requests</th><th scope="col" class="num">Failed</th><th scope="col" class="num">Median</th><th scope="col" class="num">99 of 100</th></tr></thead>
          <tbody>
            {report.methods.map((one) => (
              <tr key={one.method}>
                <th scope="row">{one.method}</th><td class="num">{count(one.requests)}</td><td class="num">{count(one.failed)}</td>
                <td class="num">{millis(one.p50_ms)}</td><td class="num">{millis(one.p99_ms)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function Failures({ report }: { report: Report }): JSX.Element {
  return (
    <details>
      <summary>Requests that failed, one by one ({report.failures.length})</summary>
      <div class="table-wrap" tabIndex={0} role="region" aria-label="Requests that failed">
        <table>
          <thead><tr><th scope="col">Method</th><th scope="col" class="num">At</th><th scope="col" class="num">Took</th><th scope="col">Status</th><th scope="col">Region</th><th scope="col">Said</th></tr></thead>
          <tbody>
            {report.failures.map((one, number) => (
              <tr key={number}>
                <td>{one.method}</td><td class="num">{one.at_s.toFixed(2)} s</td><td class="num">{one.took_s.toFixed(2)} s</td>
                <td>{one.status || "no answer"}</td><td>{one.region || "–"}</td><td>{one.error}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
