// One drill: live while it runs, then its reports.

import { useSignal, type ReadonlySignal } from "@preact/signals";
import { type JSX } from "preact";
import { useCallback, useRef } from "preact/hooks";
import { drill, drillPage, endDrill, type DrillSeen } from "../../api/dashboard";
import { Banners } from "../../site/banners";
import { useSite } from "../../site/feed";
import { go, to } from "../../router";
import { Chart } from "../../ui/chart";
import { useLive } from "../../ui/live";
import { Button, Failed, Head, Loading } from "../../ui/parts";
import { tell } from "../../ui/toast";
import { clock, rate } from "../../ui/words";
import { Verdict } from ".";
import { faultWords } from "./faults";
import { followed, lines, markedAt, momentOf, zeroOf, type Moment } from "./live";
import { reportOf } from "./report";
import { ReportView } from "./report-view";

const LOOK_MS = 700;
/** A drill that has ended changes no more, but whoever looks may be told so by another. */
const ENDED_MS = 10_000;

export function DrillView({ id }: { id: string }): JSX.Element {
  const moments = useSignal<readonly Moment[]>([]);
  const site = useSite((one) => { moments.value = followed(moments.peek(), momentOf(one)); });
  const clockZero = useRef<{ zero: number | null; lines: number }>({ zero: null, lines: 0 });
  const over = useSignal(false);
  const read = useCallback(async (signal: AbortSignal) => {
    const found = await drill(id, signal);
    const { zero, lines: before } = clockZero.current;
    clockZero.current = { zero: zeroOf(zero, found.log, before, Date.now() / 1000), lines: found.log.length };
    over.value = found.ended !== null;
    return found;
  }, [id]);
  const { value, failed, again } = useLive(read, over.value ? ENDED_MS : LOOK_MS, [id]);
  const seen = value.value;
  return (
    <>
      <Head title={seen ? faultWords(seen.fault, seen.how) : "Drill"} trail={[["Drills", to(["drills"])]]}>
        {seen && <Tools seen={seen} again={again} />}
      </Head>
      <Banners site={site} page="Drills" />
      {!seen && (failed.value ? <Failed text={failed.value} again={again} /> : <Loading />)}
      {seen && (
        <div class="stack">
          <p class="row drills-head">
            <Verdict run={seen} />
            <span class="soft">{seen.region || "the region that served"}, {seen.load} requests/s for {seen.seconds} s; began {clock(seen.began * 1000)}{seen.ended !== null && <>, ended {clock(seen.ended * 1000)}</>}</span>
          </p>
          {seen.ended === null
            ? <Running seen={seen} moments={moments} zero={clockZero.current.zero} />
            : <Ended seen={seen} />}
        </div>
      )}
    </>
  );
}

function Tools({ seen, again }: { seen: DrillSeen; again: () => Promise<void> }): JSX.Element {
  const end = async () => {
    try {
      await endDrill(seen.id);
      if (seen.ended === null) tell("The drill is told to end; what it broke is healed first");
      else {
        tell("The report is deleted");
        go(to(["drills"]));
        return;
      }
    } catch (error) {
      tell(error, "bad");
    }
    await again();
  };
  if (seen.ended === null) return <Button tone="bad" onClick={() => { void end(); }}>Heal and stop</Button>;
  return (
    <>
      {seen.reports.length > 0 && <Button icon="down" onClick={() => download(seen)}>Download JSON</Button>}
      <Button tone="bad" icon="trash" onClick={() => { void end(); }}>Delete</Button>
    </>
  );
}

function download(seen: DrillSeen): void {
  const url = URL.createObjectURL(new Blob([`${JSON.stringify(seen.reports, null, 2)}\n`], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `drill-${seen.id}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function Running({ seen, moments, zero }: { seen: DrillSeen; moments: ReadonlySignal<readonly Moment[]>; zero: number | null }): JSX.Element {
  const all = moments.value;
  const last = all.at(-1);
  const now = last ? Object.entries(last.requests).map(([name, value]) => `${name} ${rate(value)}`).join(", ") : "not known";
  return (
    <>
      <section class="card" aria-labelledby="drills-live">
        <h2 id="drills-live">Requests a second, as they come</h2>
        <Chart label={`Requests a second by region while the drill runs; now ${now}`} height={190} top={1} series={lines(all)} marks={markedAt(seen.log, zero, all)} ends={[all[0] ? clock(all[0].at * 1000) : "", "now"]} />
      </section>
      <Log log={seen.log} open />
    </>
  );
}

function Ended({ seen }: { seen: DrillSeen }): JSX.Element {
  return (
    <>
      {!seen.reports.length && <Failed text={`The drill ended without a report. ${seen.log.at(-1) ?? ""}`} />}
      {seen.reports.map((one, number) => <ReportView key={number} report={reportOf(one)} />)}
      {seen.reports.length > 0 && (
        <details class="card drills-page">
          <summary>The report’s own page, for who has no dashboard</summary>
          <iframe sandbox="" src={drillPage(seen.id)} title="The drill’s report" loading="lazy" />
          <p class="small"><a href={drillPage(seen.id)} target="_blank" rel="noreferrer">Open it alone</a></p>
        </details>
      )}
      <Log log={seen.log} open={!seen.reports.length} />
    </>
  );
}

function Log({ log, open = false }: { log: readonly string[]; open?: boolean }): JSX.Element {
  return (
    <details class="card drills-log" open={open}>
      <summary>What the drill says</summary>
      <div role="log" aria-label="What the drill says" tabIndex={0}>
        <pre>{log.join("\n") || "It waits until all regions are ready …"}</pre>
      </div>
    </details>
  );
}
