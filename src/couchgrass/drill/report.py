"""What a drill reports, and whether it is good enough.

Pure. The bounds are what couchgrass promises; a report names each that was not kept. Times are seconds of the
drill's clock, which begins with its load.
"""

from __future__ import annotations

from typing import Final

import msgspec

from couchgrass.drill.timeline import ByMethod, Failure, Slot

RESTART: Final = "balancer-restart"
"""The fault that no other region can stand in for."""

SAFE: Final = frozenset({"GET"})
RTO_S_MAX: Final = 1.0

RESTART_S_MAX: Final = 5.0
"""A balancer that is started again refuses connections meanwhile, and nobody else answers for it."""

CONVERGE_S_MAX: Final = 5.0

LATE_S_SHOWN: Final = 0.1
"""A drill that was held up for so long measured the machine too."""

KILL_S: Final = 0.1
"""Killed processes are gone, with their sockets, after so long; on an idle machine much earlier."""


class Loss(msgspec.Struct, frozen=True):
    """Acknowledged writes that the surviving region lacked when the fault came (RPO): how many, and how old
    the oldest was then, in seconds."""

    writes: int
    seconds: float


class Fault(msgspec.Struct, frozen=True):
    """What was done: `kind` as on the command line, `how` ("kill", "pause", "cut", "slow"), to which region,
    or between which two."""

    kind: str
    how: str
    region: str
    other: str = ""


class Report(msgspec.Struct, frozen=True):
    """One drill. `lost` are acknowledged writes that some region lacks after healing. `converged_s`: how long
    after the return all regions had what had been acknowledged until then, None when they never had.
    `early`: requests that the region served after it came back and before it was ready. `digests`: of each
    region's database at the end; `failures`: the first requests that failed; `late_s`:
    how long the machine did not let the drill itself run, at worst; `aborted` says why a drill ended
    before its end."""

    fault: Fault
    seconds: float
    rate: float
    broke_s: float
    healed_s: float
    methods: tuple[ByMethod, ...]
    rto_s: float | None
    rpo: Loss | None
    lost: int
    lost_documents: tuple[str, ...]
    converged_s: float | None
    conflicts: int
    early: int
    digests: dict[str, str]
    slots: tuple[Slot, ...]
    failures: tuple[Failure, ...] = ()
    late_s: float = 0.0
    aborted: str = ""


def grace_s(fault: Fault) -> float:
    """How long after the fault was made a request may still begin and count as in flight. Who asks a region
    that was killed is refused a connection, and can be sent elsewhere, but its sockets take a moment to be
    closed. A region that is frozen, or has lost a part, takes requests until that is noticed."""
    return KILL_S if (fault.kind, fault.how) == ("region", "kill") else rto_s_max(fault)


def rto_s_max(fault: Fault) -> float:
    """How long service may be away."""
    return RESTART_S_MAX if fault.kind == RESTART else RTO_S_MAX


def broken_promises(report: Report) -> tuple[str, ...]:
    """In words, what was not as good as it should be; nothing when all was."""
    found = [f"the drill ended early: {report.aborted}"] if report.aborted else []
    for method in report.methods:
        if method.method in SAFE and method.failed and report.fault.kind != RESTART:
            found.append(f"{method.failed} {method.method} requests failed; none may")
        elif report.fault.kind != "link" and method.failed > method.in_flight_failed:
            more = method.failed - method.in_flight_failed
            found.append(
                f"{more} {method.method} requests failed that were not in flight when the fault came"
            )
    if report.rto_s is None:
        found.append("service did not come back")
    elif report.rto_s > (bound_s := rto_s_max(report.fault)):
        found.append(f"service took {report.rto_s:.2f} s to come back; {bound_s:.0f} s is the bound")
    if report.lost:
        found.append(f"{report.lost} acknowledged writes are lost")
    if report.converged_s is None:
        found.append("the regions did not become equal")
    elif report.converged_s > CONVERGE_S_MAX:
        found.append(
            f"the regions took {report.converged_s:.1f} s to be equal; {CONVERGE_S_MAX:.0f} s is the bound"
        )
    if report.early:
        found.append(f"{report.early} requests went to a region that was not ready yet")
    if len(set(report.digests.values())) > 1:
        found.append("the regions' digests differ")
    return tuple(found)


def facts(report: Report) -> tuple[tuple[str, str], ...]:
    """The report as rows for people: a name and a value."""
    fault = report.fault
    where = f"{fault.region} and {fault.other}" if fault.other else fault.region
    total = sum(method.requests for method in report.methods)
    failed = ", ".join(f"{one.failed} of {one.requests} {one.method}" for one in report.methods)
    rows = [
        ("fault", f"{fault.kind} ({fault.how}) {where}, {report.healed_s - report.broke_s:.1f} s long"),
        ("load", f"{total} requests in {report.seconds:.1f} s, {report.rate:.0f} a second"),
        ("failed", failed or "none"),
        ("service again after (RTO)", "never" if report.rto_s is None else f"{report.rto_s:.2f} s"),
    ]
    if report.rpo is not None:
        rows.append(
            ("not yet in the survivor (RPO)", f"{report.rpo.writes} writes, {report.rpo.seconds:.2f} s")
        )
    converged = (
        "never" if report.converged_s is None else f"{report.converged_s:.2f} s after the region's return"
    )
    rows += [
        ("acknowledged and lost after healing", str(report.lost)),
        ("equal again", converged),
        ("conflicts created", str(report.conflicts)),
        ("requests to a region not ready", str(report.early)),
    ]
    if report.late_s >= LATE_S_SHOWN:
        rows.append(("busy machine: the drill itself could not run for", f"{report.late_s:.2f} s"))
    rows += [(f"digest of {name}", digest) for name, digest in report.digests.items()]
    return tuple(rows)
