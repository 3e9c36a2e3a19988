// The grid of dots that land is drawn with: as many degrees from row to row as, on the map, from dot to dot.

import { FLAT } from "./projection.ts";

/** `north`: degrees of the first row. Every other row begins half a step further east. */
export interface Grid {
  north: number;
  step: number;
  columns: number;
  rows: number;
}

const STEP = 1;
const NORTH = 80;
const SOUTH = -56;

/** Of the Earth without the far south. */
export const GRID: Grid = { north: NORTH, step: STEP, columns: Math.round((360 * FLAT) / STEP), rows: Math.round((NORTH - SOUTH) / STEP) };

/** In degrees; `east` from -180. */
export function dotAt(grid: Grid, row: number, column: number): { north: number; east: number } {
  return { north: grid.north - row * grid.step, east: -180 + (column + (row % 2) / 2 + 0.25) * (grid.step / FLAT) };
}

/** Those dots that are land. `text`: their bits in base64. */
export function dots(grid: Grid, text: string): { north: number; east: number }[] {
  const bytes = atob(text);
  const found: { north: number; east: number }[] = [];
  for (let at = 0; at < grid.columns * grid.rows; at += 1) {
    if ((bytes.charCodeAt(at >> 3) >> (at & 7)) & 1) found.push(dotAt(grid, Math.floor(at / grid.columns), at % grid.columns));
  }
  return found;
}
