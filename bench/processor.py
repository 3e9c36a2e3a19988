"""Processor time while something ran: by part of what is measured, and what others took of the machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.pair import TICKS_PER_S

Parts = Callable[[], Mapping[str, list[int]]]
"""The ids of the processes of each part, as they are now."""


class Meter:
    """Begins when it is made. What this process's children took, which is wrk, is a part of its own."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._spent = {pid: _spent_s(pid) for pids in parts().values() for pid in pids}
        self._children = _children_s()
        self._busy, self._whole = _machine_s()

    def read(self, answers: int) -> dict[str, Any]:
        """`cpu_us`: of each part by answer; `others_share`: of the machine, what nobody of these took. Of a
        process that ended meanwhile nothing is known: it counts as one of the others."""
        spent = {
            name: sum(_spent_s(pid) - self._spent.get(pid, 0.0) for pid in pids)
            for name, pids in self._parts().items()
        }
        spent["wrk"] = _children_s() - self._children
        busy, whole = _machine_s()
        others = busy - self._busy - sum(spent.values())
        return {
            "cpu_us": {name: round(max(0.0, seconds) * 1e6 / answers) for name, seconds in spent.items()},
            "others_share": round(max(0.0, others) / (whole - self._whole), 2),
        }


def _children_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _machine_s() -> tuple[float, float]:
    """(busy, all) of all processors since the machine began."""
    line = Path("/proc/stat").read_text().split("\n", 1)[0]
    user, nice, system, idle, waits, *interrupts = map(int, line.split()[1:9])
    busy = user + nice + system + sum(interrupts)
    return busy / TICKS_PER_S, (busy + idle + waits) / TICKS_PER_S


def _spent_s(pid: int) -> float:
    """Of a process; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S
