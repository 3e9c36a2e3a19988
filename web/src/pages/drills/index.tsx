// Drills: something is broken under load, and what was lost is measured. #/drills, #/drills/ID

import { type JSX } from "preact";
import { drills, endDrill, type DrillRun } from "../../api/dashboard";
import { config } from "../../config";
import { route, to } from "../../router";
import { clock } from "../../ui/words";
import { useLive } from "../../ui/live";
import { Badge, Button, Empty, Failed, Head, Loading, type Tone } from "../../ui/parts";
import { Table } from "../../ui/table";
import { tell } from "../../ui/toast";
import { DrillView } from "./drill";
import "./drills.css";
import { faultWords } from "./faults";
import { DrillForm } from "./form";

const LIST_MS = 2000;

export default function Page(): JSX.Element {
  const id = route.value.parts[1];
  return id ? <DrillView key={id} id={id} /> : <All />;
}

function All(): JSX.Element {
  const { value, failed, again } = useLive(drills, LIST_MS, []);
  const seen = value.value;
  if (!seen) return <><Head title="Drills" />{failed.value ? <Failed text={failed.value} again={again} /> : <Loading />}</>;
  const runs = seen.drills.find((one) => one.ended === null);
  return (
    <>
      <Head title="Drills" />
      {failed.value && <Failed text={failed.value} again={again} />}
      <div class="stack">
        {!seen.available && !runs
          ? <Empty title="No drill can be started here"><p>{seen.why}</p></Empty>
          : <DrillForm regions={config().others.map((one) => one.name)} runs={runs} />}
        <section aria-labelledby="drills-kept">
          <h2 id="drills-kept" class="drills-title">Reports</h2>
          <Table label="Drills" rows={seen.drills} id={(one) => one.id} sorted="-began" pageRows={20} columns={COLUMNS(again)}
            empty={<Empty title="No drill so far"><p>After a drill its report is kept here: what users saw, and whether anything was lost.</p></Empty>} />
        </section>
      </div>
    </>
  );
}

const COLUMNS = (again: () => Promise<void>) => [
  { name: "began", title: "Began", sort: (one: DrillRun) => one.began, cell: (one: DrillRun) => <a href={to(["drills", one.id])} class="drills-when">{clock(one.began * 1000)}</a> },
  { name: "fault", title: "What broke", cell: (one: DrillRun) => faultWords(one.fault, one.how) },
  { name: "region", title: "Region", cell: (one: DrillRun) => one.region ? <span class="drills-when">{one.region}</span> : "the one that served" },
  { name: "load", title: "Load", number: true, sort: (one: DrillRun) => one.load, cell: (one: DrillRun) => <span class="drills-when">{one.load}/s for {one.seconds} s</span> },
  { name: "kept", title: "Promises", cell: (one: DrillRun) => <Verdict run={one} /> },
  {
    name: "do", title: <span class="hidden">Remove</span>, number: true,
    cell: (one: DrillRun) => one.ended !== null && <Button tone="plain" icon="trash" title="Delete the report" onClick={() => { void remove(one, again); }}><span class="hidden">Delete the report of {clock(one.began * 1000)}</span></Button>,
  },
];

async function remove(one: DrillRun, again: () => Promise<void>): Promise<void> {
  try {
    await endDrill(one.id);
    tell("The report is deleted");
  } catch (error) {
    tell(error, "bad");
  }
  await again();
}

/** Whether all was as it should be, in a word. */
export function verdict(run: DrillRun): { word: string; tone: Tone } {
  if (run.ended === null) return { word: "running", tone: "warn" };
  if (run.kept === null) return { word: "no report", tone: "soft" };
  return run.kept ? { word: "all kept", tone: "good" } : { word: `${run.broken_promises.length || "some"} not kept`, tone: "bad" };
}

export function Verdict({ run }: { run: DrillRun }): JSX.Element {
  const { word, tone } = verdict(run);
  return <Badge tone={tone}>{word}</Badge>;
}
