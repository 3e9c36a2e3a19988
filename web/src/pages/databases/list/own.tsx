// For who may not list all databases: the ones that this user opened by name, remembered by the browser.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { user } from "../../../api/session";
import { go } from "../../../router";
import { useLive } from "../../../ui/live";
import { Empty, Failed, Loading } from "../../../ui/parts";
import { databaseHref } from "../place";
import { nameProblem } from "./names";
import { forget, remembered } from "./remembered";
import { oneByOne } from "./source";
import { DatabasesTable } from "./table";

const EVERY_MS = 10_000;

export function OwnList({ why }: { why: string }): JSX.Element {
  const who = user.value?.name ?? "";
  const names = useSignal(remembered(who));
  const name = useSignal("");
  const problem = name.value ? nameProblem(name.value) : "";
  const live = useLive(async (signal) => oneByOne(names.value, signal), EVERY_MS, [names.value]);
  const open = (event: SubmitEvent) => {
    event.preventDefault();
    if (name.value && !problem) go(databaseHref(name.value));
  };
  const rows = names.value.map((one) => ({ name: one, info: undefined, why: "", links: undefined, ...live.value.value?.get(one) }));
  return (
    <div class="stack">
      <p class="note">This account may not list all databases (“{why}”). Open one by its name; this browser remembers it.</p>
      <form class="row" onSubmit={open}>
        <label class="inline">
          <span>Database</span>
          <input required autocomplete="off" autocapitalize="off" spellcheck={false} value={name.value} onInput={(event) => { name.value = event.currentTarget.value; }} />
        </label>
        <button class="main" disabled={!name.value || problem !== ""}>Open</button>
        {problem && <span class="hint" role="status">{problem}</span>}
      </form>
      {live.failed.value && <Failed text={live.failed.value} again={() => void live.again()} />}
      {!live.value.value && !live.failed.value ? <Loading /> : (
        <DatabasesTable rows={rows} empty={<Empty title="None opened so far" />}
          action={{ icon: "close", words: "Forget", act: (one) => { names.value = forget(who, one); } }} />
      )}
    </div>
  );
}
