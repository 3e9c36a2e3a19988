// The map of all regions and links; without their places, a circle of them.

import { useSignal } from "@preact/signals";
import { type JSX } from "preact";
import { useMemo } from "preact/hooks";
import bits from "virtual:land";
import type { Overview } from "../../api/dashboard";
import type { Pair } from "../../site/pairs";
import { useWidth } from "../../ui/size";
import { arc, laidOut } from "./arcs";
import { dots, GRID } from "./grid";
import { labelled } from "./labels";
import { LinkArc } from "./map-link";
import { RegionNode } from "./map-region";
import { seen, type View } from "./projection";
import { Told, type Subject } from "./told";

const LAND = dots(GRID, bits);
const HEIGHT_MIN = 230;
const HEIGHT_MAX = 400;
const DOT_MAX = 4.5;
/** Letters of the line below a region's name. */
const LINE = 11;
/** With more links than so, only those say their lag that are not well. */
const WORDY_MAX = 6;

export function WorldMap({ now, pairs }: { now: Overview; pairs: readonly Pair[] }): JSX.Element {
  const { ref, width } = useWidth<HTMLDivElement>();
  const told = useSignal<Subject | null>(null);
  const wide = width.value;
  const high = Math.round(Math.min(Math.max(wide * 0.42, HEIGHT_MIN), HEIGHT_MAX));
  const places = JSON.stringify(now.regions.map((one) => one.coordinates));
  const { view, points } = useMemo(() => laidOut(now.regions.map((one) => one.coordinates), wide || 1, high), [places, wide, high]);
  const at = new Map(now.regions.map((one, number) => [one.name, points[number]!]));
  const labels = labelled(points, now.regions.map((one) => 20 + 7.5 * Math.max(one.name.length, LINE)), wide, high);
  const quiet = pairs.length > WORDY_MAX;
  const tell = (subject: Subject | null) => { told.value = subject; };
  const focus = told.value;
  return (
    <div class="overview-map" ref={ref}>
      {wide > 0 && (
        <>
          {view && <Land view={view} />}
          <svg class="overview-sky" width={wide} height={high} viewBox={`0 0 ${wide} ${high}`} role="group" aria-label={view ? "Map of regions and links" : "Regions and links"}>
            {pairs.map((pair) => {
              const [from, to] = [at.get(pair.source), at.get(pair.target)];
              return from && to && <LinkArc key={pair.id} pair={pair} arc={arc(from, to)} quiet={quiet} told={focus?.kind === "link" && focus.id === pair.id} tell={tell} />;
            })}
            {now.regions.map((one, number) => (
              <RegionNode key={one.name} region={one} at={at.get(one.name)!} label={labels[number]!} told={focus?.kind === "region" && focus.id === one.name}
                admitted={now.balancer?.regions[one.name]} tell={tell} />
            ))}
          </svg>
          {focus && <Told subject={focus} now={now} pairs={pairs} width={wide} height={high} />}
        </>
      )}
    </div>
  );
}

/** Drawn anew only when the view changes. */
function Land({ view }: { view: View }): JSX.Element {
  const path = useMemo(() => {
    const found = LAND.flatMap((dot) => seen([dot.north, dot.east], view));
    return found.map(({ x, y }) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("");
  }, [view]);
  return (
    <svg class="overview-land" width={view.width} height={view.height} viewBox={`0 0 ${view.width} ${view.height}`} aria-hidden="true">
      <path d={path} stroke-width={Math.min(DOT_MAX, view.scale * GRID.step * 0.5).toFixed(2)} />
    </svg>
  );
}
