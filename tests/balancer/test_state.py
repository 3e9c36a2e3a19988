"""What people see of a verdict."""

from __future__ import annotations

import msgspec
import pytest

from couchgrass.balancer.admission import Mode, Stage, Verdict
from couchgrass.balancer.order import Order, Turn
from couchgrass.balancer.state import BalancerState, Doing, seen_of

ORDER = Order((Turn("london", 0), Turn("dallas", 1)))


def verdict(region: str, mode: Mode, stage: Stage = Stage.IN, *, is_empty: bool = False) -> Verdict:
    return Verdict(region, mode, stage, "why", 1.23456, is_empty=is_empty)


@pytest.mark.parametrize(
    ("mode", "stage", "is_empty", "doing"),
    [
        (Mode.OPEN, Stage.IN, False, Doing.SERVING),
        (Mode.OPEN, Stage.OUT, False, Doing.SERVING),
        (Mode.CLOSED, Stage.OUT, False, Doing.OUT),
        (Mode.CLOSED, Stage.STARTING, False, Doing.STARTING),
        (Mode.DRAINING, Stage.IN, False, Doing.DRAINING),
        (Mode.DRAINING, Stage.OUT, True, Doing.DRAINED),
    ],
)
def test_each_verdict_has_a_word(mode: Mode, stage: Stage, is_empty: bool, doing: Doing) -> None:
    assert seen_of([verdict("london", mode, stage, is_empty=is_empty)], ORDER)["london"].state is doing


def test_an_open_region_behind_another_one_stands_by() -> None:
    seen = seen_of([verdict("london", Mode.OPEN), verdict("dallas", Mode.OPEN)], ORDER)
    assert [one.state for one in seen.values()] == [Doing.SERVING, Doing.STANDBY]
    seen = seen_of([verdict("london", Mode.DRAINING), verdict("dallas", Mode.OPEN)], ORDER)
    assert [one.state for one in seen.values()] == [Doing.DRAINING, Doing.SERVING]


def test_it_is_read_back_as_it_was_written() -> None:
    seen = seen_of([verdict("london", Mode.OPEN)], ORDER)
    state = BalancerState(1, "http://a", "http://b", 2.5, "failover", "running", 0, seen)
    assert msgspec.json.decode(msgspec.json.encode(state), type=BalancerState) == state
    assert seen["london"].since == 1.235
