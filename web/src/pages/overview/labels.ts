// Where regions' names stand on the map, so that they cover neither each other nor another region.

import type { Point } from "./projection";

/** `x`, `y`: of the name's baseline, from the region's middle. */
export interface Label {
  x: number;
  y: number;
  anchor: "start" | "middle" | "end";
}

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const PLACES: readonly Label[] = [
  { x: 0, y: 32, anchor: "middle" },
  { x: 0, y: -34, anchor: "middle" },
  { x: 20, y: 0, anchor: "start" },
  { x: -20, y: 0, anchor: "end" },
  { x: 14, y: 34, anchor: "start" },
  { x: -14, y: 34, anchor: "end" },
  { x: 14, y: -30, anchor: "start" },
  { x: -14, y: -30, anchor: "end" },
];

/** A name has this height above its baseline, and the line below it this one. */
const ABOVE = 13;
const BELOW = 19;
const REGION = 14;

/** For each region the first place that is free; when none is, the one below it. `widths`: of their words. */
export function labelled(points: readonly Point[], widths: readonly number[], width: number, height: number): Label[] {
  const regions = points.map(({ x, y }) => ({ left: x - REGION, right: x + REGION, top: y - REGION, bottom: y + REGION }));
  const taken: Box[] = [];
  return points.map((point, at) => {
    const others = regions.filter((_, other) => other !== at);
    const place = PLACES.find((one) => {
      const box = boxOf(point, one, widths[at] ?? 0);
      const inside = box.left >= 0 && box.right <= width && box.top >= 0 && box.bottom <= height;
      return inside && ![...taken, ...others].some((other) => meet(box, other));
    }) ?? PLACES[0]!;
    taken.push(boxOf(point, place, widths[at] ?? 0));
    return place;
  });
}

function boxOf({ x, y }: Point, { x: dx, y: dy, anchor }: Label, width: number): Box {
  const left = x + dx - (anchor === "middle" ? width / 2 : anchor === "end" ? width : 0);
  return { left, right: left + width, top: y + dy - ABOVE, bottom: y + dy + BELOW };
}

function meet(one: Box, other: Box): boolean {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}
