"""What processes use together with all below them, of all that are asked for in one pass over /proc."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = resource.getpagesize()
_PARENT, _TIMES, _RESIDENT = 1, slice(11, 15), 21
"""Where in a line of stat, after the name: proc(5)."""


class Used(NamedTuple):
    """`cpu_s`: of all their lives, with that of children which have ended. `resident_bytes`: what several of
    them share counts for each."""

    cpu_s: float
    resident_bytes: int
    processes: int


class _Process(NamedTuple):
    ticks: int
    pages: int


def used(pids: Iterable[int]) -> dict[int, Used]:
    """Of each of these and its descendants; what is gone has used nothing. Blocks for some ms."""
    known: dict[int, _Process] = {}
    children: dict[int, list[int]] = {}
    for name in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - names are all that is wanted
        try:
            stat = Path("/proc", name, "stat").read_bytes()
        except OSError:
            continue
        fields = stat[stat.rindex(b")") + 2 :].split()
        known[int(name)] = _Process(sum(map(int, fields[_TIMES])), int(fields[_RESIDENT]))
        children.setdefault(int(fields[_PARENT]), []).append(int(name))
    return {pid: _sum(pid, known, children) for pid in pids}


def _sum(root: int, known: Mapping[int, _Process], children: Mapping[int, list[int]]) -> Used:
    tree = [root]
    for pid in tree:
        tree += children.get(pid, [])
    found = [known[pid] for pid in tree if pid in known]
    ticks = sum(process.ticks for process in found)
    pages = sum(process.pages for process in found)
    return Used(ticks / _TICKS_A_SECOND, pages * _PAGE_BYTES, len(found))
