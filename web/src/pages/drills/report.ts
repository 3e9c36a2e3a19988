// A drill's report, as far as it is shown: `src/couchgrass/drill/report.py` writes it.

import type { DrillReport } from "../../api/dashboard";
import { count } from "../../ui/words";

export interface Method {
  method: string;
  requests: number;
  failed: number;
  p50_ms: number;
  p99_ms: number;
}

/** A quarter of a second of the load: answers by region, and what failed. */
export interface Slot {
  at_s: number;
  served: Record<string, number>;
  failed: number;
}

export interface Report {
  fault: { kind: string; how: string; region: string; other: string };
  seconds: number;
  rate: number;
  broke_s: number;
  healed_s: number;
  methods: Method[];
  rto_s: number | null;
  rpo: { writes: number; seconds: number } | null;
  lost: number;
  converged_s: number | null;
  conflicts: number;
  early: number;
  late_s: number;
  digests: Record<string, string>;
  slots: Slot[];
  failures: { method: string; at_s: number; took_s: number; status: number; region: string; error: string }[];
  aborted: string;
  broken_promises: string[];
}

const EMPTY: Report = {
  fault: { kind: "", how: "", region: "", other: "" }, seconds: 0, rate: 0, broke_s: 0, healed_s: 0, methods: [], rto_s: null, rpo: null, lost: 0,
  converged_s: null, conflicts: 0, early: 0, late_s: 0, digests: {}, slots: [], failures: [], aborted: "", broken_promises: [],
};

/** What is missing is empty: another version may have written it. */
export function reportOf(told: DrillReport): Report {
  return { ...EMPTY, ...(told as Partial<Report>) };
}

export type Fact = readonly [name: string, value: string];

/** Shorter delays of the drill itself are nothing. */
const LATE_S = 0.1;

const s = (value: number) => `${value.toFixed(2)} s`;

/** The report as rows: a name and a value. */
export function facts(report: Report): Fact[] {
  const { fault } = report;
  const where = [fault.region, fault.other].filter(Boolean).join(" and ");
  const total = report.methods.reduce((sum, one) => sum + one.requests, 0);
  const failed = report.methods.filter((one) => one.failed).map((one) => `${count(one.failed)} of ${count(one.requests)} ${one.method}`);
  const rows: Fact[] = [
    ["Fault", `${fault.kind} (${fault.how}) ${where}`.trim()],
    ["How long", s(report.healed_s - report.broke_s)],
    ["Load", `${count(total)} requests in ${report.seconds.toFixed(1)} s, ${count(report.rate)} a second`],
    ["Failed requests", failed.join(", ") || "none"],
    ["Service again after (RTO)", report.rto_s === null ? "never" : s(report.rto_s)],
  ];
  if (report.rpo) rows.push(["Not yet in the survivor (RPO)", report.rpo.writes ? `${count(report.rpo.writes)} writes, the oldest ${s(report.rpo.seconds)} old` : "nothing"]);
  rows.push(
    ["Acknowledged and lost after healing", count(report.lost)],
    ["Equal again", report.converged_s === null ? "never" : `${s(report.converged_s)} after the region’s return`],
    ["Conflicts created", count(report.conflicts)],
    ["Requests to a region not ready", count(report.early)],
  );
  if (report.late_s >= LATE_S) rows.push(["Busy machine: the drill itself could not run for", s(report.late_s)]);
  const digests = new Set(Object.values(report.digests));
  if (digests.size) rows.push(["All regions’ data", digests.size === 1 ? "the same" : "differs"]);
  return rows;
}

/** Requests a second by region, and those that failed, for each slot. `order`: of the regions, so that each has
 * the same colour everywhere. */
export function series(report: Report, order: readonly string[] = []): { name: string; values: number[]; color?: string }[] {
  const each = slotS(report);
  const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  const names = [...new Set(report.slots.flatMap((one) => Object.keys(one.served)))].sort((one, other) => rank(one) - rank(other) || one.localeCompare(other));
  return [
    ...names.map((name) => ({ name, values: report.slots.map((one) => (one.served[name] ?? 0) / each) })),
    { name: "failed", color: "var(--red)", values: report.slots.map((one) => one.failed / each) },
  ];
}

/** When it was broken and healed, as places in the slots. */
export function marks(report: Report): { at: number; text: string }[] {
  const each = slotS(report);
  const found = [{ at: report.broke_s / each, text: `broken at ${s(report.broke_s)}` }, { at: report.healed_s / each, text: `healed at ${s(report.healed_s)}` }];
  return found.filter((one) => one.at > 0 && one.at < report.slots.length);
}

function slotS(report: Report): number {
  return (report.slots[1]?.at_s ?? 0.25) - (report.slots[0]?.at_s ?? 0) || 0.25;
}
