"""Turns of replications: all run while they fit, and past that nobody starves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from couchgrass.replication.schedule import Job, Running, State, Turn, Waiting, turn

TIMES = st.floats(0, 100)
STATES: st.SearchStrategy[State] = st.builds(Running, TIMES) | st.builds(Waiting, TIMES)


@st.composite
def fleets(draw: st.DrawFn) -> list[Job]:
    states = draw(st.lists(STATES, max_size=12))
    return [Job(f"job{number}", state, draw(st.booleans())) for number, state in enumerate(states)]


def now(jobs: list[Job], *, max_jobs: int, max_churn: int = 20, least_run_s: float = 0.0) -> Turn:
    return turn(jobs, max_jobs=max_jobs, max_churn=max_churn, now_s=100.0, least_run_s=least_run_s)


def test_nothing_to_do_is_nothing_done() -> None:
    assert now([], max_jobs=5) == Turn()


def test_all_start_while_they_fit() -> None:
    jobs = [Job("a", Running(1)), Job("b", Waiting(3)), Job("c", Waiting(2), continuous=False)]
    assert now(jobs, max_jobs=3) == Turn(start=("c", "b"))


def test_the_longest_waiting_start_and_the_longest_running_stop() -> None:
    jobs = [
        *(Job("r2", Running(2)), Job("r1", Running(1)), Job("r3", Running(3))),
        *(Job("w2", Waiting(20)), Job("w1", Waiting(10)), Job("w3", Waiting(30))),
    ]
    assert now(jobs, max_jobs=3, max_churn=2) == Turn(start=("w1", "w2"), stop=("r1", "r2"))
    assert now(jobs, max_jobs=4, max_churn=1) == Turn(start=("w1", "w2"), stop=("r1",))
    assert now(jobs, max_jobs=6) == Turn(start=("w1", "w2", "w3"))


def test_a_one_shot_job_runs_to_its_end() -> None:
    jobs = [Job("once", Running(1), continuous=False), Job("on", Running(50)), Job("w", Waiting(2))]
    assert now(jobs, max_jobs=2) == Turn(start=("w",), stop=("on",))
    assert now(jobs, max_jobs=1) == Turn(stop=("on",))
    assert now([jobs[0], jobs[2]], max_jobs=1) == Turn()


def test_a_job_runs_for_a_while_before_it_makes_room() -> None:
    jobs = [Job("old", Running(30)), Job("new", Running(80)), Job("w1", Waiting(1)), Job("w2", Waiting(2))]
    assert now(jobs, max_jobs=2, least_run_s=60) == Turn(start=("w1",), stop=("old",))


def test_a_lowered_bound_stops_all_that_are_too_many_at_once() -> None:
    jobs = [Job(f"r{number}", Running(number)) for number in range(6)] + [Job("w", Waiting(50))]
    assert now(jobs, max_jobs=2, max_churn=0, least_run_s=1000) == Turn(stop=("r0", "r1", "r2", "r3"))
    assert now(jobs, max_jobs=2, max_churn=1) == Turn(start=("w",), stop=("r0", "r1", "r2", "r3", "r4"))


@given(fleets(), st.integers(0, 6), st.integers(0, 6))
def test_a_turn_keeps_the_bounds(jobs: list[Job], max_jobs: int, max_churn: int) -> None:
    found = now(jobs, max_jobs=max_jobs, max_churn=max_churn)
    by_id = {job.id: job for job in jobs}
    running = {job.id for job in jobs if isinstance(job.state, Running)}
    ready = {job.id for job in jobs if isinstance(job.state, Waiting)}
    assert set(found.start) <= ready and set(found.stop) <= running
    assert len(set(found.start)) == len(found.start) and len(set(found.stop)) == len(found.stop)
    assert all(by_id[id].continuous for id in found.stop)
    after = running - set(found.stop) | set(found.start)
    if found.start:
        assert len(after) <= max_jobs
    assert len(after) <= max(max_jobs, len(running))
    excess = max(0, len(running) - max_jobs)
    assert len(found.stop) <= excess + max_churn
    if len(running | ready) <= max_jobs:
        assert after == running | ready and not found.stop


@given(fleets(), st.integers(0, 6))
def test_no_slot_stays_empty_while_a_job_could_run(jobs: list[Job], max_jobs: int) -> None:
    found = now(jobs, max_jobs=max_jobs)
    running = sum(isinstance(job.state, Running) for job in jobs)
    ready = sum(isinstance(job.state, Waiting) for job in jobs)
    assert running - len(found.stop) + len(found.start) >= min(max_jobs, running + ready)


@given(st.integers(1, 30), st.integers(1, 8), st.integers(1, 5))
def test_nobody_starves(count: int, max_jobs: int, max_churn: int) -> None:
    """Each continuous job runs again within the turns that it takes to let all the others run once."""
    states: dict[str, State] = {f"job{number}": Waiting(0.0) for number in range(count)}
    at_least = min(max_churn, max_jobs)
    bound = -(-count // at_least) + 1
    waited = dict.fromkeys(states, 0)
    for number in range(4 * bound):
        at_s = float(number + 1)
        jobs = [Job(id, state) for id, state in states.items()]
        found = turn(jobs, max_jobs=max_jobs, max_churn=max_churn, now_s=at_s)
        states |= {id: Waiting(at_s) for id in found.stop} | {id: Running(at_s) for id in found.start}
        for id, state in states.items():
            waited[id] = 0 if isinstance(state, Running) else waited[id] + 1
            assert waited[id] <= bound
        assert sum(isinstance(state, Running) for state in states.values()) == min(count, max_jobs)
