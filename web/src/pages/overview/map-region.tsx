// A region on the map.

import { type JSX } from "preact";
import type { Admitted, RegionNow } from "../../api/dashboard";
import { REGION_WORDS } from "../../site/words";
import { rate } from "../../ui/words";
import type { Label } from "./labels";
import type { Point } from "./projection";
import type { Subject } from "./told";

interface How {
  region: RegionNow;
  admitted: Admitted | undefined;
  at: Point;
  label: Label;
  told: boolean;
  tell: (subject: Subject | null) => void;
}

export function RegionNode({ region, admitted, at, label, told, tell }: How): JSX.Element {
  const { word, tone } = REGION_WORDS[region.state];
  const show = () => tell({ kind: "region", id: region.name, at });
  const hide = () => tell(null);
  const line = region.state === "ready" ? `${rate(region.rates.requests_s)} requests/s` : word;
  const serving = admitted?.state === "serving";
  return (
    <g class={`overview-node ${tone} ${told ? "told" : ""}`} role="img" tabIndex={0} transform={`translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})`}
      aria-label={`${region.name}: ${word}${serving ? ", serving" : ""}, ${rate(region.rates.requests_s)} requests a second`}
      onPointerEnter={show} onPointerLeave={hide} onFocus={show} onBlur={hide}>
      <circle class="hit" r="24" />
      {region.state === "down" && <circle class="pulse" r="12" />}
      <circle class="halo" r="13" />
      {serving && region.state !== "down" && <circle class="serving" r="13" />}
      <circle class="core" r="7" />
      <text class="name" x={label.x} y={label.y} text-anchor={label.anchor}>{region.name}</text>
      <text class="line" x={label.x} y={label.y + 15} text-anchor={label.anchor}>{line}</text>
    </g>
  );
}
