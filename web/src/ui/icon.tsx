// Icons: drawn on 24 by 24, with lines.

import { type JSX } from "preact";

const PATHS = {
  activity: "M3 12h4l3-8 4 16 3-8h4",
  blades: "M11 22C10 15 7 9 2 7c6 0 9 4 10 11 0-8 3-13 10-16-5 5-7 12-8 20z",
  bolt: "M13 2 4 14h7l-1 8 9-12h-7z",
  check: "M4 12l6 6L20 6",
  close: "M5 5l14 14M19 5L5 19",
  copy: "M9 9h11v12H9zM5 15H4V3h11v2",
  database: "M4 6c0-4 16-4 16 0v12c0 4-16 4-16 0zM4 6c0 4 16 4 16 0M4 12c0 4 16 4 16 0",
  down: "M12 3v13M6 11l6 6 6-6M4 21h16",
  edit: "M4 20l1-5L16 4l4 4L9 19zM14 6l4 4",
  flame: "M12 2c1 5 6 7 6 13a6 6 0 0 1-12 0c0-3 2-4 2-7 2 1 3 2 3 4 2-3 1-6 1-10z",
  globe: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zM2 12h20M12 2c-6 6-6 14 0 20 6-6 6-14 0-20z",
  key: "M14 10a5 5 0 1 0-2 4l2 2h3v3h4v-4z",
  leave: "M14 4H4v16h10M10 12h11M17 8l4 4-4 4",
  link: "M9 15l6-6M8 11l-3 3a4 4 0 0 0 6 6l3-3M16 13l3-3a4 4 0 0 0-6-6l-3 3",
  menu: "M4 6h16M4 12h16M4 18h16",
  moon: "M20 14A8 8 0 1 1 10 4a7 7 0 0 0 10 10z",
  pause: "M8 5v14M16 5v14",
  play: "M7 4l13 8-13 8z",
  plus: "M12 4v16M4 12h16",
  refresh: "M20 5v5h-5M4 19v-5h5M19 10a8 8 0 0 0-14-3M5 14a8 8 0 0 0 14 3",
  route: "M6 3a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM18 15a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM6 9v5c0 3 2 4 5 4h4M9 6h5c3 0 4 1 4 4v5",
  scales: "M12 3v18M7 21h10M4 7h16M4 7l-2 7c0 3 6 3 6 0L6 7M20 7l-2 7c0 3 6 3 6 0l-2-7",
  search: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM15 15l6 6",
  sun: "M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM12 1v3M12 20v3M1 12h3M20 12h3M4 4l2 2M18 18l2 2M4 20l2-2M18 6l2-2",
  trash: "M4 6h16M9 6V3h6v3M6 6l1 15h10l1-15M10 10v7M14 10v7",
  up: "M12 21V8M6 13l6-6 6 6M4 3h16",
  warn: "M12 3 1 21h22zM12 9v6M12 18v1",
} as const;

export type IconName = keyof typeof PATHS;

/** Without `label` it is decoration. */
export function Icon({ name, label }: { name: IconName; label?: string }): JSX.Element {
  const told = label ? { role: "img" as const, "aria-label": label } : { "aria-hidden": "true" as const };
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" {...told}>
      {label && <title>{label}</title>}
      <path d={PATHS[name]} />
    </svg>
  );
}
