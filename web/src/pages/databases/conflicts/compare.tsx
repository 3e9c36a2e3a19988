// Two revisions beside each other, field by field.

import { type JSX } from "preact";
import { type Change, diff } from "../../../merge/diff";
import { attachmentTokens, type Leaf } from "../../../merge/leaf";
import { pathKey, pathWords } from "../../../merge/path";
import { shortRev } from "../../../merge/tree";
import { Badge, type Tone } from "../../../ui/parts";
import { count } from "../../../ui/words";
import { Value } from "./value";

const TONES: Readonly<Record<Change["kind"], Tone>> = { added: "good", removed: "bad", changed: "warn" };
const SHOWN_MAX = 500;

/** What became different from one to the other. */
export function Compared({ before, after }: { before: Leaf; after: Leaf }): JSX.Element {
  const changes = [
    ...(before.deleted === after.deleted ? [] : [{ path: ["_deleted"], kind: "changed" as const, before: before.deleted, after: after.deleted }]),
    ...diff(before.body, after.body),
    ...diff(attachmentTokens(before), attachmentTokens(after), ["_attachments"]),
  ];
  if (!changes.length) return <p class="note">Their contents are the same.</p>;
  return (
    <section class="conflicts-changes" aria-label={`Differences between ${before.rev} and ${after.rev}`}>
      <p class="small soft" role="status">{count(changes.length)} {changes.length === 1 ? "difference" : "differences"}</p>
      {changes.slice(0, SHOWN_MAX).map((one) => (
        <div key={`${one.kind}${pathKey(one.path)}`} class="conflicts-change">
          <h4><code>{pathWords(one.path) || "the document"}</code> <Badge tone={TONES[one.kind]}>{one.kind}</Badge></h4>
          <div class="conflicts-sides">
            <div class={one.kind === "added" ? "" : "old"}><span class="small soft">{shortRev(before.rev)}</span><Value value={one.before} /></div>
            <div class={one.kind === "removed" ? "" : "new"}><span class="small soft">{shortRev(after.rev)}</span><Value value={one.after} /></div>
          </div>
        </div>
      ))}
      {changes.length > SHOWN_MAX && <p class="hint">The first {SHOWN_MAX} are shown.</p>}
    </section>
  );
}
