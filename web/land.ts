// The dots of land on the overview's map, made when the pages are built: what a browser loads is a string of bits
// instead of the map's data.

import { feature } from "topojson-client";
import type { Plugin } from "vite";
import atlas from "world-atlas/land-110m.json" with { type: "json" };
import { type Grid, dotAt, GRID } from "./src/pages/overview/grid.ts";

const NAME = "virtual:land";
const RESOLVED = `\0${NAME}`;

type Ring = readonly (readonly number[])[];

/** `virtual:land`: the bits of `grid`, row by row, eight a byte, in base64. */
export function land(grid: Grid = GRID): Plugin {
  return {
    name: "land",
    resolveId: (id) => (id === NAME ? RESOLVED : undefined),
    load: (id) => (id === RESOLVED ? `export default ${JSON.stringify(bits(grid))};` : undefined),
  };
}

function bits(grid: Grid): string {
  const found = new Uint8Array(Math.ceil((grid.columns * grid.rows) / 8));
  const all = rings();
  for (let row = 0; row < grid.rows; row += 1) {
    const crossings = crossed(all, dotAt(grid, row, 0).north);
    for (let column = 0; column < grid.columns; column += 1) {
      const { east } = dotAt(grid, row, column);
      const at = row * grid.columns + column;
      // Inside is who has an odd number of shores to the west.
      if (crossings.filter((one) => one < east).length % 2) found[at >> 3]! |= 1 << (at & 7);
    }
  }
  return btoa(String.fromCharCode(...found));
}

/** Where shores cross a latitude, in degrees east. */
function crossed(all: readonly Ring[], north: number): number[] {
  const found: number[] = [];
  for (const ring of all) {
    ring.forEach(([x1 = 0, y1 = 0], at) => {
      const [x2 = 0, y2 = 0] = ring[(at + 1) % ring.length] ?? [];
      if (y1 > north !== y2 > north) found.push(x1 + ((north - y1) / (y2 - y1)) * (x2 - x1));
    });
  }
  return found;
}

function rings(): Ring[] {
  // The file's type is too wide for the library's: it says `string` where there are a few words.
  const topology = atlas as unknown as Parameters<typeof feature>[0];
  const shapes = feature(topology, topology.objects.land!);
  const features = shapes.type === "FeatureCollection" ? shapes.features : [shapes];
  return features.flatMap(({ geometry }) => {
    if (geometry.type === "MultiPolygon") return geometry.coordinates.flat();
    return geometry.type === "Polygon" ? geometry.coordinates : [];
  });
}
