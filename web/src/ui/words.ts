// Numbers and times as people read them.

/** 1,234 */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en");
}

/** 1.2 MB */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  let left = value;
  while (left >= 999.5 && at < units.length - 1) {
    left /= 1000;
    at += 1;
  }
  return `${at && left < 99.5 ? left.toFixed(1) : Math.round(left)} ${units[at]}`;
}

/** 0.3 s, 12 s, 3 min, 2 h, 4 d */
export function seconds(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value < 9.95) return `${value.toFixed(1)} s`;
  if (value < 90) return `${Math.round(value)} s`;
  if (value < 5400) return `${Math.round(value / 60)} min`;
  if (value < 129_600) return `${Math.round(value / 3600)} h`;
  return `${Math.round(value / 86_400)} d`;
}

/** 4 ms, 1.2 s */
export function millis(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return value < 999.5 ? `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ms` : seconds(value / 1000);
}

/** A rate: 0, 0.4, 12, 1,400 */
export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return value > 0 && value < 9.95 ? value.toFixed(1) : count(value);
}

/** 14:03:22, with the date when it is not today. `at` in milliseconds since the epoch. */
export function clock(at: number, now: number = Date.now()): string {
  const when = new Date(at);
  const time = when.toLocaleTimeString("en-GB");
  return when.toDateString() === new Date(now).toDateString() ? time : `${when.toLocaleDateString("en-CA")} ${time}`;
}
