// The merge of conflicting revisions: picked field by field, or written by hand.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useMemo } from "preact/hooks";
import { type Field, fieldsOf, merged, pickOf, type Picks, undecided } from "../../../merge/fields";
import { JsonError, type JsonMap, parseObject, write } from "../../../merge/json";
import { attachmentTokens, type Leaf } from "../../../merge/leaf";
import { pathKey } from "../../../merge/path";
import { type Attached, type Plan, planMerge, reserved } from "../../../merge/resolution";
import { shortRev } from "../../../merge/tree";
import { Editor } from "../../../ui/editor";
import { Button } from "../../../ui/parts";
import { count } from "../../../ui/words";
import { FieldChoice } from "./fields";

interface How {
  /** Those in conflict, the winner first. */
  leaves: readonly Leaf[];
  base: Leaf | null;
  busy: boolean;
  save: (plan: Plan) => void;
}

export function Merge({ leaves, base, busy, save }: How): JSX.Element {
  const fields = useMemo(() => fieldsOf(base?.body ?? null, leaves.map((one) => one.body)), [leaves, base]);
  const files = useMemo(() => fieldsOf(base && attachmentTokens(base), leaves.map(attachmentTokens)), [leaves, base]);
  const picks = useSignal<Picks>(new Map());
  const filePicks = useSignal<Picks>(new Map());
  const edited = useSignal<string | null>(null);
  const winner = leaves[0] as Leaf;
  const revs = leaves.map((one) => one.rev);
  const ancestor = base?.rev ?? null;
  const text = edited.value ?? write(merged(winner.body, fields, picks.value), 2);
  const open = [...(edited.value === null ? undecided(fields, picks.value) : []), ...undecided(files, filePicks.value)].length;
  const { body, wrong } = readBody(text);
  const takeAll = (version: number) => {
    picks.value = allOf(fields, version);
    filePicks.value = allOf(files, version);
    edited.value = null;
  };
  return (
    <>
      <section class="stack conflicts-fields" aria-label="Differences">
        <div class="conflicts-bar">
          <p class="conflicts-told">{summary(fields, files, base)}</p>
          {fields.length + files.length > 0 && (
            <div class="row small">
              <span class="soft">Take all of</span>
              {leaves.map((one, version) => <Button key={one.rev} onClick={() => takeAll(version)}>{version ? shortRev(one.rev) : "winner"}</Button>)}
            </div>
          )}
        </div>
        {fields.map((field) => (
          <FieldChoice key={pathKey(field.path)} field={field} picks={picks.value} revs={revs} ancestor={ancestor}
            pick={(choice) => { picks.value = new Map(picks.value).set(pathKey(field.path), choice); edited.value = null; }} />
        ))}
        {files.map((field) => (
          <FieldChoice key={pathKey(field.path)} what="Attachment" field={field} picks={filePicks.value} revs={revs} ancestor={ancestor}
            pick={(choice) => { filePicks.value = new Map(filePicks.value).set(pathKey(field.path), choice); }} />
        ))}
      </section>
      <section class="card stack" aria-labelledby="conflicts-merged">
        <div class="conflicts-bar">
          <h3 id="conflicts-merged">Merged document</h3>
          {edited.value !== null && <Button icon="refresh" onClick={() => { edited.value = null; }}>Back to what was picked</Button>}
        </div>
        <Editor label="Merged document" value={text} onInput={(now) => { edited.value = now; }} />
        {wrong && <p class="bad-note" role="alert">{wrong}</p>}
        <div class="row">
          <Button tone="main" icon="check" busy={busy} disabled={!body || open > 0}
            onClick={() => { if (body) save(planMerge(leaves, body, attachedOf(leaves, files, filePicks.value))); }}>Save the merge</Button>
          <span class="soft small">
            {open > 0 ? `${count(open)} ${open === 1 ? "field is" : "fields are"} to be decided first.` : `Follows ${shortRev(winner.rev)}; ${leaves.length === 2 ? "the other revision is" : `the other ${leaves.length - 1} are`} deleted then.`}
          </span>
        </div>
      </section>
    </>
  );
}

function summary(fields: readonly Field[], files: readonly Field[], base: Leaf | null): string {
  const all = [...fields, ...files];
  if (!all.length) return "Their contents are the same; only their histories differ. Whichever is kept, nothing is lost.";
  const differ = `${count(all.length)} ${all.length === 1 ? "field differs" : "fields differ"}.`;
  if (!base) return `${differ} The revision that they come from is not here any more, so nobody can tell who changed what.`;
  const one = all.filter((field) => field.state === "one").length;
  return `${differ} ${one === all.length ? "Each was changed on one side only, so the merge is clear" : `${count(one)} changed on one side only; ${count(all.length - one)} in several ways, which you have to decide`}. Compared with ${shortRev(base.rev)}, which all come from.`;
}

/** Each field as this version has it. */
const allOf = (fields: readonly Field[], version: number): Picks =>
  new Map(fields.map((one) => [pathKey(one.path), one.choices.findIndex((choice) => choice.versions.includes(version))]));

/** Which leaf's attachment there is under each name. */
function attachedOf(leaves: readonly Leaf[], files: readonly Field[], picks: Picks): Attached {
  const found = new Map<string, Leaf>([...(leaves[0] as Leaf).attachments.keys()].map((name) => [name, leaves[0] as Leaf]));
  for (const field of files) {
    const choice = field.choices[pickOf(field, picks)];
    const name = String(field.path[0]);
    const leaf = leaves[choice?.versions[0] ?? 0];
    if (choice?.value === undefined || !leaf) found.delete(name);
    else found.set(name, leaf);
  }
  return found;
}

function readBody(text: string): { body: JsonMap | null; wrong: string } {
  try {
    const body = parseObject(text);
    const names = reserved(body);
    return names.length ? { body: null, wrong: `Names that begin with _ are CouchDB's own: ${names.join(", ")}.` } : { body, wrong: "" };
  } catch (error) {
    if (error instanceof JsonError) return { body: null, wrong: error.message };
    throw error;
  }
}
