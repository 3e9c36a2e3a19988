"""How far a replication is, and how old the oldest change that the target may lack."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.wire import ZERO
from couchgrass.replication.progress import Lag, Progress


@given(st.data())
def test_a_checkpoint_only_covers_what_is_done_without_a_gap(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    seqs = [data.draw(st.none() | st.just(msgspec.Raw(str(number + 1).encode()))) for number in range(count)]
    progress, taken, done = Progress(ZERO), 0, set[int]()
    while len(done) < count:
        waiting = [number for number in range(taken) if number not in done]
        if taken < count and (not waiting or data.draw(st.booleans())):
            progress.taken(taken, float(taken))
            taken += 1
        else:
            number = data.draw(st.sampled_from(waiting))
            progress.done(number, seqs[number])
            done.add(number)
        gap = next((number for number in range(count) if number not in done), count)
        through = [one for one in seqs[:gap] if one is not None]
        assert bytes(progress.through) == bytes(through[-1] if through else ZERO)
        open_ones = [number for number in range(taken) if number not in done]
        assert progress.oldest_s == (min(open_ones) if open_ones else None)


def test_nothing_is_known_at_first() -> None:
    lag = Lag(100.0)
    assert lag.lag_s(500.0) is None
    lag.broke()
    assert lag.lag_s(500.0) == 400.0, "never caught up: it counts from the start"


def test_an_idle_link_has_no_lag() -> None:
    lag = Lag(0.0)
    lag.caught_up(1.0)
    lag.feed(None, 2.0)
    assert lag.lag_s(500.0) == 0.0


def test_a_waiting_row_is_as_old_as_it_waits() -> None:
    lag = Lag(0.0)
    lag.feed(None, 10.0)
    lag.feed(20.0, 21.0)
    assert lag.lag_s(50.0) == 30.0
    lag.feed(None, 51.0)
    assert lag.lag_s(60.0) == 0.0


def test_when_the_source_is_gone_it_grows_from_when_it_was_heard() -> None:
    lag = Lag(0.0)
    lag.feed(None, 10.0)
    lag.broke()
    assert lag.lag_s(10.0) == 0.0 and lag.lag_s(70.0) == 60.0
    lag.caught_up(100.0)
    assert lag.lag_s(101.0) == 1.0


def test_when_the_target_is_gone_it_grows_from_what_waits() -> None:
    lag = Lag(0.0)
    lag.feed(None, 10.0)
    lag.feed(12.0, 15.0)
    lag.broke()
    assert lag.lag_s(20.0) == 8.0


def test_a_checkpoint_says_since_when_once() -> None:
    lag = Lag(100.0)
    lag.resume(30.0, 100.0)
    lag.broke()
    assert lag.lag_s(101.0) == 31.0
    lag.resume(1.0, 102.0)
    assert lag.lag_s(102.0) == 32.0
    fresh = Lag(100.0)
    fresh.resume(-5.0, 100.0)  # the checkpoint's clock was ahead of ours
    fresh.broke()
    assert fresh.lag_s(100.0) == 0.0


TIMES = st.floats(0, 1000)
STEPS = st.lists(st.tuples(st.sampled_from(["feed", "rows", "broke", "caught"]), st.floats(0, 10)))


@given(STEPS)
def test_lag_is_never_negative_nor_more_than_the_age_of_the_job(steps: list[tuple[str, float]]) -> None:
    now, lag = 0.0, Lag(0.0)
    for what, passed_s in steps:
        before = now
        now += passed_s
        match what:
            case "feed":
                lag.feed(None, now)
            case "rows":
                lag.feed(before, now)
            case "caught":
                lag.caught_up(before)
            case _:
                lag.broke()
        found = lag.lag_s(now)
        assert found is not None and 0.0 <= found <= now
