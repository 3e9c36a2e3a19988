"""Scripts of probes and the verdicts that they lead to; then any script keeps the rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from couchgrass.balancer.admission import (
    NEXT,
    READY_FIRST,
    READY_MOST,
    SILENCES_MAX,
    STEADY_S,
    Absence,
    Answer,
    Counted,
    Drained,
    Event,
    Finding,
    Load,
    Mode,
    Named,
    Probed,
    Result,
    Silence,
    Stage,
    State,
    Verdict,
    ready_needed,
    step,
)

L, D = "london", "dallas"
READY = Answer(live=True, ready=True, incarnation="1", lag_s=0.1)
LIVE = Answer(live=True, ready=False, incarnation="1", lag_s=5.0, reason="behind dallas")
DEAD = Answer(live=False, ready=False, incarnation="1", reason="the database takes no write")
SILENT = Silence("does not answer in time")
GONE = Absence("connection refused")


class Script:
    """Plays events to the rules."""

    def __init__(self, *names: str) -> None:
        self.now = 100.0
        self.state = State()
        self.verdicts: dict[str, Verdict] = {}
        self.play(Named(names or (L, D)))

    def play(self, event: Event, after_s: float = 0.25) -> None:
        self.now += after_s
        self.state, verdicts = step(self.state, event, self.now)
        self.verdicts = {one.region: one for one in verdicts}

    def probe(self, region: str, *results: Result) -> None:
        for result in results:
            self.play(Probed(region, result))

    def both_in(self) -> Script:
        self.probe(L, READY)
        self.probe(D, READY)
        return self

    @property
    def open(self) -> set[str]:
        return {name for name, one in self.verdicts.items() if one.mode is Mode.OPEN}


def test_the_table_has_a_line_for_each_stage_and_finding() -> None:
    assert set(NEXT) == {(stage, finding) for stage in Stage for finding in Finding}


def test_a_region_that_is_ready_is_in_at_once_when_the_balancer_starts() -> None:
    script = Script()
    assert script.open == set()
    script.probe(L, READY)
    assert script.open == {L}


def test_a_region_that_is_in_may_lag_as_long_as_it_lives() -> None:
    script = Script().both_in()
    script.probe(L, LIVE, LIVE, LIVE)
    assert script.open == {L, D}


def test_a_refused_connection_or_a_region_that_says_so_is_out_at_once() -> None:
    for lost in (GONE, DEAD):
        script = Script().both_in()
        script.probe(L, lost)
        assert script.open == {D}
        assert script.verdicts[L].reason == lost.reason
        assert not script.verdicts[L].is_silent


def test_one_probe_without_an_answer_is_a_hiccup_two_are_a_loss() -> None:
    script = Script().both_in()
    script.probe(L, SILENT, READY, SILENT)
    assert script.open == {L, D}
    script.probe(L, SILENT)
    assert SILENCES_MAX == 2
    assert script.open == {D}
    assert script.verdicts[L].is_silent


def test_only_readiness_brings_a_region_back_and_it_has_to_last() -> None:
    script = Script().both_in()
    script.probe(L, GONE, LIVE, LIVE, LIVE, READY, LIVE, READY)
    assert script.open == {D}
    assert script.verdicts[L].reason
    script.probe(L, READY)
    assert script.open == {L, D}


def test_a_region_that_falls_again_and_again_has_to_be_ready_for_longer() -> None:
    script = Script().both_in()
    for falls in (1, 2, 3):
        script.probe(L, GONE)
        script.probe(L, *[READY] * (ready_needed(falls) - 1))
        assert script.open == {D}
        script.probe(L, READY)
        assert script.open == {L, D}
    script.play(Probed(L, READY), after_s=STEADY_S)
    script.probe(L, GONE, *[READY] * READY_FIRST)
    assert script.open == {L, D}, "what was long ago is forgotten"
    assert [ready_needed(falls) for falls in (0, 1, 2, 3, 4, 5, 99)] == [2, 2, 4, 8, READY_MOST, 16, 16]


def test_a_region_that_was_started_again_between_two_probes_counts_as_lost() -> None:
    script = Script().both_in()
    script.probe(L, Answer(live=True, ready=False, incarnation="2"))
    assert script.open == {D}
    assert script.verdicts[L].reason == "it was started again"
    again = Answer(live=True, ready=True, incarnation="2")
    script.probe(L, again, again)
    assert script.open == {L, D}


def test_without_a_ready_region_the_least_stale_one_that_lives_serves_until_one_is_ready() -> None:
    script = Script().both_in()
    script.probe(L, GONE)
    script.probe(D, GONE)
    assert script.open == set()
    script.probe(L, Answer(live=True, ready=False, incarnation="2", lag_s=9.0))
    assert script.open == {L}
    script.probe(D, Answer(live=True, ready=False, incarnation="2", lag_s=1.0))
    assert script.open == {L}, "the same one, as long as it lives"
    script.probe(L, DEAD)
    assert script.open == {D}
    script.probe(L, READY, READY)
    assert script.open == {L}, "a ready one ends the emergency"


def test_of_several_that_live_the_one_with_the_least_lag_is_the_last_resort() -> None:
    script = Script(L, D, "tokyo")
    script.probe(L, LIVE)
    script.probe(D, Answer(live=True, ready=False, lag_s=None))
    assert script.open == set(), "tokyo may be ready: it was not asked yet"
    script.probe("tokyo", Answer(live=True, ready=False, lag_s=0.5))
    assert script.open == {"tokyo"}


def test_a_drained_region_gets_nothing_not_even_as_the_last_resort() -> None:
    script = Script().both_in()
    script.play(Drained(frozenset({L})))
    assert script.open == {D}
    assert script.verdicts[L].mode is Mode.DRAINING
    script.probe(D, GONE)
    assert script.open == set()
    script.play(Drained(frozenset()))
    assert script.open == {L}, "it never was lost, so it serves at once"


def test_a_region_is_drained_when_envoy_gives_it_nothing_and_nothing_is_under_way() -> None:
    script = Script().both_in()
    script.play(Drained(frozenset({L})))
    script.play(Counted({L: Load(0, is_open=True)}))
    assert not script.verdicts[L].is_empty, "Envoy has not taken it over yet"
    script.play(Counted({L: Load(2, is_open=False)}))
    assert (script.verdicts[L].is_empty, script.verdicts[L].requests) == (False, 2)
    script.play(Counted({L: Load(0, is_open=False)}))
    assert script.verdicts[L].is_empty
    script.play(Drained(frozenset()))
    assert not script.verdicts[L].is_empty


def test_a_region_that_joins_a_topology_is_drained_if_it_was_before() -> None:
    script = Script(L)
    script.play(Drained(frozenset({D})))
    script.play(Named((L, D)))
    assert script.verdicts[D].mode is Mode.DRAINING
    script.play(Named((L,)))
    assert set(script.verdicts) == {L}
    script.probe(D, READY)
    assert set(script.verdicts) == {L}, "an answer that came late"


# --- any script ------------------------------------------------------------------------------------------

NAMES = (L, D, "tokyo")
RESULTS = st.one_of(
    st.builds(
        lambda live, ready, incarnation, lag_s: Answer(live, live and ready, incarnation, lag_s),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["1", "2"]),
        st.none() | st.floats(0, 100),
    ),
    st.just(SILENT),
    st.just(GONE),
)
EVENTS = st.one_of(
    st.builds(Probed, st.sampled_from(NAMES), RESULTS),
    st.builds(Probed, st.sampled_from(NAMES), RESULTS),
    st.builds(Drained, st.frozensets(st.sampled_from(NAMES), max_size=2)),
)


@given(st.lists(EVENTS, max_size=60))
def test_no_traffic_to_a_region_that_was_lost_before_it_is_ready_or_no_other_is(events: list[Event]) -> None:
    script = Script(*NAMES)
    lost: set[str] = set()
    drained: frozenset[str] = frozenset()
    for event in events:
        script.play(event)
        match event:
            case Drained(regions):
                drained = regions
            case Probed(name, result):
                if isinstance(result, Absence) or (isinstance(result, Answer) and not result.live):
                    lost.add(name)
                elif isinstance(result, Answer) and result.ready:
                    lost.discard(name)
        assert not script.open & drained
        if script.open & lost:
            # The last resort: alone, alive, and only because none is in.
            assert len(script.open) == 1
            assert all(one.stage is not Stage.IN or one.region in drained for one in script.verdicts.values())
            (region,) = script.open
            assert script.verdicts[region].live


@given(st.lists(EVENTS, max_size=60))
def test_where_a_region_lives_that_is_not_drained_somebody_serves(events: list[Event]) -> None:
    script = Script(*NAMES).both_in()
    script.probe("tokyo", READY)
    drained: frozenset[str] = frozenset()
    for event in events:
        script.play(event)
        if isinstance(event, Drained):
            drained = event.regions
        alive = {one.region for one in script.verdicts.values() if one.live} - drained
        assert bool(script.open) == bool(alive), (script.open, alive)
