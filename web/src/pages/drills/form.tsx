// Asks what shall be broken, and says what that really means.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { startDrill, type DrillRun } from "../../api/dashboard";
import { go, to } from "../../router";
import { words } from "../../ui/toast";
import { FAULTS, LOAD_MAX, SECONDS_MIN, willBreak } from "./faults";

/** `runs`: the drill that runs now; there is one at a time. */
export function DrillForm({ regions, runs }: { regions: readonly string[]; runs: DrillRun | undefined }): JSX.Element {
  const fault = useSignal("region");
  const how = useSignal("kill");
  const region = useSignal("");
  const failed = useSignal("");
  const busy = useSignal(false);
  const kind = FAULTS.find((one) => one.fault === fault.value) ?? FAULTS[0]!;
  const pick = (name: string) => {
    fault.value = name;
    how.value = FAULTS.find((one) => one.fault === name)?.ways[0]?.how ?? "";
  };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    busy.value = true;
    failed.value = "";
    try {
      const asked = { fault: fault.value, how: how.value, region: kind.where ? region.value : "", load: Number(form.get("load")), seconds: Number(form.get("seconds")) };
      go(to(["drills", (await startDrill(asked)).id]));
    } catch (error) {
      failed.value = words(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <form class="card drills-form" onSubmit={submit} aria-labelledby="drills-new">
      <h2 id="drills-new">New drill</h2>
      <p class="soft">A drill sends requests to the todo app at a steady rate, breaks something in the middle, heals it, and measures what users saw and whether anything was lost. Its todos are removed at the end.</p>
      <fieldset class="drills-faults">
        <legend>What breaks</legend>
        {FAULTS.map((one) => (
          <label key={one.fault} class={`inline drills-fault ${one.fault === fault.value ? "picked" : ""}`}>
            <input type="radio" name="fault" value={one.fault} checked={one.fault === fault.value} onChange={() => pick(one.fault)} />
            <span><strong>{one.label}</strong><span class="soft small">{one.means}</span></span>
          </label>
        ))}
      </fieldset>
      <div class="drills-fields">
        {kind.ways.length > 1 && (
          <label>How
            <select name="how" value={how.value} onChange={(event) => { how.value = event.currentTarget.value; }}>
              {kind.ways.map((one) => <option key={one.how} value={one.how}>{one.label}</option>)}
            </select>
          </label>
        )}
        {kind.where && (
          <label>Region
            <select name="region" value={region.value} onChange={(event) => { region.value = event.currentTarget.value; }}>
              <option value="">The one that serves</option>
              {regions.map((one) => <option key={one} value={one}>{one}</option>)}
            </select>
          </label>
        )}
        <label>Requests a second<input type="number" name="load" defaultValue="100" min="1" max={LOAD_MAX} required /></label>
        <label>Seconds of load<input type="number" name="seconds" defaultValue="20" min={SECONDS_MIN} max="600" required /></label>
      </div>
      <p class="drills-warn" role="note">
        <strong>{willBreak(kind, how.value, region.value)}</strong> Real processes get real signals, and who uses the app now may notice: it is for a test set-up, not for production.
        It is healed after a third of the time, whatever happens to the drill.
      </p>
      {failed.value && <p class="bad-note" role="alert">{failed.value}</p>}
      <p class="row">
        <button type="submit" class="main" disabled={busy.value || runs !== undefined}>{busy.value ? "Starting …" : "Start the drill"}</button>
        {runs && <span>A drill runs now, and there is one at a time: <a href={to(["drills", runs.id])}>watch it</a>.</span>}
      </p>
    </form>
  );
}
