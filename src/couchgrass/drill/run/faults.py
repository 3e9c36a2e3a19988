"""Breaks a region, a part of it, a link or the balancer, and heals it again.

Signals go to processes by their ids, which the supervisors wrote down. Whatever happens in between, `heal` is
to be called: it wakes what was paused, lets start what was held, and repairs the wires.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from typing import Any, Final

from couchgrass.drill.report import Fault
from couchgrass.drill.site import Site
from couchgrass.errors import BadRequest

SLOW: Final[dict[str, Any]] = {"delay_ms": 500, "bytes_per_s": 50_000}
HOLD_SPARE_S: Final = 30.0
"""How much longer than the fault a hold lasts; it ends by itself should the drill die."""

PARTS: Final = ("database", "functions")


class Faults:
    """The faults of one drill at a site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._paused: list[int] = []
        self._held: list[str] = []
        self._wired = False

    def break_it(self, fault: Fault, outage_s: float) -> None:
        """Raises BadRequest when there is nothing to break."""
        if fault.kind == "link":
            change = {"cut": True} if fault.how == "cut" else SLOW
            self._wired = True
            ways = (f"{fault.region}->{fault.other}", f"{fault.other}->{fault.region}")
            self._site.set_wires(dict.fromkeys(ways, change))
            return
        if fault.kind == "balancer-restart":
            pid = self._site.balancer_pid()
            if pid is None:
                raise BadRequest("no balancer runs")
            os.kill(pid, signal.SIGTERM)
            return
        pids = self._site.pids(fault.region)
        if fault.kind in PARTS:
            pids = {name: pid for name, pid in pids.items() if name == fault.kind}
        if not pids:
            raise BadRequest(f"{fault.region}: there is no process to break")
        if fault.how == "pause":
            self._pause(pids.values())
            return
        if fault.kind == "region":
            self._held.append(fault.region)
            self._site.hold(fault.region, outage_s + HOLD_SPARE_S)
        # The supervisor first: it must not see its processes end and start others.
        for _, pid in sorted(pids.items(), key=lambda item: item[0] != "supervisor"):
            _send(pid, signal.SIGKILL)

    def _pause(self, pids: Iterable[int]) -> None:
        for pid in pids:
            self._paused.append(pid)
            _send(pid, signal.SIGSTOP)

    def heal(self) -> None:
        """Undoes all that is still broken. May be called twice."""
        while self._paused:
            _send(self._paused.pop(), signal.SIGCONT)
        while self._held:
            self._site.release(self._held.pop())
        if self._wired:
            self._site.set_wires({})
            self._wired = False


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
