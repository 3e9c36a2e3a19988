"""Who a request comes from, when the database answers, and when it does not."""

from __future__ import annotations

import asyncio

import pytest

from couchgrass.dashboard.http.passing import Told
from couchgrass.dashboard.http.session import AUTHORIZATION_LENGTH_MAX, LOOKS_MAX, Sessions
from couchgrass.dashboard.known import FRESH_S, KEPT_S, SILENT_S
from couchgrass.dashboard.lost import Crowded, NoAnswer
from couchgrass.dashboard.who import NOBODY, Who
from couchgrass.testing.asgi import MovedClock
from tests.dashboard.http.site import run

ADMIN = b'{"ok":true,"userCtx":{"name":"a","roles":["_admin"]},"info":{}}'


class Database:
    """Answers as the test says."""

    def __init__(self) -> None:
        self.answers: Told | NoAnswer = Told(200, ADMIN, ("AuthSession=new",))
        self.asked: list[tuple[str, str]] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def look(self, session: str, authorization: str, client: str) -> Told:
        self.asked.append((session, authorization))
        await self.may_go_on.wait()
        if isinstance(self.answers, NoAnswer):
            raise self.answers
        return self.answers


class Case:
    def __init__(self) -> None:
        self.database, self.clock = Database(), MovedClock()
        self.sessions = Sessions(self.database.look, self.clock)

    async def who(self, session: str = "s", *, patient: bool = True) -> Who:
        return (await self.sessions.who(session, "", patient=patient)).who


def test_nobody_is_known_without_asking() -> None:
    async def work() -> None:
        case = Case()
        assert await case.who("") == NOBODY
        assert case.database.asked == []

    run(work)


def test_the_database_is_asked_once_in_a_while_and_its_new_cookie_is_passed_on() -> None:
    async def work() -> None:
        case = Case()
        seen = await case.sessions.who("s", "", patient=False)
        assert (seen.who, seen.cookies) == (Who("a", ("_admin",)), ("AuthSession=new",))
        assert (await case.sessions.who("s", "", patient=False)).cookies == ()
        case.clock.time_s += FRESH_S
        await case.who()
        await case.sessions.who("", "Basic x", patient=False)
        assert case.database.asked == [("s", ""), ("s", ""), ("", "Basic x")]

    run(work)


def test_many_who_ask_at_once_wait_for_one_look_also_when_the_first_gives_up() -> None:
    async def work() -> None:
        case = Case()
        case.database.may_go_on.clear()
        first, *others = [asyncio.ensure_future(case.who()) for _ in range(5)]
        await asyncio.sleep(0)
        first.cancel()
        case.database.may_go_on.set()
        assert {(await other).name for other in others} == {"a"}
        assert len(case.database.asked) == 1

    run(work)


def test_who_was_verified_may_watch_while_the_database_is_silent() -> None:
    async def work() -> None:
        case = Case()
        await case.who()
        case.database.answers = NoAnswer("silent")
        case.clock.time_s += FRESH_S
        assert (await case.who()).is_admin
        with pytest.raises(NoAnswer):
            await case.who(patient=False)
        with pytest.raises(NoAnswer):
            await case.who("somebody else")
        asked = len(case.database.asked)
        assert (await case.who()).is_admin
        assert len(case.database.asked) == asked, "it was silent a moment ago"
        case.clock.time_s += SILENT_S
        assert (await case.who()).is_admin
        assert len(case.database.asked) == asked + 1
        case.clock.time_s += KEPT_S
        with pytest.raises(NoAnswer):
            await case.who()

    run(work)


def test_a_database_that_hangs_keeps_nobody_waiting_who_is_known() -> None:
    async def work() -> None:
        case = Case()
        await case.who()
        case.clock.time_s += FRESH_S
        case.database.may_go_on.clear()
        assert (await case.who()).is_admin
        asked = len(case.database.asked)
        assert (await case.who()).is_admin
        assert len(case.database.asked) == asked, "one look is under way"
        case.database.may_go_on.set()

    run(work)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_session_that_the_database_refuses_is_nobodys(status: int) -> None:
    async def work() -> None:
        case = Case()
        await case.who()
        case.database.answers = Told(status, b"{}")
        case.clock.time_s += FRESH_S
        assert await case.who() == NOBODY

    run(work)


@pytest.mark.parametrize("told", [Told(500, b""), Told(429, b""), Told(200, b"<html>"), Told(200, b"{}")])
def test_an_answer_that_says_nothing_is_none(told: Told) -> None:
    async def work() -> None:
        case = Case()
        await case.who()
        case.database.answers = told
        case.clock.time_s += FRESH_S
        assert (await case.who()).is_admin
        with pytest.raises(NoAnswer, match="can't say who you are"):
            await case.who(patient=False)

    run(work)


def test_who_signs_out_is_forgotten() -> None:
    async def work() -> None:
        case = Case()
        await case.who()
        case.sessions.forget("s", "")
        case.database.answers = NoAnswer("silent")
        with pytest.raises(NoAnswer):
            await case.who()

    run(work)


def test_looks_are_bounded() -> None:
    async def work() -> None:
        case = Case()
        case.database.may_go_on.clear()
        asking = [asyncio.ensure_future(case.who(str(number))) for number in range(LOOKS_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(Crowded):
            await case.who("one more")
        case.database.may_go_on.set()
        await asyncio.gather(*asking)

    run(work)


def test_an_answer_that_says_nothing_of_one_says_nothing_of_others() -> None:
    """Else somebody could stay who they were by asking in a way that the database can't answer."""

    async def work() -> None:
        case = Case()
        await case.who("dismissed")
        case.clock.time_s += FRESH_S
        case.database.answers = Told(429, b"")
        with pytest.raises(NoAnswer):
            await case.who("another")
        case.database.answers = Told(200, b'{"userCtx":{"name":"a","roles":[]}}')
        assert not (await case.who("dismissed")).is_admin

    run(work)


def test_an_endless_password_is_nobodys_and_not_asked_for() -> None:
    async def work() -> None:
        case = Case()
        endless = "Basic " + "x" * AUTHORIZATION_LENGTH_MAX
        assert (await case.sessions.who("s", endless, patient=True)).who == NOBODY
        assert case.database.asked == []

    run(work)
