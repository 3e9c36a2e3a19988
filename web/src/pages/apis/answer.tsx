// What an API answered. Nothing of it is ever run: HTML is shown as text.

import { type JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Outcome } from "../../api/apis";
import { activation, type Access } from "../../api/functions";
import { Editor } from "../../ui/editor";
import { useLive } from "../../ui/live";
import { Badge, Button, Fact, Facts, Failed, Loading } from "../../ui/parts";
import { save } from "../../ui/save";
import { bytes, millis } from "../../ui/words";
import { ActivationLink } from "../functions/links";
import { Heat, Log, TimeBar } from "../functions/record";
import { timings } from "../functions/records";
import { shownAs } from "./request";

const SHOWN_CHARS = 300_000;
/** What the dashboard's server adds, for the page's own sake. */
const ADDED = new Set(["content-security-policy", "x-content-type-options"]);

export function Answer({ access, name, outcome }: { access: Access; name: string; outcome: Outcome }): JSX.Element {
  const header = (wanted: string) => outcome.headers.find(([one]) => one.toLowerCase() === wanted)?.[1] ?? "";
  const id = header("x-openwhisk-activation-id");
  const region = header("x-couchgrass-region");
  if (outcome.redirected) {
    return <section class="card" aria-label="Answer" role="status"><p>The API answered with a redirect. A browser does not tell a page where to; the curl command does.</p></section>;
  }
  const tone = outcome.status < 300 ? "good" : outcome.status < 500 ? "warn" : "bad";
  return (
    <section class="card stack" aria-label="Answer" aria-live="polite">
      <div class="row"><h2>Answer</h2><Badge tone={tone}>{outcome.status} {outcome.statusText}</Badge></div>
      <Facts>
        <Fact label="Time, seen from here">{millis(outcome.ms)}</Fact>
        <Fact label="Size">{bytes(outcome.read.whole ? outcome.read.bytes.length : outcome.read.size)}</Fact>
        {region && <Fact label="Region">{region}</Fact>}
        {id && <Fact label="Activation"><ActivationLink access={access} id={id} short /></Fact>}
      </Facts>
      <Body name={name} outcome={outcome} type={header("content-type")} />
      <details>
        <summary>Headers</summary>
        <dl class="functions-values">
          {outcome.headers.filter(([one]) => !ADDED.has(one)).map(([one, value], index) => <div key={index}><dt>{one}</dt><dd><code>{value}</code></dd></div>)}
        </dl>
      </details>
      {id && <Behind access={access} id={id} />}
    </section>
  );
}

function Body({ name, outcome, type }: { name: string; outcome: Outcome; type: string }): JSX.Element {
  const { bytes: content, whole } = outcome.read;
  const now = useMemo(() => shownAs(type, content, whole), [outcome]);
  const keep = <Button icon="down" onClick={() => save(new Blob([content], { type: "application/octet-stream" }), name.replace(/^\//, "").replaceAll("/", "-") || "answer")}>Download</Button>;
  if (!whole && !content.length) return <p class="note">The answer is too large to be loaded here.</p>;
  if (now.as === "nothing") return <p class="soft">It has no body.</p>;
  if (now.as === "binary") return <p class="row">{bytes(content.length)} of {type || "bytes"} {keep}</p>;
  if (now.text.length > SHOWN_CHARS || !whole) return <p class="row">{whole ? "" : "Only the beginning is loaded: "}{bytes(content.length)} of {type} {keep}</p>;
  return <Editor label="Body of the answer" language={now.as === "json" ? "json" : "text"} value={now.text} />;
}

/** The record of the activation that answered, with its log. */
function Behind({ access, id }: { access: Access; id: string }): JSX.Element {
  const found = useLive((signal) => activation(access, id, signal), 0, [id]);
  const record = found.value.value;
  const times = record ? timings(record) : null;
  return (
    <section class="stack" aria-label="What ran">
      <h3>What ran {times && <Heat times={times} />}</h3>
      {found.failed.value && <Failed text={found.failed.value} again={() => void found.again()} />}
      {!record && !found.failed.value && <Loading />}
      {times && <TimeBar times={times} />}
      {record && <Log lines={record.logs} />}
    </section>
  );
}
