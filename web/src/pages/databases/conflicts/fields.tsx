// The places where conflicting revisions differ, each with the values to choose from: side by side where there is
// room, else below each other.

import { type JSX } from "preact";
import { type Choice, type Field, pickOf, type Picks } from "../../../merge/fields";
import type { Json } from "../../../merge/json";
import { pathKey, pathWords } from "../../../merge/path";
import { shortRev } from "../../../merge/tree";
import { Badge, type Tone } from "../../../ui/parts";
import { Inside, Value } from "./value";

const STATES: Readonly<Record<Field["state"], readonly [string, Tone]>> = {
  one: ["changed on one side", "good"],
  both: ["changed in several ways", "warn"],
  unknown: ["different", "warn"],
};

interface How {
  /** Before the path: "Attachment". */
  what?: string;
  field: Field;
  picks: Picks;
  /** Revisions of the versions; the first is the winner. */
  revs: readonly string[];
  /** The common ancestor; null: it is not known. */
  ancestor: string | null;
  pick: (choice: number) => void;
}

export function FieldChoice({ what = "", field, picks, revs, ancestor, pick }: How): JSX.Element {
  const [words, tone] = STATES[field.state];
  const open = field.state !== "one" && !picks.has(pathKey(field.path));
  const chosen = pickOf(field, picks);
  const before = ancestor === null ? field.choices.find((one) => one.versions.includes(0))?.value : field.base;
  const path = what ? `${what} ${String(field.path[0])}` : pathWords(field.path);
  return (
    <fieldset class="conflicts-field">
      <legend><code>{path}</code> <Badge tone={tone}>{words}</Badge> {open && <Badge tone="bad">to be decided</Badge>}</legend>
      <div class="conflicts-choices">
        {ancestor !== null && (
          <div class="conflicts-choice base">
            <span class="small soft">before, {shortRev(ancestor)}</span>
            <Value value={field.base} />
          </div>
        )}
        {field.choices.map((choice, at) => (
          <label key={at} class={`inline conflicts-choice ${!open && at === chosen ? "picked" : ""}`}>
            <span class="row small">
              <input type="radio" name={`${what}${pathKey(field.path)}`} checked={!open && at === chosen} onChange={() => pick(at)} />
              <span>{namesOf(choice, revs)}</span>
              <Mark choice={choice} />
            </span>
            <Value value={choice.value} />
            {choice.change && <Inside before={before as Json | undefined} after={choice.value} />}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

const namesOf = (choice: Choice, revs: readonly string[]) =>
  choice.versions.map((version) => `${version ? "" : "winner "}${shortRev(revs[version] ?? "")}`).join(", ");

function Mark({ choice }: { choice: Choice }): JSX.Element | null {
  switch (choice.change) {
    case "added":
      return <Badge tone="good">added</Badge>;
    case "removed":
      return <Badge tone="bad">removed</Badge>;
    case "changed":
      return <Badge tone="warn">changed</Badge>;
    case null:
      return null;
  }
}
