"""Scripts of events and the commands that they lead to; then any script keeps the rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from couchgrass.region.restart import (
    HEALTHY_S,
    HELD_LOOK_S,
    HURRIED_S,
    READY_MAX_S,
    REST_MAX_S,
    STOP_S,
    Began,
    Command,
    Elapsed,
    Ended,
    Event,
    Exit,
    Kill,
    Phase,
    Ready,
    Rules,
    Say,
    Start,
    State,
    Terminate,
    Told,
    first,
    next_at,
    rest_s,
    step,
)

NAMES = ("database", "functions", "gateway")
D, F, G = NAMES


class Script:
    """Plays events to the rules; `said` gathers what people are told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.state: State = first(NAMES, self.now)
        self.said: list[str] = []

    def play(self, *events: Event, after_s: float = 0.0) -> list[Command]:
        self.now += after_s
        done: list[Command] = []
        for event in events:
            self.state, commands = step(self.state, event, self.now)
            done += [command for command in commands if not isinstance(command, Say)]
            self.said += [command.text for command in commands if isinstance(command, Say)]
        return done

    def due(self) -> list[Command]:
        """Time goes by until something is due."""
        at = next_at(self.state)
        assert at is not None
        return self.play(Elapsed(), after_s=max(0.0, at - self.now))

    def phase(self, name: str) -> Phase:
        return self.state.processes[name].phase


def running() -> Script:
    script = Script()
    script.play(Began(), *(Ready(name, f"http://{name}") for name in NAMES))
    assert {process.phase for process in script.state.processes.values()} == {Phase.READY}
    return script


def test_all_start_at_once() -> None:
    script = Script()
    assert script.play(Began()) == [Start(D), Start(F), Start(G)]
    assert script.play(*(Ready(name, f"http://{name[0]}") for name in (G, D, F))) == []
    assert script.said == [f"{name} is ready at http://{name[0]}" for name in (G, D, F)]
    assert next_at(script.state) is None


def test_what_ends_is_started_again_later_each_time_and_the_others_go_on() -> None:
    script = running()
    rests = []
    for _ in range(9):
        assert script.play(Ended(D, -9)) == []
        began = script.now
        assert script.due() == [Start(D)]
        rests.append(round(script.now - began, 3))
        script.play(Ready(D, "http://d"))
    assert rests == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, REST_MAX_S, REST_MAX_S]
    assert script.state.processes[D].restarts == 9
    assert script.phase(F) is script.phase(G) is Phase.READY
    assert script.said[3] == "database was ended by signal 9; it is started again in 0.1 s"


def test_one_that_was_well_for_a_while_begins_anew() -> None:
    script = running()
    for _ in range(5):
        script.play(Ended(F, 1))
        script.due()
        script.play(Ready(F, "http://f"))
    assert script.play(Elapsed(), after_s=HEALTHY_S) == []
    script.play(Ended(F, 1))
    assert script.said[-1] == "functions ended with status 1; it is started again in 0.1 s"


def test_one_that_can_not_start_ends_the_region() -> None:
    script = Script()
    script.play(Began(), Ready(D, "http://d"))
    assert script.play(Ended(F, 1)) == [Terminate(G)]
    assert script.play(Ended(G, -15)) == [Terminate(D)]
    assert script.play(Ended(D, 0)) == [Exit(1)]
    assert "functions could not start" in script.said[-1]


def test_those_that_wait_for_one_that_can_not_start_are_ended_too() -> None:
    script = Script()
    script.play(Began())
    assert script.play(Ended(D, 1)) == [Terminate(G)]
    assert script.play(Ended(G, -15)) == [Terminate(F)]
    assert script.play(Ended(F, -15)) == [Exit(1)]
    assert script.said == ["database could not start, its own words are above; the region stops"]


def test_one_that_was_ready_once_is_never_given_up() -> None:
    script = running()
    for _ in range(3):
        script.play(Ended(G, 1))
        assert script.due() == [Start(G)]


def test_a_start_that_takes_too_long_is_ended_and_tried_again() -> None:
    script = Script()
    script.play(Began(), Ready(D, "http://d"), Ready(G, "http://g"))
    assert script.play(Elapsed(), after_s=READY_MAX_S) == [Kill(F)]
    script.play(Ended(F, -9))
    assert script.due() == [Start(F)]


def test_they_stop_in_the_other_order_one_after_the_other() -> None:
    script = running()
    assert script.play(Told()) == [Terminate(G)]
    assert script.play(Ended(G, 0)) == [Terminate(F)]
    assert script.play(Ended(F, 0)) == [Terminate(D)]
    assert script.play(Ended(D, 0)) == [Exit(0)]


def test_one_that_does_not_stop_is_killed() -> None:
    script = running()
    script.play(Told())
    assert script.play(Elapsed(), after_s=STOP_S) == [Kill(G)]
    assert script.play(Ended(G, -9)) == [Terminate(F)]
    assert script.said[-1] == "gateway did not stop in time and was killed"


def test_one_that_rests_when_the_region_stops_is_not_started_again() -> None:
    script = running()
    script.play(Ended(G, 1), Told())
    assert script.phase(G) is Phase.STOPPED
    assert script.play(Ended(F, 0), Ended(D, 0)) == [Terminate(D), Exit(0)]


def test_a_second_signal_ends_all_at_once_and_soon() -> None:
    script = running()
    script.play(Told())
    assert script.play(Told()) == [Terminate(D), Terminate(F), Terminate(G)]
    assert script.play(Told()) == []
    assert script.play(Elapsed(), after_s=HURRIED_S) == [Kill(G), Kill(F), Kill(D)]
    assert script.play(Ended(D, -9), Ended(F, -9), Ended(G, -9)) == [Exit(0)]


def test_a_word_of_one_that_was_ended_meanwhile_counts_for_nothing() -> None:
    script = running()
    script.play(Told(), Ready(G, "http://late"))
    assert script.phase(G) is Phase.STOPPING


@given(st.lists(st.tuples(st.integers(0, 7), st.sampled_from(NAMES), st.floats(0, 150)), max_size=40))
def test_nothing_runs_twice_and_a_stop_always_ends(script: list[tuple[int, str, float]]) -> None:
    """`alive` is what a supervisor would have running; events come only of what is alive."""
    played, alive, killed = Script(), set[str](), set[str]()
    over: list[int] = []

    def run(*events: Event, after_s: float = 0.0) -> None:
        for command in played.play(*events, after_s=after_s):
            match command:
                case Start(name):
                    assert name not in alive
                    alive.add(name)
                case Terminate(name):
                    assert name in alive
                case Kill(name):
                    assert name in alive
                    killed.add(name)
                case Exit(status):
                    over.append(status)

    def end(name: str, status: int) -> None:
        alive.discard(name)
        killed.discard(name)
        run(Ended(name, status))

    run(Began())
    for what, name, after_s in [*script, *[(7, D, 0.0)], *[(8, D, STOP_S)] * 8]:
        if over:
            break
        match what:
            case 3 | 4 if name in alive:
                run(Ready(name, "http://x"), after_s=after_s)
            case 5 | 6 if name in alive:
                end(name, what - 6)
            case 7:
                run(Told(), after_s=after_s)
            case _:
                run(Elapsed(), after_s=after_s)
        if what == 8 and killed:
            end(min(killed), -9)
    assert len(over) == 1
    assert not alive


@given(st.integers(-5, 10_000))
def test_a_rest_is_bounded(failures: int) -> None:
    assert 0 < rest_s(failures) <= REST_MAX_S


# --- regions, which stop together

UP = ("wires", "london", "dallas", "balancer")
W, L, A, B = UP
TOGETHER = Rules(whole="couchgrass up", groups=((W,), (L, A), (B,)), stop_s=30.0)


class Fleet(Script):
    def __init__(self) -> None:
        super().__init__()
        self.state = first(UP, self.now, TOGETHER)
        self.held: frozenset[str] = frozenset()

    def play(self, *events: Event, after_s: float = 0.0) -> list[Command]:
        self.now += after_s
        done: list[Command] = []
        for event in events:
            self.state, commands = step(self.state, event, self.now, self.held)
            done += [command for command in commands if not isinstance(command, Say)]
            self.said += [command.text for command in commands if isinstance(command, Say)]
        return done


def test_a_group_stops_together_and_after_the_one_behind_it() -> None:
    fleet = Fleet()
    fleet.play(Began(), *(Ready(name, f"http://{name}") for name in UP))
    assert fleet.play(Told()) == [Terminate(B)]
    assert fleet.play(Ended(B, 0)) == [Terminate(L), Terminate(A)]
    assert fleet.play(Ended(A, 0)) == []
    assert fleet.play(Elapsed(), after_s=30.0) == [Kill(L)]
    assert fleet.play(Ended(L, -9)) == [Terminate(W)]
    assert fleet.play(Ended(W, 0)) == [Exit(0)]


def test_a_region_that_can_not_start_stops_all() -> None:
    fleet = Fleet()
    fleet.play(Began())
    assert fleet.play(Ended(L, 1)) == [Terminate(B)]
    assert fleet.said == ["london could not start, its own words are above; couchgrass up stops"]


def test_what_is_held_is_not_started_until_it_is_let_go() -> None:
    fleet = Fleet()
    fleet.play(Began(), *(Ready(name, f"http://{name}") for name in UP))
    fleet.held = frozenset({L})
    assert fleet.play(Ended(L, -9)) == []
    assert fleet.play(Elapsed(), after_s=60.0) == []
    assert next_at(fleet.state, fleet.now, fleet.held) == fleet.now + HELD_LOOK_S
    fleet.held = frozenset()
    assert fleet.play(Elapsed()) == [Start(L)]


def test_what_is_held_from_the_beginning_waits_and_can_be_stopped() -> None:
    fleet = Fleet()
    fleet.held = frozenset({L})
    assert Start(L) not in fleet.play(Began())
    fleet.play(*(Ready(name, f"http://{name}") for name in (W, A, B)))
    fleet.play(Told(), Ended(B, 0), Ended(A, 0))
    assert fleet.play(Ended(W, 0)) == [Exit(0)]
