// Where places are on the map: an equirectangular projection, true at 37 degrees, cut where no region is.
//
// "Units" are degrees of latitude on the map, to the right and down; pixels are what is drawn.

/** How much narrower a degree of longitude is drawn than one of latitude. */
export const FLAT = 0.8;

/** The map's part that is shown: the unit at its left top, pixels a unit, and the longitude that the Earth is
 * unrolled from. */
export interface View {
  left: number;
  top: number;
  scale: number;
  cut: number;
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

export type Coordinates = readonly [north: number, east: number];

const MARGIN = 0.34;
const MARGIN_MIN = 9;
const WIDTH_MIN = 64;
const WORLD = 360 * FLAT;
const NORTH_MAX = 80;
const SOUTH_MAX = 56;

/** The view with all `places` and a margin, for so many pixels. */
export function viewOf(places: readonly Coordinates[], width: number, height: number): View {
  const cut = cutOf(places.map(([, east]) => east));
  const xs = places.map(([, east]) => unrolled(east, cut) * FLAT);
  const ys = places.map(([north]) => -north);
  const [west, east] = widened(Math.min(...xs), Math.max(...xs));
  const [top, bottom] = widened(Math.min(...ys), Math.max(...ys));
  const wide = Math.max(east - west, WIDTH_MIN, ((bottom - top) * width) / height);
  const shown = Math.min(wide, WORLD);
  const high = (shown * height) / width;
  return {
    left: (west + east - shown) / 2,
    top: between((top + bottom - high) / 2, -NORTH_MAX, SOUTH_MAX - high),
    scale: width / shown,
    cut,
    width,
    height,
  };
}

/** A place in pixels. */
export function pixel([north, east]: Coordinates, view: View): Point {
  return { x: (unrolled(east, view.cut) * FLAT - view.left) * view.scale, y: (-north - view.top) * view.scale };
}

/** A dot of land in pixels: as often as it is seen, since the map may show more than once around. */
export function seen([north, east]: Coordinates, view: View): Point[] {
  const { x, y } = pixel([north, east], view);
  if (y < 0 || y > view.height) return [];
  const round = WORLD * view.scale;
  return [x - round, x, x + round].filter((one) => one >= 0 && one <= view.width).map((one) => ({ x: one, y }));
}

/** The longitude after the widest stretch without a place: where the Earth is cut open. */
export function cutOf(easts: readonly number[]): number {
  const sorted = [...easts].sort((one, other) => one - other);
  let cut = sorted[0] ?? -180;
  let widest = -1;
  sorted.forEach((east, at) => {
    const gap = at ? east - (sorted[at - 1] ?? east) : east + 360 - (sorted.at(-1) ?? east);
    if (gap > widest) [widest, cut] = [gap, east];
  });
  return cut;
}

function unrolled(east: number, cut: number): number {
  return cut + ((((east - cut) % 360) + 360) % 360);
}

function widened(low: number, high: number): [number, number] {
  const margin = Math.max(MARGIN_MIN, (high - low) * MARGIN);
  return [low - margin, high + margin];
}

function between(value: number, low: number, high: number): number {
  return high < low ? (low + high) / 2 : Math.min(Math.max(value, low), high);
}
