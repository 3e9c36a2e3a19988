// Lines between places on the map, in pixels: one for each direction, so that both are seen.

import type { Coordinates, Point } from "./projection";
import { pixel, viewOf, type View } from "./projection";

/** How far the middle of an arc is from the straight line, as a share of its length. */
const BOW = 0.16;
const BOW_MAX = 70;
/** So far from a place's middle an arc begins and ends. */
const CLEAR = 15;
/** Nearer to each other than so, places can't be told apart on a map. */
const APART = 24;

/** `path` for SVG; `middle`, where it is on the arc, and `angle` there in degrees, for what stands on it.
 * `beside`: a little outside of the middle, for words. */
export interface Arc {
  path: string;
  middle: Point;
  beside: Point;
  angle: number;
  /** In pixels, as the crow flies. */
  long: number;
}

/** From one place to another, bowed to the left of the way. */
export function arc(from: Point, to: Point): Arc {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const long = Math.hypot(dx, dy) || 1;
  const out = { x: dy / long, y: -dx / long };
  const bow = Math.min(long * BOW, BOW_MAX);
  const control = { x: (from.x + to.x) / 2 + out.x * bow * 2, y: (from.y + to.y) / 2 + out.y * bow * 2 };
  const begin = towards(from, control);
  const end = towards(to, control);
  const middle = { x: (begin.x + 2 * control.x + end.x) / 4, y: (begin.y + 2 * control.y + end.y) / 4 };
  return {
    path: `M${told(begin)}Q${told(control)} ${told(end)}`,
    middle,
    beside: { x: middle.x + out.x * 16, y: middle.y + out.y * 16 },
    angle: (Math.atan2(dy, dx) * 180) / Math.PI,
    long,
  };
}

/** Places on a circle, as wide as there is room; the first at the left; one alone is in the middle. */
export function circle(count: number, width: number, height: number): Point[] {
  if (count === 1) return [{ x: width / 2, y: height / 2 }];
  return Array.from({ length: count }, (_, at) => {
    const angle = Math.PI + (at / count) * 2 * Math.PI;
    return { x: width / 2 + Math.cos(angle) * width * 0.34, y: height / 2 - 8 + Math.sin(angle) * height * 0.34 };
  });
}

/** Where regions are drawn. `view` null: on a circle, since somebody's place is not known or too near to
 * another's. */
export function laidOut(places: readonly (Coordinates | null)[], width: number, height: number): { view: View | null; points: Point[] } {
  const known = places.filter((one) => one !== null);
  if (known.length === places.length && known.length) {
    const view = viewOf(known, width, height);
    const points = known.map((one) => pixel(one, view));
    const near = points.some((one, at) => points.slice(0, at).some((other) => Math.hypot(one.x - other.x, one.y - other.y) < APART));
    if (!near) return { view, points };
  }
  return { view: null, points: circle(places.length, width, height) };
}

function towards(from: Point, to: Point): Point {
  const long = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const part = Math.min(CLEAR / long, 0.45);
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

function told({ x, y }: Point): string {
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}
