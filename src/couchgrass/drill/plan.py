"""Which faults a drill makes, and whether it can make them.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from couchgrass.drill.report import Fault
from couchgrass.errors import BadRequest


class Kind(StrEnum):
    """What breaks."""

    REGION = "region"
    DATABASE = "database"
    FUNCTIONS = "functions"
    LINK = "link"
    BALANCER_RESTART = "balancer-restart"
    ALL = "all"


class How(StrEnum):
    """How it breaks: processes are killed, or frozen; a link is cut, or slow."""

    KILL = "kill"
    PAUSE = "pause"
    CUT = "cut"
    SLOW = "slow"


WAYS: Final[dict[Kind, tuple[How, ...]]] = {
    Kind.REGION: (How.KILL, How.PAUSE),
    Kind.DATABASE: (How.KILL, How.PAUSE),
    Kind.FUNCTIONS: (How.KILL, How.PAUSE),
    Kind.LINK: (How.CUT, How.SLOW),
    Kind.BALANCER_RESTART: (How.KILL,),
}
"""The first of each is what it is without `--how`."""


SECONDS_MIN: Final = 4.0
SECONDS_MAX: Final = 3600.0
RATE_MAX: Final = 5000.0


def check_load(rate: float, seconds: float) -> None:
    """Raises BadRequest for a load that no drill can be made with."""
    if not (SECONDS_MIN <= seconds <= SECONDS_MAX and 0 < rate <= RATE_MAX):
        raise BadRequest(
            f"--seconds is {SECONDS_MIN:.0f} to {SECONDS_MAX:.0f}, and --load above 0 up to {RATE_MAX:.0f}"
        )


def check_region(region: str, regions: Sequence[str]) -> None:
    """Raises BadRequest for one that there is not; "" is the one that serves."""
    if region and region not in regions:
        raise BadRequest(f"there is no region {region}: there is {', '.join(regions)}")


def faults(kind: Kind, how: How | None, serving: str, regions: Sequence[str]) -> tuple[Fault, ...]:
    """The faults of a drill, in their order. `serving` is the region that they strike. Raises BadRequest for
    what makes no sense, or needs a second region."""
    if len(regions) < 2:
        raise BadRequest("a drill needs two regions: one that breaks and one that serves meanwhile")
    if kind is Kind.ALL:
        if how is not None:
            raise BadRequest("--fault all does each in each way; leave --how out")
        return tuple(_fault(one, way, serving, regions) for one, ways in WAYS.items() for way in ways)
    ways = WAYS[kind]
    if how is not None and how not in ways:
        raise BadRequest(f"--fault {kind} is done by {' or '.join(ways)}, not by {how}")
    return (_fault(kind, how or ways[0], serving, regions),)


def _fault(kind: Kind, how: How, serving: str, regions: Sequence[str]) -> Fault:
    if kind is Kind.BALANCER_RESTART:
        return Fault(kind.value, "restart", "")
    other = next(name for name in regions if name != serving) if kind is Kind.LINK else ""
    return Fault(kind.value, how.value, serving, other)
