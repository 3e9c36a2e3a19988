"""Scripts of probes and the verdicts that they lead to; then any script keeps the rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from couchgrass.balancer.admission import (
    FORGOTTEN_S,
    GRACE_S,
    HOPELESS_S,
    NEXT,
    SEVER_TIMES,
    SILENCE_S,
    SILENCE_S_MAX,
    SILENT,
    STEADY_S,
    Absence,
    Answer,
    Counted,
    Drained,
    Elapsed,
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
    steady_needed_s,
    step,
)

L, D = "london", "dallas"
READY = Answer(live=True, ready=True, incarnation="1", lag_s=0.1)
LIVE = Answer(live=True, ready=False, incarnation="1", lag_s=5.0, reason="behind dallas")
DEAD = Answer(live=False, ready=False, incarnation="1", reason="the database takes no write")
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

    def passes(self, s: float, **answers: Answer) -> None:
        """Time goes by, in ticks; these regions answer four times a second, and quickly."""
        for tick in range(1, round(s / 0.05) + 1):
            self.play(Elapsed(), 0.05)
            if tick % 5 == 0:
                for name, answer in answers.items():
                    self.play(Probed(name, answer, 0.005), 0.0)

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


def test_a_region_that_is_ready_again_is_in_reserve_until_it_has_been_for_long_enough() -> None:
    script = Script().both_in()
    script.probe(L, GONE)
    assert script.verdicts[L].mode is Mode.CLOSED
    again = Answer(live=True, ready=False, incarnation="2")
    script.probe(L, again)
    assert script.verdicts[L].mode is Mode.CLOSED
    ready = Answer(live=True, ready=True, incarnation="2")
    script.probe(L, ready)
    assert script.verdicts[L].mode is Mode.RESERVE
    script.passes(STEADY_S, london=ready, dallas=READY)
    script.probe(L, ready)
    assert script.verdicts[L].mode is Mode.OPEN


# --- silence ---------------------------------------------------------------------------------------------


def test_a_silence_is_a_loss_once_it_is_too_long_while_another_region_answers() -> None:
    script = Script().both_in()
    script.passes(1.0, london=READY, dallas=READY)
    script.passes(SILENCE_S, dallas=READY)
    assert script.open == {L, D}
    script.passes(0.05, dallas=READY)
    assert script.open == {D}
    assert (script.verdicts[L].reason, script.verdicts[L].live) == (SILENT, False)


def test_single_questions_without_an_answer_mean_nothing() -> None:
    script = Script().both_in()
    for _ in range(20):
        script.probe(L, Silence(), Silence(), READY)
        script.probe(D, READY)
    assert script.open == {L, D}


def test_when_all_are_silent_it_is_the_balancer_that_hears_nothing() -> None:
    script = Script().both_in()
    script.passes(1.0, london=READY, dallas=READY)
    script.passes(HOPELESS_S - 0.1)
    assert script.open == {L, D}
    script.passes(0.5, london=READY)
    assert script.open == {L}, "now there is a witness of the other's silence"
    script = Script().both_in()
    script.passes(HOPELESS_S + 0.1)
    assert script.open == set(), "it does not go on for ever"


def test_time_in_which_the_balancer_could_not_run_is_nobodys_silence() -> None:
    script = Script().both_in()
    script.passes(1.0, london=READY, dallas=READY)
    for _ in range(20):
        script.play(Elapsed(0.5), 0.55)
        script.play(Probed(D, READY, 0.5), 0.0)
    assert script.verdicts[L].mode is Mode.CLOSED, "20 ticks of 0.05 s are a second"
    script = Script().both_in()
    script.passes(1.0, london=READY, dallas=READY)
    for _ in range(10):
        script.play(Elapsed(0.5), 0.55)
        script.play(Probed(D, READY, 0.5), 0.0)
    assert script.open == {L, D}, "10 are half of one"


def test_who_answers_slowly_is_waited_for_longer_and_no_longer_than_that() -> None:
    script = Script().both_in()
    script.play(Probed(L, READY, took_s=0.4))
    script.passes(1.55, dallas=READY)
    assert script.open == {L, D}
    script.passes(0.1, dallas=READY)
    assert script.open == {D}
    script = Script().both_in()
    script.play(Probed(L, READY, took_s=60.0))
    script.passes(SILENCE_S_MAX + 0.05, dallas=READY)
    assert script.open == {D}


def test_a_silent_region_serves_on_when_there_is_no_other_and_for_how_long() -> None:
    script = Script().both_in()
    script.passes(0.5, london=READY, dallas=READY)
    script.passes(1.0, dallas=READY)
    script.probe(D, GONE)
    assert script.open == {L}, "it may be slow only"
    assert "was heard last" in script.verdicts[L].reason
    script.probe(D, Answer(live=True, ready=False, incarnation="2"))
    assert script.open == {D}, "one that is known to live is better"
    script.probe(D, GONE)
    script.passes(HOPELESS_S)
    assert script.open == set()


def test_requests_in_a_silent_region_are_ended_only_when_it_is_silent_for_longer_still() -> None:
    script = Script().both_in()
    script.passes(1.0, london=READY, dallas=READY)
    script.passes(SILENCE_S * SEVER_TIMES, dallas=READY)
    assert (script.open, script.verdicts[L].is_hopeless) == ({D}, False)
    script.passes(0.05, dallas=READY)
    assert script.verdicts[L].is_hopeless
    script.probe(L, LIVE)
    assert not script.verdicts[L].is_hopeless, "it was slow only, and ends what it has"


def test_requests_in_a_region_that_is_dead_or_not_live_have_a_moment_to_end() -> None:
    for lost in (GONE, DEAD):
        script = Script().both_in()
        script.probe(L, lost)
        script.passes(GRACE_S - 0.05, dallas=READY)
        assert not script.verdicts[L].is_hopeless
        script.passes(0.1, dallas=READY)
        assert script.verdicts[L].is_hopeless
    script = Script().both_in()
    script.passes(9.0, london=Answer(live=True, ready=False, incarnation="2"), dallas=READY)
    assert script.open == {D}
    assert not script.verdicts[L].is_hopeless, "it lives"


# --- coming back -----------------------------------------------------------------------------------------


def test_only_readiness_brings_a_region_back_and_it_has_to_last() -> None:
    script = Script().both_in()
    script.probe(L, GONE)
    script.passes(5.0, london=LIVE, dallas=READY)
    script.passes(STEADY_S, london=READY, dallas=READY)
    script.probe(L, LIVE)
    script.passes(STEADY_S, london=READY, dallas=READY)
    assert script.open == {D}
    assert script.verdicts[L].reason
    script.passes(0.5, london=READY, dallas=READY)
    assert script.open == {L, D}


def test_a_gap_in_the_answers_or_many_at_once_are_not_lasting() -> None:
    script = Script().both_in()
    script.probe(L, GONE)
    script.passes(1.25, london=READY, dallas=READY)
    script.passes(1.0, dallas=READY)
    for _ in range(20):
        script.play(Probed(L, READY), 0.0)
    assert script.open == {D}
    script.passes(STEADY_S - 0.25, london=READY, dallas=READY)
    assert script.open == {D}
    script.passes(0.5, london=READY, dallas=READY)
    assert script.open == {L, D}


def test_a_region_that_falls_again_and_again_has_to_be_ready_for_longer() -> None:
    script = Script().both_in()
    for falls in (1, 2, 3):
        script.probe(L, GONE)
        script.passes(steady_needed_s(falls), london=READY, dallas=READY)
        assert script.open == {D}
        script.passes(0.5, london=READY, dallas=READY)
        assert script.open == {L, D}
    script.play(Probed(L, READY), after_s=FORGOTTEN_S)
    script.probe(L, GONE)
    script.passes(STEADY_S + 0.5, london=READY, dallas=READY)
    assert script.open == {L, D}, "what was long ago is forgotten"
    assert [steady_needed_s(falls) for falls in (0, 1, 2, 3, 4, 5, 99)] == [0, 1.5, 3, 6, 12, 12, 12]


def test_a_region_that_was_never_in_comes_in_at_once() -> None:
    script = Script()
    script.probe(L, GONE, LIVE)
    script.probe(D, GONE, READY)
    assert script.verdicts[D].stage is Stage.IN


def test_a_region_that_was_started_again_between_two_probes_counts_as_lost() -> None:
    script = Script().both_in()
    script.probe(L, Answer(live=True, ready=False, incarnation="2"))
    assert script.open == {D}
    assert script.verdicts[L].reason == "it was started again"
    again = Answer(live=True, ready=True, incarnation="2")
    script.passes(STEADY_S + 0.5, london=again, dallas=READY)
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
    script.probe(L, READY)
    assert script.open == {D}, "the same one, until another has shown that it is ready"
    script.passes(STEADY_S + 0.5, london=READY)
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
    st.just(Silence()),
    st.just(GONE),
)
EVENTS = st.one_of(
    st.builds(Probed, st.sampled_from(NAMES), RESULTS, st.floats(0, 1)),
    st.builds(Probed, st.sampled_from(NAMES), RESULTS, st.floats(0, 1)),
    st.builds(Elapsed, st.floats(0, 2)),
    st.builds(Drained, st.frozensets(st.sampled_from(NAMES), max_size=2)),
)
PLAYED = st.lists(st.tuples(EVENTS, st.floats(0, 2)), max_size=60)


@given(PLAYED)
def test_no_traffic_to_a_region_that_was_lost_before_it_is_ready_or_no_other_is(
    played: list[tuple[Event, float]],
) -> None:
    script = Script(*NAMES)
    lost: set[str] = set()
    drained: frozenset[str] = frozenset()
    for event, after_s in played:
        script.play(event, after_s)
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
            # The last resort: alone, alive unless none is known to be, and only because none is in.
            assert len(script.open) == 1
            assert all(one.stage is not Stage.IN or one.region in drained for one in script.verdicts.values())
            (region,) = script.open
            others = [one for one in script.verdicts.values() if one.region not in drained]
            assert script.verdicts[region].live or not any(one.live for one in others)
        assert not any(one.is_hopeless and one.mode is not Mode.CLOSED for one in script.verdicts.values())


@given(PLAYED)
def test_where_a_region_lives_that_is_not_drained_somebody_serves(played: list[tuple[Event, float]]) -> None:
    script = Script(*NAMES).both_in()
    script.probe("tokyo", READY)
    drained: frozenset[str] = frozenset()
    for event, after_s in played:
        script.play(event, after_s)
        if isinstance(event, Drained):
            drained = event.regions
        alive = {one.region for one in script.verdicts.values() if one.live} - drained
        assert script.open >= alive & script.open
        assert not alive or script.open & alive, (script.open, alive)


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3)), max_size=60))
def test_no_silence_of_all_takes_one_out_before_it_is_hopeless(gaps: list[tuple[float, float]]) -> None:
    """Whatever stalls and however irregularly: answers that come together keep all that answer."""
    script = Script().both_in()
    for gap_s, took_s in gaps:
        script.play(Elapsed(), gap_s)
        script.play(Probed(L, READY, took_s), 0.0)
        script.play(Probed(D, READY, took_s), 0.0)
        assert script.open == {L, D}


@given(st.floats(0, 0.25), st.floats(0, 0.1))
def test_a_region_that_freezes_on_a_sound_machine_is_out_within_a_second(at_s: float, took_s: float) -> None:
    script = Script().both_in()
    script.passes(3.0, london=READY, dallas=READY)
    script.play(Probed(L, READY, took_s), at_s)
    script.passes(0.9, dallas=READY)
    assert script.open == {D}
