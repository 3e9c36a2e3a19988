"""Who asks: a session that is renewed, Basic where there is none; and no secret in what is printed."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence

import pytest

from couchgrass.couch.auth import BASIC_AGAIN_S, RENEW_S, Auth
from couchgrass.errors import PeerLost
from couchgrass.testing.asgi import MovedClock

NAME, SECRET = "jan", "päss:word"
BASIC = {"authorization": "Basic " + base64.b64encode(f"{NAME}:{SECRET}".encode()).decode()}


class Signing:
    """Sign-ins at a server; each brings the next of `cookies`, None is a refusal."""

    def __init__(self, *cookies: str | None) -> None:
        self.left = list(cookies)
        self.count = 0

    async def __call__(self, name: str, password: str) -> Sequence[str] | None:
        assert (name, password) == (NAME, SECRET)
        self.count += 1
        await asyncio.sleep(0)
        cookie = self.left.pop(0)
        return None if cookie is None else ["Other=1", f"{cookie}; Version=1; Path=/; HttpOnly"]


def signed_in(work: Callable[[Auth, MovedClock], Awaitable[None]]) -> None:
    async def run() -> None:
        clock = MovedClock()
        await work(Auth(NAME, SECRET, clock), clock)

    asyncio.run(run())


def test_nobody_has_no_headers_and_takes_no_session() -> None:
    async def run() -> None:
        auth = Auth()
        auth.heard(["AuthSession=someone-elses"])
        assert await auth.headers(Signing()) == {}
        assert not auth.refused({}, again=False)

    asyncio.run(run())


def test_a_session_serves_all_requests_until_it_is_due() -> None:
    async def work(auth: Auth, clock: MovedClock) -> None:
        signing = Signing("AuthSession=one", "AuthSession=two")
        several = await asyncio.gather(*(auth.headers(signing) for _ in range(5)))
        assert several == [{"cookie": "AuthSession=one"}] * 5
        clock.time_s += RENEW_S - 1
        assert await auth.headers(signing) == {"cookie": "AuthSession=one"}
        assert signing.count == 1
        clock.time_s += 1
        assert await auth.headers(signing) == {"cookie": "AuthSession=two"}

    signed_in(work)


def test_a_session_that_says_how_long_it_lasts_is_renewed_at_half_time() -> None:
    async def work(auth: Auth, clock: MovedClock) -> None:
        signing = Signing("AuthSession=one; Max-Age=60", "AuthSession=two; max-age=6000", "AuthSession=three")
        await auth.headers(signing)
        clock.time_s += 30
        assert await auth.headers(signing) == {"cookie": "AuthSession=two"}
        clock.time_s += RENEW_S
        assert await auth.headers(signing) == {"cookie": "AuthSession=three"}

    signed_in(work)


def test_an_answer_may_renew_the_session() -> None:
    async def work(auth: Auth, clock: MovedClock) -> None:
        signing = Signing("AuthSession=one")
        await auth.headers(signing)
        clock.time_s += RENEW_S - 1
        auth.heard(["AuthSession=renewed; Path=/"])
        clock.time_s += RENEW_S - 1
        assert await auth.headers(signing) == {"cookie": "AuthSession=renewed"}

    signed_in(work)


@pytest.mark.parametrize("cookie", ["AuthSession=; Max-Age=0", "NotAuthSession=x", "AuthSession", ""])
def test_what_is_no_session_changes_nothing(cookie: str) -> None:
    async def work(auth: Auth, clock: MovedClock) -> None:
        await auth.headers(Signing("AuthSession=one"))
        auth.heard([cookie])
        assert await auth.headers(Signing()) == {"cookie": "AuthSession=one"}

    signed_in(work)


@pytest.mark.parametrize("answer", [None, "Session=of-another-kind"])
def test_without_sessions_it_is_basic_and_a_session_is_tried_again_later(answer: str | None) -> None:
    async def work(auth: Auth, clock: MovedClock) -> None:
        signing = Signing(answer, "AuthSession=late")
        assert await auth.headers(signing) == BASIC
        clock.time_s += BASIC_AGAIN_S - 1
        assert await auth.headers(signing) == BASIC
        assert signing.count == 1
        clock.time_s += 1
        assert await auth.headers(signing) == {"cookie": "AuthSession=late"}

    signed_in(work)


def test_a_refused_session_is_given_up_once() -> None:
    async def work(auth: Auth, clock: MovedClock) -> None:
        signing = Signing("AuthSession=one", "AuthSession=two")
        first = await auth.headers(signing)
        assert auth.refused(first, again=False)
        second = await auth.headers(signing)
        assert second == {"cookie": "AuthSession=two"}
        # Another request with the first session, whose refusal comes late, does not cost the second one.
        assert auth.refused(first, again=False)
        assert await auth.headers(signing) == second
        assert signing.count == 2

    signed_in(work)


def test_where_new_sessions_are_refused_it_is_basic() -> None:
    async def work(auth: Auth, clock: MovedClock) -> None:
        signing = Signing("AuthSession=one", "AuthSession=two")
        sent = await auth.headers(signing)
        assert auth.refused(sent, again=True)
        assert await auth.headers(signing) == BASIC
        assert not auth.refused(BASIC, again=True)
        auth.heard(["AuthSession=meanwhile"])
        assert await auth.headers(signing) == BASIC

    signed_in(work)


def test_a_sign_in_that_gets_no_answer_is_tried_again_at_once() -> None:
    async def work(auth: Auth, clock: MovedClock) -> None:
        async def lost(name: str, password: str) -> Sequence[str] | None:
            raise PeerLost("nobody there")

        with pytest.raises(PeerLost):
            await auth.headers(lost)
        assert await auth.headers(Signing("AuthSession=one")) == {"cookie": "AuthSession=one"}

    signed_in(work)


def test_no_secret_is_printed() -> None:
    async def work(auth: Auth, clock: MovedClock) -> None:
        await auth.headers(Signing("AuthSession=one"))
        assert repr(auth) == str(auth) == "Auth('jan')"

    signed_in(work)
