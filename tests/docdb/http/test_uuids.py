"""New ids: their form, that none comes twice, and that time never goes back in them."""

from __future__ import annotations

import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.http.uuids import UuidSource
from couchgrass.docdb.settings import Uuids

SEQUENTIAL, RANDOM = Uuids(algorithm="sequential"), Uuids(algorithm="random")
UTC_RANDOM, UTC_ID = Uuids(algorithm="utc_random"), Uuids(algorithm="utc_id", utc_id_suffix="london")


class SetClock:
    """Shows the times that it is given, in order; the last one from then on."""

    def __init__(self, *times_s: float) -> None:
        self._times_s = list(times_s)

    def now(self) -> float:
        return self._times_s.pop(0) if len(self._times_s) > 1 else self._times_s[0]

    def monotonic(self) -> float:
        return self.now()


def test_every_algorithm_but_utc_id_makes_32_hexadecimal_digits() -> None:
    source = UuidSource(SetClock(1_700_000_000))
    for setting in (SEQUENTIAL, RANDOM, UTC_RANDOM):
        assert re.fullmatch("[0-9a-f]{32}", source.one(setting)), setting.algorithm


def test_sequential_ids_share_a_prefix_and_grow() -> None:
    ids = UuidSource(SetClock(0)).many(SEQUENTIAL, 1000)
    assert len({one[:26] for one in ids}) == 1
    assert ids == sorted(set(ids))


def test_sequential_ids_start_anew_before_their_six_digits_run_over() -> None:
    ids = UuidSource(SetClock(0)).many(SEQUENTIAL, 40_000)
    assert len({one[:26] for one in ids}) > 1
    assert len(set(ids)) == len(ids)
    assert {len(one) for one in ids} == {32}


def test_two_sources_do_not_make_the_same_ids() -> None:
    clock = SetClock(0)
    assert not set(UuidSource(clock).many(SEQUENTIAL, 100)) & set(UuidSource(clock).many(SEQUENTIAL, 100))


def test_utc_ids_start_with_the_microseconds_and_end_with_the_suffix() -> None:
    assert UuidSource(SetClock(1_700_000_000.25)).one(UTC_ID) == f"{1_700_000_000_250_000:014x}london"


@given(st.lists(st.floats(min_value=1, max_value=4e9), min_size=1, max_size=30))
def test_utc_ids_grow_even_when_the_clock_stands_or_goes_back(times_s: list[float]) -> None:
    ids = UuidSource(SetClock(*times_s)).many(UTC_ID, len(times_s) + 2)
    assert ids == sorted(set(ids))


def test_a_changed_setting_counts_at_the_next_id() -> None:
    source = UuidSource(SetClock(1_700_000_000))
    assert source.one(UTC_ID).endswith("london")
    assert source.one(Uuids(algorithm="utc_id", utc_id_suffix="dallas")).endswith("dallas")


@pytest.mark.parametrize("setting", [SEQUENTIAL, UTC_RANDOM, UTC_ID])
def test_threads_never_get_the_same_id(setting: Uuids) -> None:
    source = UuidSource(SetClock(1.0))
    together = threading.Barrier(3)

    def draw() -> list[str]:
        together.wait()
        return source.many(setting, 100_000)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(3) as threads:
            drawn = [one for ids in [threads.submit(draw) for _ in range(3)] for one in ids.result()]
    finally:
        sys.setswitchinterval(before)
    assert len(set(drawn)) == len(drawn) == 300_000
