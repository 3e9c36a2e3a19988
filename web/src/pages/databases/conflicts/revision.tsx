// One revision: its content, or why it is not there any more; and its differences from another one.

import { type JSX } from "preact";
import { useEffect } from "preact/hooks";
import { attachmentToken, type Leaf } from "../../../merge/leaf";
import { write } from "../../../merge/json";
import { Editor } from "../../../ui/editor";
import { useLive } from "../../../ui/live";
import { Badge, Copy, Failed, Loading } from "../../../ui/parts";
import { Compared } from "./compare";
import { readRevision } from "./load";
import type { Mark } from "./tree";

/** In the list to compare with there are so many. */
const OTHERS_MAX = 300;

interface How {
  db: string;
  id: string;
  rev: string;
  mark: Mark;
  /** Revisions that it may be compared with. */
  others: readonly string[];
  other: string;
  compare: (other: string) => void;
  /** Told when a content turned out to be gone. */
  gone: (rev: string) => void;
}

export function Revision({ db, id, rev, mark, others, other, compare, gone }: How): JSX.Element {
  const found = useLive((signal) => readRevision(db, id, rev, signal), 0, [db, id, rev]);
  const beside = useLive(async (signal) => (other ? readRevision(db, id, other, signal) : undefined), 0, [db, id, other]);
  const [value, second] = [found.value.value, beside.value.value];
  useEffect(() => { if (value === null) gone(rev); }, [value, rev]);
  useEffect(() => { if (second === null && other) gone(other); }, [second, other]);
  return (
    <section class="card conflicts-one" aria-label={`Revision ${rev}`}>
      <h2><code>{rev}</code> <Copy text={rev} /></h2>
      {found.failed.value && <Failed text={found.failed.value} again={() => void found.again()} />}
      {value === undefined && !found.failed.value && <Loading />}
      {value === null && <Gone />}
      {value && <Content leaf={value} mark={mark} />}
      {value && others.length > 0 && (
        <label>
          <span>Compare with</span>
          <select value={other} onChange={(event) => compare(event.currentTarget.value)}>
            <option value="">no other revision</option>
            {others.slice(0, OTHERS_MAX).map((one) => <option key={one} value={one}>{one}</option>)}
          </select>
        </label>
      )}
      {value && other && second && <Compared before={second} after={value} />}
      {other && second === null && <p class="note">The content of <code>{other}</code> is not there any more.</p>}
      {beside.failed.value && <Failed text={beside.failed.value} again={() => void beside.again()} />}
    </section>
  );
}

function Gone(): JSX.Element {
  return (
    <div class="note">
      <p><strong>The content of this revision is not here.</strong> Its name is kept, so that copies can be told apart. A content goes when</p>
      <ul>
        <li>a later revision took its place, and the database was compacted since, or</li>
        <li>it came from another database: replication copies the last revision of each branch, and the names of those before.</li>
      </ul>
    </div>
  );
}

function Content({ leaf, mark }: { leaf: Leaf; mark: Mark }): JSX.Element {
  const members = leaf.body.size;
  return (
    <>
      {leaf.deleted && <p class="note">This revision is a tombstone: here the branch was deleted{members ? ", and these members were left with it" : ""}.</p>}
      {mark === "kept" && <p class="hint">An older revision. Its content is here until the database is compacted.</p>}
      {(members > 0 || !leaf.deleted) && <Editor label={`Content of ${leaf.rev}`} value={write(leaf.body, 2)} />}
      {leaf.attachments.size > 0 && (
        <ul class="conflicts-attachments">
          {[...leaf.attachments].map(([name, stub]) => <li key={name}><Badge>attachment</Badge> {name} <span class="soft small">{attachmentToken(stub)}</span></li>)}
        </ul>
      )}
    </>
  );
}
