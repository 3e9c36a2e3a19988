"""Scripts of what the checks and the looks tell; then any script keeps the rules."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.agent.readiness import (
    AWAY_S,
    DATABASE,
    FUNCTIONS,
    LOOK_S,
    NEXT,
    PEER_S,
    REASON_CHARS_MAX,
    REASONS_MAX,
    Answered,
    Check,
    Elapsed,
    Event,
    Failed,
    Happening,
    Looked,
    Pace,
    Phase,
    Slow,
    State,
    first,
    health,
    step,
)
from couchgrass.agent.seen import Health, Link

BOUND_S = 2.0
ALL_WELL = tuple(map(Answered, Check))
DATABASE_WELL = (Answered(Check.DATABASE_UP), Answered(Check.DATABASE_WRITE))


def link(source: str = "dallas", database: str = "todos", **other: Any) -> Link:
    """One that runs and has everything, but for `other`."""
    return msgspec.structs.replace(Link(database, source, "london", "running", lag_s=0.0, pending=0), **other)


class Script:
    """Plays events to the rules. `look` is a look at the links that began just now."""

    def __init__(self, *peers: str, **paces: Pace) -> None:
        self.now = 100.0
        self.state: State = first("london", "s", caught_up_s=BOUND_S, peers=frozenset(peers), **paces)

    def play(self, *events: Event, after_s: float = 0.0) -> Health:
        self.now += after_s
        for event in events:
            self.state = step(self.state, event, self.now)
        return health(self.state, self.now)

    def look(self, *links: Link, reachable: tuple[str, ...] = ("dallas",), after_s: float = 0.0) -> Health:
        self.now += after_s
        return self.play(Looked(self.now, links, frozenset(reachable)))

    def goes_on(self, s: float) -> Health:
        """All checks go well for so long."""
        for _ in range(int(s / 0.25)):
            self.play(*ALL_WELL, Elapsed(), after_s=0.25)
        return health(self.state, self.now)


# --- live ----------------------------------------------------------------------------------------------


def test_nothing_is_live_before_it_was_looked_at() -> None:
    seen = Script().play(Elapsed())
    assert (seen.live, seen.ready, seen.database, seen.functions) == (False, False, False, False)
    assert seen.reasons == ("database: not looked at yet", "functions: not looked at yet")


def test_an_answer_alone_shows_no_life_but_work_does() -> None:
    script = Script()
    assert not script.play(Answered(Check.DATABASE_UP), Answered(Check.FUNCTIONS_UP)).live
    assert script.play(Answered(Check.DATABASE_WRITE)).database
    assert script.play(Answered(Check.FUNCTIONS_CANARY)).ready


def test_a_refusal_counts_at_once_and_until_the_same_check_goes_well() -> None:
    script = Script()
    script.play(*ALL_WELL)
    refused = script.play(Failed(Check.DATABASE_UP, "the disk is full"))
    assert (refused.live, refused.functions) == (False, True)
    assert refused.reasons == ("database: the disk is full",)
    assert not script.play(Answered(Check.DATABASE_WRITE)).live
    assert script.play(Answered(Check.DATABASE_UP)).ready


def test_a_refusal_of_the_work_counts_when_it_comes_again() -> None:
    for check in (Check.DATABASE_WRITE, Check.FUNCTIONS_CANARY):
        script = Script()
        script.play(*ALL_WELL)
        assert script.play(Failed(check, "busy")).live
        assert not script.play(Failed(check, "busy")).live
        assert script.play(Answered(check)).live
        assert script.play(Failed(check, "busy")).live


def test_a_process_that_answers_slowly_is_waited_for_longer() -> None:
    script = Script()
    script.play(*ALL_WELL)
    script.play(Answered(Check.FUNCTIONS_UP, took_s=0.5))
    assert script.play(*DATABASE_WELL, after_s=1.9).live
    assert not script.play(*DATABASE_WELL, after_s=0.2).live
    script.play(Answered(Check.FUNCTIONS_UP, took_s=60.0))
    assert not script.play(*DATABASE_WELL, after_s=FUNCTIONS.up_limit_s + 0.1).live


def test_a_process_that_falls_silent_is_noticed_within_its_bound() -> None:
    script = Script()
    script.play(*ALL_WELL)
    script.play(*DATABASE_WELL, after_s=FUNCTIONS.up_fresh_s - 0.01)
    assert health(script.state, script.now).live
    seen = script.play(Elapsed(), *DATABASE_WELL, after_s=0.02)
    assert (seen.database, seen.functions, seen.reasons) == (True, False, ("functions: no answer for 0.7 s",))


def test_slow_work_takes_no_region_out_as_long_as_the_process_answers() -> None:
    script = Script()
    script.play(*ALL_WELL)
    answers = (Answered(Check.DATABASE_UP), Slow(Check.DATABASE_WRITE), Answered(Check.FUNCTIONS_UP))
    for _ in range(int(DATABASE.work_fresh_s / 0.5)):
        assert script.play(*answers, after_s=0.5).live
    assert script.play(*answers, after_s=0.5).reasons == ("database: no write taken for 6.5 s",)
    for _ in range(int((FUNCTIONS.work_fresh_s - DATABASE.work_fresh_s) / 0.5)):
        seen = script.play(*answers, after_s=0.5)
    assert seen.reasons == ("database: no write taken for 10.5 s", "functions: no action run for 10.5 s")


def test_elsewhere_one_refusal_is_none() -> None:
    script = Script(database=Pace(up_failures_max=2))
    script.play(*ALL_WELL)
    assert script.play(Failed(Check.DATABASE_UP, "busy")).live
    assert not script.play(Failed(Check.DATABASE_UP, "busy")).live


def test_an_agent_that_was_held_up_itself_blames_nobody() -> None:
    script = Script()
    script.play(*ALL_WELL)
    late_s = AWAY_S - 0.1
    assert script.play(Elapsed(late_s), after_s=late_s + 0.05).live
    script.play(*ALL_WELL)
    assert not script.play(Elapsed(), after_s=late_s).live


# --- ready ---------------------------------------------------------------------------------------------


def test_a_region_without_peers_is_ready_as_soon_as_it_lives() -> None:
    assert Script().play(*ALL_WELL).ready


def test_every_link_from_a_peer_that_answers_has_to_run_within_the_bound() -> None:
    for unmet, why in (
        (link(state="missing", lag_s=None), "todos from dallas: missing"),
        (link(state="crashing", error="no right"), "todos from dallas: crashing: no right"),
        (link(lag_s=None), "todos from dallas: has only just begun"),
        (link(lag_s=BOUND_S + 0.1), "todos from dallas: 2.1 s behind"),
        (link(lag_s=0.1, pending=9), "todos from dallas: 9 changes to copy"),
        (link(lag_s=0.1, pending=None), "todos from dallas: some changes to copy"),
    ):
        script = Script("dallas")
        script.play(*ALL_WELL)
        seen = script.look(link(database="lists"), unmet)
        assert (seen.live, seen.ready, seen.reasons) == (True, False, (why,))
        assert script.look(link(database="lists"), link()).ready


def test_a_link_that_is_never_at_the_end_is_met_once_it_ran_for_as_long_as_its_lag_may_be() -> None:
    script = Script("dallas")
    script.play(*ALL_WELL)
    busy = link(lag_s=0.2, pending=9)
    script.look(busy)
    script.goes_on(BOUND_S - 0.5)
    script.look(link(state="crashing"))  # it begins anew, and so does the time
    script.look(busy)
    script.goes_on(BOUND_S - 0.25)
    assert not script.look(busy).ready
    script.goes_on(0.25)
    assert script.look(busy).ready


def test_a_peer_that_does_not_answer_holds_nothing_back_after_its_moment() -> None:
    script = Script("dallas", "tokyo")
    script.play(*ALL_WELL)
    seen = script.look(link(), link("tokyo", lag_s=None, peer_reachable=False))
    assert seen.reasons == ("tokyo does not answer yet",)
    script.goes_on(PEER_S - 0.25)
    assert not script.look(link()).ready
    script.goes_on(0.25)
    assert script.look(link()).ready


def test_a_peer_that_answers_within_its_moment_is_waited_for_as_long_as_it_takes() -> None:
    script = Script("dallas")
    script.play(*ALL_WELL)
    script.look(reachable=())
    script.look(link(lag_s=900.0, pending=10_000), after_s=PEER_S / 2)
    assert not script.goes_on(600.0).ready


def test_a_peer_whose_databases_are_not_known_yet_is_waited_for() -> None:
    script = Script("dallas")
    script.play(*ALL_WELL)
    known = frozenset({"dallas"})
    seen = script.play(Looked(script.now, (), known, unplanned=known))
    assert (seen.ready, seen.lag_s) == (False, None)
    assert seen.reasons == ("the databases of dallas are not looked at yet",)
    assert script.look().ready


def test_a_region_without_the_apps_of_its_peers_is_not_ready_until_it_has_them() -> None:
    script = Script("dallas")
    script.play(*ALL_WELL)
    told = "no APIs in the namespace guest"
    seen = script.play(Looked(script.now, (link(),), frozenset({"dallas"}), lacking=(told,)))
    assert (seen.live, seen.ready, seen.reasons) == (True, False, (told,))
    assert not script.goes_on(600.0).ready
    assert script.look(link()).ready
    assert script.play(Looked(script.now, (link(),), frozenset({"dallas"}), lacking=(told,))).ready


def test_without_any_look_it_is_not_ready_for_long() -> None:
    script = Script("dallas")
    assert script.play(*ALL_WELL).reasons == ("the other regions are not looked at yet",)
    assert not script.goes_on(LOOK_S - 0.25).ready
    assert script.goes_on(0.25).ready


def test_lag_under_load_takes_no_region_out() -> None:
    script = Script("dallas")
    script.play(*ALL_WELL)
    assert script.look(link()).ready
    seen = script.look(link(lag_s=500.0), link("dallas", "lists", state="crashing"))
    assert (seen.ready, seen.lag_s) == (True, 500.0)


# --- beginning anew ------------------------------------------------------------------------------------


def test_another_process_of_the_database_has_to_catch_up_and_is_another_incarnation() -> None:
    script = Script("dallas")
    script.play(*ALL_WELL)
    before = script.look(link())
    old = Looked(script.now, (link(),), frozenset({"dallas"}))
    script.play(Failed(Check.DATABASE_UP, "connection refused", gone=True), after_s=0.1)
    script.play(Failed(Check.DATABASE_WRITE, "connection refused", gone=True))
    seen = script.play(*ALL_WELL, old, after_s=0.5)
    assert (seen.live, seen.ready) == (True, False), "what was seen before does not count"
    assert seen.incarnation != before.incarnation
    again = script.look(link())
    assert (again.ready, again.incarnation) == (True, seen.incarnation)


def test_a_database_that_was_silent_for_long_has_to_catch_up_and_one_that_was_not_need_not() -> None:
    for silent_s, is_new in ((AWAY_S - 0.5, False), (AWAY_S + 0.5, True)):
        script = Script("dallas")
        script.play(*ALL_WELL)
        before = script.look(link())
        assert not script.play(Elapsed(), after_s=silent_s).live
        after = script.play(*ALL_WELL)
        assert (not after.ready, after.incarnation != before.incarnation) == (is_new, is_new)


def test_a_region_that_stood_still_as_a_whole_has_to_catch_up() -> None:
    script = Script("dallas")
    script.play(*ALL_WELL)
    script.look(link())
    late_s = AWAY_S + 0.5
    script.play(Elapsed(late_s), after_s=late_s)
    assert not script.play(*ALL_WELL).ready


def test_other_functions_need_not_catch_up() -> None:
    script = Script("dallas")
    script.play(*ALL_WELL)
    before = script.look(link())
    script.play(Failed(Check.FUNCTIONS_UP, "connection refused", gone=True))
    script.goes_on(1.0)
    assert health(script.state, script.now) == before


def test_the_lag_is_the_largest_of_peers_that_answer() -> None:
    script = Script("dallas", "tokyo")
    assert script.play(*ALL_WELL).lag_s is None
    links = (link(lag_s=1.0), link(database="lists", lag_s=3.0), link("tokyo", lag_s=9.0))
    assert script.look(*links).lag_s == 3.0
    assert script.look(reachable=("dallas", "tokyo")).lag_s == 0.0


# --- any script ----------------------------------------------------------------------------------------

CHECKS = st.sampled_from(Check)
LINKS = st.builds(
    link,
    st.sampled_from(["dallas", "tokyo"]),
    st.sampled_from(["todos", "lists"]),
    state=st.sampled_from(["running", "crashing", "missing"]),
    lag_s=st.one_of(st.none(), st.floats(0, 10)),
    pending=st.one_of(st.none(), st.integers(0, 5)),
)
LOOKS = st.tuples(
    st.floats(0, 20), st.lists(LINKS, max_size=4), st.frozensets(st.sampled_from(["dallas", "tokyo"]))
)
PLAYED = st.lists(
    st.tuples(
        st.floats(0, 5),
        st.one_of(
            st.builds(Answered, CHECKS),
            st.builds(Slow, CHECKS),
            st.builds(Failed, CHECKS, st.just("no"), st.booleans()),
            st.builds(Elapsed, st.floats(0, 5)),
            LOOKS,
        ),
    ),
    max_size=60,
)


@given(PLAYED)
def test_whatever_happens(played: list[tuple[float, Any]]) -> None:
    script = Script("dallas", "tokyo")
    before = health(script.state, script.now)
    for after_s, told in played:
        event: Event
        if isinstance(told, tuple):
            age_s, links, reachable = told
            event = Looked(script.now + after_s - age_s, tuple(links), reachable)
        else:
            event = told
        seen = script.play(event, after_s=after_s)
        assert not seen.ready or (seen.live and seen.caught_up)
        assert seen.live == (seen.database and seen.functions)
        assert seen.ready or seen.reasons, "it says why"
        if seen.incarnation == before.incarnation:
            assert seen.caught_up >= before.caught_up, "once caught up it stays so"
        else:
            assert script.state.lives > int(before.incarnation.rpartition(".")[2]), "lives only go up"
        later = health(script.state, script.now + 3600)
        assert not later.live, "nothing lives by having lived"
        before = seen


def test_the_table_says_where_each_thing_that_can_happen_leads() -> None:
    missing = {(Phase.AWAY, Happening.MET), (Phase.CAUGHT_UP, Happening.MET)}
    assert {(phase, happening) for phase in Phase for happening in Happening} == NEXT.keys() | missing


def test_a_region_with_thousands_of_links_tells_few_of_its_reasons_and_how_many_more_there_are() -> None:
    script = Script("dallas")
    script.play(*ALL_WELL)
    links = [link(database=f"todos{number:05}", state="crashing", error="e" * 1000) for number in range(5000)]
    seen = script.look(*links, after_s=0.1)
    assert not seen.ready
    assert len(seen.reasons) == REASONS_MAX + 1
    assert seen.reasons[-1] == f"and {5000 - REASONS_MAX} more"
    assert max(map(len, seen.reasons)) == REASON_CHARS_MAX
