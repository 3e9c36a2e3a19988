"""The states of a job."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.replication.lifecycle import NEXT, Happening, Life
from couchgrass.replication.status import State


@given(st.integers(1, 5), st.data())
def test_each_walk_through_the_table_is_told_truly(most: int, data: st.DataObject) -> None:
    life, now, crashes = Life(0.0, most), 0.0, 0
    for _ in range(data.draw(st.integers(0, 15))):
        possible = sorted((what for state, what in NEXT if state is life.state), key=lambda what: what.value)
        if not possible:
            break
        what = data.draw(st.sampled_from(possible))
        wanted = NEXT[life.state, what]
        now += 1.0
        assert life.note(what, now, "why" if what is Happening.CRASHED else None) is wanted
        assert (life.state, life.since) == (wanted, now)
        assert life.history[-1].type == what.value and len(life.history) <= most
        crashes = crashes + 1 if what is Happening.CRASHED else 0 if what is Happening.COMPLETED else crashes
        assert life.crashes == crashes
        assert (life.error == "why") == (crashes > 0)


def test_what_the_table_does_not_have_can_not_happen() -> None:
    life = Life(0.0)
    for what in (Happening.CRASHED, Happening.COMPLETED, Happening.STOPPED):
        with pytest.raises(KeyError):
            life.note(what, 1.0)
    life.note(Happening.STARTED, 1.0)
    life.note(Happening.COMPLETED, 2.0)
    for what in Happening:
        with pytest.raises(KeyError):
            life.note(what, 3.0)


def test_a_crash_is_forgotten_when_the_job_does_well() -> None:
    life = Life(0.0)
    life.note(Happening.STARTED, 1.0)
    life.note(Happening.CRASHED, 2.0, "peer_lost: away")
    assert (life.state, life.crashes, life.error) == (State.CRASHING, 1, "peer_lost: away")
    life.recovered()
    assert (life.crashes, life.error) == (0, None)


def test_every_state_that_is_no_end_leads_on() -> None:
    reached = set(NEXT.values()) | {State.PENDING}
    assert {state for state, _ in NEXT} == {state for state in reached if not state.is_terminal}
