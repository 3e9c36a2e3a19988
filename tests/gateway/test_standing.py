"""When the gateway takes requests: the table at the top of the module, line by line."""

from __future__ import annotations

import msgspec
import pytest

from couchgrass.agent.seen import Health
from couchgrass.gateway.standing import DOUBT_S, HEARD_S, STALE_S, NotRun, Standing

WELL = Health(
    region="london", live=True, ready=True, incarnation="1", database=True, functions=True, caught_up=True
)
ILL = msgspec.structs.replace(WELL, live=False)


def is_taken(standing: Standing, now_s: float, *, is_followed: bool) -> bool:
    try:
        standing.check(now_s, is_followed=is_followed)
    except NotRun as refused:
        assert refused.status == 503
        return False
    return True


@pytest.mark.parametrize(
    ("health", "age_s", "is_followed", "taken"),
    [
        (WELL, 0.0, True, True),
        (WELL, HEARD_S, True, True),
        (WELL, 0.0, False, False),
        (ILL, 0.0, True, False),
        (ILL, HEARD_S, True, False),
        (ILL, 0.0, False, False),
        (ILL, HEARD_S + 0.1, True, True),
        (WELL, HEARD_S + 0.1, True, True),
        (WELL, HEARD_S + 0.1, False, False),
        (None, 0.0, True, True),
        (None, 0.0, False, True),
    ],
)
def test_who_is_believed(health: Health | None, age_s: float, is_followed: bool, taken: bool) -> None:
    standing = Standing()
    if health is not None:
        standing.hear(health, 100.0)
    assert is_taken(standing, 100.0 + age_s, is_followed=is_followed) is taken


def test_an_agent_that_reaches_the_database_all_the_same_is_believed_after_a_while() -> None:
    standing = Standing()
    for step in range(30):
        now_s = 100.0 + step / 10
        standing.hear(WELL, now_s)
        assert is_taken(standing, now_s, is_followed=False) is (step / 10 > DOUBT_S + 0.01)
    assert is_taken(standing, now_s, is_followed=True)
    assert not is_taken(standing, now_s, is_followed=False)


def test_a_region_that_is_live_but_not_ready_takes_requests() -> None:
    standing = Standing()
    standing.hear(msgspec.structs.replace(WELL, ready=False, caught_up=False), 1.0)
    assert is_taken(standing, 1.0, is_followed=True)


def test_a_gateway_that_could_not_run_itself_heard_what_it_could() -> None:
    standing = Standing()
    standing.hear(WELL, 100.0)
    standing.stalled(2.0, 102.5)
    assert standing.news(102.5) == WELL
    assert standing.news(103.6) is None
    assert standing.news(103.6, within_s=STALE_S) == WELL


def test_what_was_heard_before_a_long_standstill_is_no_news() -> None:
    standing = Standing()
    standing.hear(WELL, 100.0)
    standing.stalled(STALE_S, 104.0)
    assert standing.news(104.0, within_s=STALE_S) is None
