// What a drill can break, in plain words. The names are those of `couchgrass drill`.

export interface Way {
  how: string;
  label: string;
  /** What is really done. */
  does: string;
}

export interface FaultKind {
  fault: string;
  label: string;
  means: string;
  /** The first is what it is when nothing is said. */
  ways: readonly Way[];
  /** Whether one can say which region. */
  where: boolean;
}

const FREEZE = "are frozen where they stand (SIGSTOP) and thawed again: they keep their connections and answer nothing";

export const FAULTS: readonly FaultKind[] = [
  {
    fault: "region", label: "A region dies", means: "All of a region is gone at once, as when a site loses its power.", where: true,
    ways: [
      { how: "kill", label: "Kill", does: "all processes of the region are killed (SIGKILL), and not started again until it is healed" },
      { how: "pause", label: "Freeze", does: `all processes of the region ${FREEZE}` },
    ],
  },
  {
    fault: "database", label: "A database dies", means: "The region’s functions and gateway live on, without their database.", where: true,
    ways: [
      { how: "kill", label: "Kill", does: "the region’s database server is killed (SIGKILL); its supervisor starts it again" },
      { how: "pause", label: "Freeze", does: "the region’s database server is frozen (SIGSTOP) and thawed again: it takes connections and answers nothing" },
    ],
  },
  {
    fault: "functions", label: "The functions die", means: "No action runs in the region until they are back.", where: true,
    ways: [
      { how: "kill", label: "Kill", does: "the region’s functions server is killed (SIGKILL), with all actions that run; its supervisor starts it again" },
      { how: "pause", label: "Freeze", does: "the region’s functions server is frozen (SIGSTOP) and thawed again" },
    ],
  },
  {
    fault: "link", label: "A link breaks", means: "Two regions can’t see each other; both go on serving their users.", where: true,
    ways: [
      { how: "cut", label: "Cut", does: "nothing passes between the region and another one, in both directions" },
      { how: "slow", label: "Slow", does: "all between the region and another one takes half a second more each way, at 50 kB/s" },
    ],
  },
  {
    fault: "balancer-restart", label: "The balancer restarts", means: "The one address of all regions is away for a moment; no region can stand in for that.", where: false,
    ways: [{ how: "kill", label: "Restart", does: "the balancer is ended and started again; its address refuses connections meanwhile" }],
  },
  {
    fault: "all", label: "Everything, one after the other", means: "Each of these, in each way. It takes several minutes.", where: true,
    ways: [{ how: "", label: "Each", does: "each of the faults above is made and healed, one after the other" }],
  },
];

export const SECONDS_MIN = 4;
export const LOAD_MAX = 5000;

/** "A region dies: kill", for a list. */
export function faultWords(fault: string, how: string): string {
  const kind = FAULTS.find((one) => one.fault === fault);
  if (!kind) return [fault, how].filter(Boolean).join(", ");
  const way = kind.ways.length > 1 ? kind.ways.find((one) => one.how === how) : undefined;
  return way ? `${kind.label} (${way.label.toLowerCase()})` : kind.label;
}

/** What will be broken by this, in a sentence. */
export function willBreak(kind: FaultKind, how: string, region: string): string {
  const way = kind.ways.find((one) => one.how === how) ?? kind.ways[0]!;
  const which = kind.where ? ` The region: ${region || "the one that serves when it begins"}.` : "";
  return `This is real: ${way.does}.${which}`;
}
