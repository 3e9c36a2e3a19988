"""Which faults a drill makes."""

from __future__ import annotations

import pytest

from couchgrass.drill.plan import How, Kind, faults
from couchgrass.drill.report import Fault
from couchgrass.errors import BadRequest

REGIONS = ("london", "dallas", "sydney")


def test_each_fault_has_a_way_of_its_own() -> None:
    assert faults(Kind.REGION, None, "london", REGIONS) == (Fault("region", "kill", "london"),)
    assert faults(Kind.LINK, None, "dallas", REGIONS) == (Fault("link", "cut", "dallas", "london"),)
    assert faults(Kind.BALANCER_RESTART, None, "london", REGIONS) == (
        Fault("balancer-restart", "restart", ""),
    )


def test_all_is_each_in_each_way() -> None:
    found = faults(Kind.ALL, None, "london", REGIONS)
    assert len(found) == len(set(found)) == 9
    assert {one.kind for one in found} == {kind.value for kind in Kind if kind is not Kind.ALL}


@pytest.mark.parametrize(
    ("kind", "how", "regions", "word"),
    [
        (Kind.REGION, How.CUT, REGIONS, "kill or pause"),
        (Kind.LINK, How.KILL, REGIONS, "cut or slow"),
        (Kind.ALL, How.KILL, REGIONS, "leave --how out"),
        (Kind.REGION, None, ("london",), "two regions"),
    ],
)
def test_what_makes_no_sense_is_refused(
    kind: Kind, how: How | None, regions: tuple[str, ...], word: str
) -> None:
    with pytest.raises(BadRequest, match=word):
        faults(kind, how, "london", regions)
