// Small charts of the last while, as SVG: lines over time, with gaps where nothing is known.

import { type JSX } from "preact";

export interface Series {
  name: string;
  /** One of --c1 … --c6, or another colour of the page. */
  color?: string;
  values: readonly (number | null)[];
}

interface How {
  /** What a screen reader says of it. */
  label: string;
  series: readonly Series[];
  height?: number;
  /** At least so high the axis goes. */
  top?: number;
  format?: (value: number) => string;
  /** Marks: index in the values, and a word. */
  marks?: readonly { at: number; text: string }[];
  /** No axis, no legend: a spark line. */
  small?: boolean;
  /** Words below the left and the right end. */
  ends?: readonly [string, string];
}

const WIDTH = 600;

export function Chart(how: How): JSX.Element {
  const height = how.height ?? (how.small ? 36 : 140);
  const format = how.format ?? ((value: number) => value.toLocaleString("en"));
  const top = nice(Math.max(how.top ?? 0, ...how.series.flatMap((one) => one.values.map((value) => value ?? 0))));
  const long = Math.max(2, ...how.series.map((one) => one.values.length));
  const x = (at: number) => (at / (long - 1)) * WIDTH;
  const y = (value: number) => height - 2 - (value / top) * (height - 6);
  return (
    <figure class="chart-box" style={{ margin: 0 }}>
      <div style={{ position: "relative" }}>
        {!how.small && <span class="soft small nums" style={{ position: "absolute", left: 0, top: 0 }}>{format(top)}</span>}
        <svg class="chart" viewBox={`0 0 ${WIDTH} ${height}`} style={{ height: `${height}px` }} preserveAspectRatio="none" role="img" aria-label={how.label}>
          {!how.small && [0, 0.5, 1].map((part) => <line key={part} class="grid" x1="0" x2={WIDTH} y1={y(top * part)} y2={y(top * part)} vector-effect="non-scaling-stroke" />)}
          {how.marks?.map((mark) => (
            <line key={`${mark.at}${mark.text}`} x1={x(mark.at)} x2={x(mark.at)} y1="0" y2={height} stroke="var(--red)" stroke-dasharray="4 3" vector-effect="non-scaling-stroke"><title>{mark.text}</title></line>
          ))}
          {how.series.map((one, number) => {
            const color = one.color ?? `var(--c${(number % 6) + 1})`;
            const { line, area } = paths(one.values, x, y, height);
            return (
              <g key={one.name}>
                {how.series.length === 1 && <path class="area" d={area} fill={color} />}
                <path class="line" d={line} stroke={color} />
              </g>
            );
          })}
        </svg>
      </div>
      {how.ends && <div class="row small soft" style={{ justifyContent: "space-between" }}><span>{how.ends[0]}</span><span>{how.ends[1]}</span></div>}
      {!how.small && how.series.length > 1 && (
        <ul class="legend">
          {how.series.map((one, number) => <li key={one.name}><i style={{ background: one.color ?? `var(--c${(number % 6) + 1})` }} />{one.name}</li>)}
        </ul>
      )}
    </figure>
  );
}

function paths(values: readonly (number | null)[], x: (at: number) => number, y: (value: number) => number, height: number): { line: string; area: string } {
  let line = "";
  let area = "";
  let begun = -1;
  const end = (at: number) => {
    if (begun >= 0) area += `L${x(at).toFixed(1)} ${height}L${x(begun).toFixed(1)} ${height}Z`;
    begun = -1;
  };
  values.forEach((value, at) => {
    if (value === null) return end(at - 1);
    const point = `${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    line += (begun < 0 ? "M" : "L") + point;
    area += (begun < 0 ? "M" : "L") + point;
    if (begun < 0) begun = at;
  });
  end(values.length - 1);
  return { line, area };
}

/** The next of 1, 2, 5, 10, … above it. */
export function nice(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((one) => one * power >= value * 0.999) ?? 10) * power;
}
