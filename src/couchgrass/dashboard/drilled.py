"""A drill's folder: what is in it, and what that says.

Pure. Any region's dashboard reads it, so that a drill is seen that outlived the one which started it.

    DIR/drills/lock          held by the drill that runs; it says which one that is
    DIR/drills/ID/asked.json what was asked for, and when it began
    DIR/drills/ID/log        what the drill said
    DIR/drills/ID/report.json, report.html   as `couchgrass drill` writes them, at its end
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, TypeVar

import msgspec

from couchgrass.dashboard.seen import DrillAsked, DrillRun
from couchgrass.drill.plan import WAYS, How, Kind, check_load, check_region, faults
from couchgrass.drill.report import Fault
from couchgrass.errors import BadRequest

LOCK: Final = "lock"
ASKED: Final = "asked.json"
LOG: Final = "log"
REPORT: Final = "report.json"
PAGE: Final = "report.html"

DRILLS_KEPT: Final = 50
LOG_BYTES_SHOWN: Final = 64 * 1024
REPORT_BYTES_MAX: Final = 16 * 1024 * 1024

_ID: Final = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{8}")
_CONTROL: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")

E = TypeVar("E", bound=StrEnum)


class Asked(msgspec.Struct, frozen=True):
    """asked.json."""

    asked: DrillAsked
    began: float


class Running(msgspec.Struct, frozen=True):
    """What is in the lock: which drill it is, and its process, None in the moment of its start."""

    id: str
    pid: int | None = None


class Reported(msgspec.Struct, frozen=True):
    """What is used of a report in a list."""

    fault: Fault = Fault("", "", "")
    broken_promises: tuple[str, ...] = ()


def is_id(text: str) -> bool:
    """Whether a drill can be called so: nothing else becomes a path."""
    return _ID.fullmatch(text) is not None


def check(asked: DrillAsked, regions: Sequence[str]) -> None:
    """Raises BadRequest for what `couchgrass drill` would refuse, in its words."""
    kind = _one_of(Kind, asked.fault, "fault")
    how = _one_of(How, asked.how, "way to do it") if asked.how else None
    check_load(asked.load, asked.seconds)
    check_region(asked.region, regions)
    faults(kind, how, asked.region or next(iter(regions), ""), regions)


def options(asked: DrillAsked) -> list[str]:
    """The options of the command."""
    given = [f"--fault={asked.fault}", f"--load={asked.load!r}", f"--seconds={asked.seconds!r}"]
    given += [f"--how={asked.how}"] if asked.how else []
    return given + ([f"--region={asked.region}"] if asked.region else [])


def run_of(name: str, noted: Asked, ended: float | None, reports: Sequence[Reported] | None) -> DrillRun:
    """`reports` None: there is none yet. Of a drill that ended before its end nobody knows whether all that
    was promised was kept, but what was broken is known."""
    asked = noted.asked
    broken = [(one.fault, words) for one in reports or () for words in one.broken_promises]
    is_one = len(reports or ()) < 2
    return DrillRun(
        id=name,
        fault=asked.fault,
        how=asked.how,
        region=asked.region,
        load=asked.load,
        seconds=asked.seconds,
        began=noted.began,
        ended=ended,
        kept=False if broken else True if len(reports or ()) == _parts(asked) else None,
        broken_promises=tuple(
            words if is_one else f"{fault.kind}, {fault.how}: {words}" for fault, words in broken
        ),
    )


def _parts(asked: DrillAsked) -> int:
    """How many reports there are of a whole one."""
    return sum(map(len, WAYS.values())) if asked.fault == Kind.ALL.value else 1


def lines(log: bytes) -> tuple[str, ...]:
    """What a log shows: plain text, its last lines when it is long."""
    text = log[-LOG_BYTES_SHOWN:].decode(errors="replace").replace("\r", "\n")
    shown = [_CONTROL.sub("", line).rstrip() for line in text.split("\n")]
    if len(log) > LOG_BYTES_SHOWN:
        shown = ["…", *shown[1:]]
    return tuple(line for line in shown if line)


def _one_of(kind: type[E], word: str, what: str) -> E:
    try:
        return kind(word)
    except ValueError:
        raise BadRequest(f"there is no {what} {word!r}: there is {', '.join(kind)}") from None
