// What an activation's record says: how it ended, how long it took, its result, its log.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import type { Access } from "../../api/functions";
import type { Activation } from "../../api/whisk";
import { Editor } from "../../ui/editor";
import { Badge, Copy, Fact, Facts } from "../../ui/parts";
import { bytes, count, millis } from "../../ui/words";
import { ActivationLink } from "./links";
import { children, logLine, statusOf, timeOfDay, timings, type Timings } from "./records";

const LINES = 500;
const RESULT_CHARS = 300_000;

export function RecordView({ access, record }: { access: Access; record: Activation }): JSX.Element {
  const [status, tone] = statusOf(record);
  const times = timings(record);
  const result = JSON.stringify(record.response.result, null, 2) ?? "";
  const below = children(record);
  // The log of a sequence is nothing but the ids that are linked.
  const ids = below.length > 0 && below.length === record.logs.length && record.logs[0] === below[0];
  return (
    <div class="stack">
      <div class="row">
        <Badge tone={tone}>{status}</Badge>
        {times && <Heat times={times} />}
      </div>
      {times && <TimeBar times={times} />}
      {below.length > 0 && (
        <section>
          <h3>What it brought about</h3>
          <ol class="functions-components">{below.map((id) => <li key={id}><ActivationLink access={access} id={id} /></li>)}</ol>
        </section>
      )}
      <section>
        <div class="row"><h3>Result</h3>{record.response.size !== undefined && <span class="soft small">{bytes(record.response.size)}</span>}<span class="grow" /><Copy text={result} label="Copy result" /></div>
        {result.length <= RESULT_CHARS ? <Editor label="Result" value={result} /> : <p class="note">The result is too long to be shown; it can be copied.</p>}
      </section>
      {!ids && (
        <section>
          <h3>Log</h3>
          <Log lines={record.logs} />
        </section>
      )}
    </div>
  );
}

/** Whether a process had to be started for it. */
export function Heat({ times }: { times: Timings }): JSX.Element {
  return times.init === null ? <Badge tone="good">warm</Badge> : <Badge tone="warn">cold</Badge>;
}

/** How long it waited, was made ready, and ran. */
export function TimeBar({ times }: { times: Timings }): JSX.Element {
  const parts = [
    { name: "wait", words: "Waited", ms: times.wait },
    ...(times.init === null ? [] : [{ name: "init", words: "Made ready (init)", ms: times.init }]),
    { name: "run", words: "Ran", ms: times.run },
  ];
  const whole = parts.reduce((sum, part) => sum + part.ms, 0);
  return (
    <div class="functions-times">
      <div class="functions-bar-line" aria-hidden="true">
        {parts.map((part) => <i key={part.name} class={`functions-${part.name}`} style={{ flexGrow: String(whole ? part.ms / whole : 1) }} />)}
      </div>
      <Facts>
        {parts.map((part) => <Fact key={part.name} label={part.words}><i class={`functions-dot functions-${part.name}`} />{millis(part.ms)}</Fact>)}
      </Facts>
    </div>
  );
}

/** The lines of a log, with the time and the stream of each. */
export function Log({ lines }: { lines: readonly string[] }): JSX.Element {
  const all = useSignal(false);
  if (!lines.length) return <p class="soft">It wrote nothing.</p>;
  const shown = all.value ? lines : lines.slice(0, LINES);
  return (
    <>
      <div class="functions-log" tabIndex={0} role="region" aria-label="Log">
        {shown.map((text, index) => {
          const line = logLine(text);
          return (
            <p key={index} class={line.stream === "stderr" ? "err" : ""}>
              {line.at && <span class="at" title={line.at}>{timeOfDay(line.at)}</span>}
              {line.stream && <span class="stream">{line.stream}</span>}
              <span>{line.text}</span>
            </p>
          );
        })}
      </div>
      {shown.length < lines.length && <p><button type="button" onClick={() => { all.value = true; }}>Show all {count(lines.length)} lines</button></p>}
    </>
  );
}
