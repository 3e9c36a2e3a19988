// What the functions allow a namespace.

import { type JSX } from "preact";
import { info, namespaceLimits, type Access } from "../../api/functions";
import { useLive } from "../../ui/live";
import { Badge, Fact, Facts, Failed, Loading } from "../../ui/parts";
import { bytes, count, millis } from "../../ui/words";

const MB = 1024 * 1024;

export function LimitsOf({ access }: { access: Access }): JSX.Element {
  const found = useLive(async (signal) => ({ all: await info(signal), own: await namespaceLimits(access, signal) }), 0, [access.namespace, access.key]);
  if (found.failed.value) return <Failed text={found.failed.value} again={() => void found.again()} />;
  if (!found.value.value) return <Loading />;
  const { all, own } = found.value.value;
  const limit = (name: string) => own[name] ?? all.limits[name];
  const megabytes = (value: number | undefined) => (value === undefined ? "–" : value === 0 || value >= MB ? `${count(value / MB)} MB` : bytes(value));
  return (
    <div class="stack">
      <section class="card">
        <h2>Of the namespace</h2>
        <Facts>
          <Fact label="Runs a minute">{count(own.invocationsPerMinute ?? limit("actions_per_minute"))}</Fact>
          <Fact label="Fires a minute">{count(own.firesPerMinute ?? limit("triggers_per_minute"))}</Fact>
          <Fact label="Runs at a time">{count(own.concurrentInvocations ?? limit("concurrent_actions"))}</Fact>
          <Fact label="Components of a sequence">{count(all.limits.sequence_length)}</Fact>
        </Facts>
      </section>
      <section class="card">
        <h2>Of an action</h2>
        <Facts>
          <Fact label="Time of a run">{millis(all.limits.min_action_duration)} to {millis(all.limits.max_action_duration)}</Fact>
          <Fact label="Memory">{megabytes(all.limits.min_action_memory)} to {megabytes(all.limits.max_action_memory)}</Fact>
          <Fact label="Logs of a run">{megabytes(all.limits.min_action_logs)} to {megabytes(all.limits.max_action_logs)}</Fact>
        </Facts>
      </section>
      <section class="card">
        <h2>Kinds</h2>
        {Object.entries(all.runtimes).map(([family, kinds]) => (
          <div key={family} class="functions-kinds">
            <h3>{family}</h3>
            <p class="row">
              {kinds.map((one) => <Badge key={one.kind} tone={one.deprecated ? "warn" : one.default ? "good" : "plain"}>{one.kind}{one.default && " (default)"}{one.deprecated && " (deprecated)"}</Badge>)}
            </p>
          </div>
        ))}
      </section>
    </div>
  );
}
