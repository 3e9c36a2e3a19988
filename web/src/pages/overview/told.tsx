// What the map tells of what one points at.

import { type JSX } from "preact";
import type { Overview } from "../../api/dashboard";
import type { Pair } from "../../site/pairs";
import { at as clockAt, lagWords, REGION_WORDS } from "../../site/words";
import { Badge, Fact, Facts } from "../../ui/parts";
import { count, rate } from "../../ui/words";
import type { Point } from "./projection";

/** `id`: a region's name, or a pair's. `at`: where on the map, in pixels. */
export interface Subject {
  kind: "region" | "link";
  id: string;
  at: Point;
}

const WIDTH = 264;
const GAP = 22;

/** Beside it, on the side that has room. It says nothing that is not below the map too, so screen readers are
 * spared it. */
export function Told({ subject, now, pairs, width, height }: { subject: Subject; now: Overview; pairs: readonly Pair[]; width: number; height: number }): JSX.Element | null {
  const region = subject.kind === "region" ? now.regions.find((one) => one.name === subject.id) : undefined;
  const pair = subject.kind === "link" ? pairs.find((one) => one.id === subject.id) : undefined;
  if (!region && !pair) return null;
  const { x, y } = subject.at;
  const left = x + GAP + WIDTH < width ? x + GAP : x - GAP - WIDTH > 0 ? x - GAP - WIDTH : Math.max(0, (width - WIDTH) / 2);
  const up = y > height / 2;
  const where = up ? { bottom: `${height - y + GAP}px` } : { top: `${y + GAP}px` };
  return (
    <div class="overview-told" aria-hidden="true" style={{ left: `${left}px`, ...where }}>
      {region && (
        <>
          <p class="row"><strong>{region.name}</strong> <Badge tone={REGION_WORDS[region.state].tone}>{REGION_WORDS[region.state].word}</Badge></p>
          <p class="small soft">{[region.location, `since ${clockAt(region.since)}`].filter(Boolean).join(" · ")}</p>
          {region.reasons.map((one) => <p key={one} class="small">{one}</p>)}
          <Facts>
            <Fact label="requests/s">{rate(region.rates.requests_s)}</Fact>
            <Fact label="errors/s">{rate(region.rates.errors_s)}</Fact>
            <Fact label="lag">{lagWords(region.lag_s)}</Fact>
          </Facts>
        </>
      )}
      {pair && (
        <>
          <p class="row"><strong>{pair.source} → {pair.target}</strong> <Badge tone={pair.tone}>{pair.state}</Badge></p>
          {pair.errors.map((one) => <p key={one} class="small">{one}</p>)}
          <Facts>
            <Fact label="lag">{lagWords(pair.lag_s)}</Fact>
            <Fact label="pending">{count(pair.pending)}</Fact>
            <Fact label="documents/s">{rate(pair.rate_s)}</Fact>
          </Facts>
        </>
      )}
    </div>
  );
}
