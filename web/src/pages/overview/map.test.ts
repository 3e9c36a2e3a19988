import bits from "virtual:land";
import { expect, test } from "vitest";
import { arc, laidOut } from "./arcs";
import { dots, GRID } from "./grid";
import { labelled } from "./labels";
import { flow, thickness } from "./map-link";
import { cutOf, pixel, viewOf, type Coordinates } from "./projection";

const LONDON: Coordinates = [51.5, -0.1];
const DALLAS: Coordinates = [32.8, -96.8];
const TOKYO: Coordinates = [35.7, 139.7];
const SYDNEY: Coordinates = [-33.9, 151.2];

test.each([
  ["two", [LONDON, DALLAS]],
  ["over the Pacific", [TOKYO, [37.8, -122.4]]],
  ["all around", [LONDON, DALLAS, TOKYO, SYDNEY, [-23.5, -46.6]]],
  ["one", [SYDNEY]],
] as [string, Coordinates[]][])("all regions are well inside of the map: %s", (_, places) => {
  for (const [width, height] of [[1000, 400], [350, 230]] as const) {
    const view = viewOf(places, width, height);
    for (const place of places) {
      const { x, y } = pixel(place, view);
      expect(x).toBeGreaterThan(width * 0.05);
      expect(x).toBeLessThan(width * 0.95);
      expect(y).toBeGreaterThan(height * 0.05);
      expect(y).toBeLessThan(height * 0.95);
    }
  }
});

test("north is up and east is right, also over the date line", () => {
  const view = viewOf([TOKYO, [37.8, -122.4]], 1000, 400);
  expect(pixel(TOKYO, view).x).toBeLessThan(pixel([37.8, -122.4], view).x);
  expect(pixel([50, 140], view).y).toBeLessThan(pixel([30, 140], view).y);
});

test("the Earth is cut where the widest stretch has no region", () => {
  expect(cutOf([-0.1, -96.8])).toBe(-96.8);
  expect(cutOf([139.7, -122.4])).toBe(139.7);
});

test("land is where land is", () => {
  const land = dots(GRID, bits);
  const near = ([north, east]: Coordinates) => land.some((one) => Math.abs(one.north - north) <= 1 && Math.abs(one.east - east) <= 1);
  expect([[40, -100], [-10, -55], [10, 20], [60, 100], [-25, 135]].map((one) => near(one as [number, number]))).toEqual([true, true, true, true, true]);
  expect([[40, -40], [0, -150], [-30, 80], [-45, -20]].map((one) => near(one as [number, number]))).toEqual([false, false, false, false]);
  expect(bits.length).toBeLessThan(8000);
});

test("the two directions of a link are two arcs, each on its own side", () => {
  const [a, b] = [{ x: 0, y: 100 }, { x: 400, y: 100 }];
  expect(arc(a, b).middle.y).toBeLessThan(100);
  expect(arc(b, a).middle.y).toBeGreaterThan(100);
  expect([arc(a, b).angle, Math.abs(arc(b, a).angle)]).toEqual([0, 180]);
});

test("who has no place, or shares one, is drawn on a circle", () => {
  expect(laidOut([LONDON, null], 1000, 400).view).toBeNull();
  expect(laidOut([LONDON, LONDON], 1000, 400).view).toBeNull();
  const { points } = laidOut([null, null, null], 1000, 400);
  expect(new Set(points.map(({ x, y }) => `${x.toFixed()} ${y.toFixed()}`)).size).toBe(3);
  expect(laidOut([LONDON, DALLAS], 1000, 400).view).not.toBeNull();
});

test("names of neighbours do not cover each other", () => {
  const [one, other] = labelled([{ x: 500, y: 200 }, { x: 525, y: 205 }], [95, 95], 1000, 400);
  expect(one).not.toEqual(other);
});

test("what moves faster is thicker, and nothing moves on a link that is cut", () => {
  expect(thickness(null)).toBe(1.5);
  expect(thickness(100)).toBeGreaterThan(thickness(1));
  expect(thickness(1e9)).toBe(4.5);
  expect([0, 1, 20, 1000].map((rate_s) => flow({ cut: false, rate_s }))).toEqual(["", "slow", "quick", "fast"]);
  expect(flow({ cut: true, rate_s: 100 })).toBe("");
});
