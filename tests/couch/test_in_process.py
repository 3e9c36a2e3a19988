"""Straight into an application in this process: nothing is cut short, held in memory or left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from couchgrass.couch.in_process import AsgiTransport
from couchgrass.couch.transport import whole
from couchgrass.docdb.access import UserCtx
from couchgrass.errors import PeerLost
from couchgrass.testing.asgi import Asked, asking
from tests.couch.asking import ask, pieces

USER = UserCtx("replicator", ("_admin",))
ROOT = UserCtx("admin", ("_admin",))
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

START = {"type": "http.response.start", "status": 200, "headers": [(b"x-odd", b"Yes")]}


def piece(text: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text, "more_body": more}


def into(app: Application, work: Callable[[AsgiTransport], Awaitable[None]]) -> None:
    """Runs `work` with a transport into `app`; then no task may be left."""

    async def run() -> None:
        before = asyncio.all_tasks()
        async with asyncio.timeout(60):
            await work(AsgiTransport(app, USER))
        assert asyncio.all_tasks() == before

    asyncio.run(run())


async def read(receive: Receive) -> tuple[bytes, str]:
    """The request's body as the application sees it, and how it ended."""
    got = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return got, "left"
        got += message["body"]
        if not message["more_body"]:
            return got, "whole"


# --- what the application is told --------------------------------------------------------------------


def test_the_scope_is_a_trusted_request() -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        assert scope["type"] == "http" and scope["method"] == "POST" and scope["client"] is None
        assert scope["raw_path"] == b"/db/a%2Fb" and scope["query_string"] == b"q=%261&e="
        assert scope["couchgrass.user"] is USER
        assert dict(scope["headers"]) == {
            b"accept": b"application/json",
            b"x-mine": b"1",
            b"content-length": b"4",
        }
        assert await read(receive) == (b"body", "whole")
        await send(START)
        await send(piece(b"good", more=False))

    async def work(transport: AsgiTransport) -> None:
        query = [("q", "&1"), ("e", "")]
        async with transport.request(
            "POST", "/db/a%2Fb", query=query, headers={"X-Mine": "1"}, body=b"body"
        ) as reply:
            assert reply.status == 200 and reply.headers == {"x-odd": "Yes"}
            assert await whole(reply, 100) == b"good"
            assert await whole(reply, 100) == b"", "once it was read there is nothing more"

    into(app, work)


@pytest.mark.parametrize(
    ("body", "length", "seen"),
    [
        (None, None, b""),
        (b"", None, b""),
        (b"text", None, b"text"),
        (pieces(), 0, b""),
        (pieces(b"a", b"", memoryview(b"bc")), 3, b"abc"),  # type: ignore[arg-type]
    ],
)
def test_a_body_arrives_and_then_the_caller_is_waited_for(body: Any, length: int | None, seen: bytes) -> None:
    left = asyncio.Event()

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        assert await read(receive) == (seen, "whole")
        await send(START)
        await send(piece(b"", more=False))
        assert (await receive())["type"] == "http.disconnect"
        left.set()

    async def work(transport: AsgiTransport) -> None:
        async with transport.request("POST", "/", body=body, length=length) as reply:
            await whole(reply, 100)
            assert not left.is_set()
        assert left.is_set()

    into(app, work)


# --- answers that do not come ------------------------------------------------------------------------


async def raises_at_once(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    raise ValueError("a bug")


async def says_nothing(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    return


@pytest.mark.parametrize("app", [raises_at_once, says_nothing])
def test_an_application_without_an_answer_is_lost(app: Application) -> None:
    async def work(transport: AsgiTransport) -> None:
        with pytest.raises(PeerLost):
            await ask(transport)

    into(app, work)


@pytest.mark.parametrize("fails", [True, False])
@pytest.mark.parametrize("count", [0, 1, 8, 9, 50])
def test_an_answer_that_does_not_end_is_lost_and_not_short(count: int, fails: bool) -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await send(START)
        for _ in range(count):
            await send(piece(b"x"))
        if fails:
            raise ValueError("a bug")

    async def work(transport: AsgiTransport) -> None:
        got = 0
        async with transport.request("GET", "/") as reply:
            with pytest.raises(PeerLost):
                async for _ in reply.chunks():
                    got += 1
            with pytest.raises(PeerLost):
                await whole(reply, 100)
        assert got == count

    into(app, work)


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_can_not_do_it_now_is_lost(status: int) -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await send({**START, "status": status})
        await send(piece(b"no", more=False))

    async def work(transport: AsgiTransport) -> None:
        with pytest.raises(PeerLost, match=f"answered {status}"):
            await ask(transport)

    into(app, work)


# --- a stream that goes on ---------------------------------------------------------------------------


def test_little_lies_between_the_application_and_a_slow_reader() -> None:
    sent = 0

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(START)
        for _ in range(1000):
            await send(piece(b"x"))
            sent += 1
        await send(piece(b"", more=False))

    async def work(transport: AsgiTransport) -> None:
        async with transport.request("GET", "/") as reply:
            for _ in range(100):
                await asyncio.sleep(0)
            assert sent <= 8
            assert len(await whole(reply, 10_000)) == 1000

    into(app, work)


def test_who_leaves_early_ends_the_application_s_work() -> None:
    ended = []

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        try:
            await send(START)
            while True:
                await send(piece(b"x"))
        finally:
            ended.append(scope["method"])

    async def work(transport: AsgiTransport) -> None:
        async with transport.request("GET", "/"):
            pass
        assert ended == ["GET"]
        with pytest.raises(ValueError, match="of the caller"):
            async with transport.request("PUT", "/") as reply:
                await anext(reply.chunks())
                raise ValueError("of the caller")
        assert ended == ["GET", "PUT"]

    into(app, work)


@pytest.mark.parametrize("begins", [False, True])
def test_a_caller_who_is_cancelled_ends_the_application_s_work(begins: bool) -> None:
    ended = asyncio.Event()

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        try:
            if begins:
                await send(START)
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def work(transport: AsgiTransport) -> None:
        task = asyncio.create_task(ask(transport))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    into(app, work)


def test_a_cancelled_wait_for_the_next_chunk_spoils_nothing() -> None:
    goes_on = asyncio.Event()

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await send(START)
        await goes_on.wait()
        await send(piece(b"one"))
        await send(piece(b"two", more=False))

    async def work(transport: AsgiTransport) -> None:
        async with transport.request("GET", "/") as reply:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await anext(reply.chunks())
            goes_on.set()
            assert await whole(reply, 100) == b"onetwo"

    into(app, work)


# --- bodies ------------------------------------------------------------------------------------------


def test_a_body_is_read_only_as_the_application_takes_it() -> None:
    given = 0

    async def counted() -> AsyncIterator[bytes | memoryview]:
        nonlocal given
        for _ in range(1000):
            given += 1
            yield b"x"

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send({**START, "status": 413})
        await send(piece(b"too much", more=False))

    async def work(transport: AsgiTransport) -> None:
        assert await ask(transport, "PUT", body=counted(), length=1000) == (413, b"too much")
        assert given == 1

    into(app, work)


def test_what_the_body_s_source_raises_is_raised_and_never_a_short_body() -> None:
    seen = []

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        seen.append(await read(receive))
        seen.append(await read(receive))
        await send(START)
        await send(piece(b"fine", more=False))

    async def work(transport: AsgiTransport) -> None:
        failure = PeerLost("the source is gone")
        with pytest.raises(PeerLost) as lost:
            await ask(transport, "PUT", body=pieces(b"half", failure), length=8)
        assert lost.value is failure
        assert seen == [(b"half", "left"), (b"", "left")]

    into(app, work)


# --- our own application -----------------------------------------------------------------------------


def test_a_write_whose_source_breaks_is_not_there(tmp_path: Any) -> None:
    async def work(asked: Asked) -> None:
        await asked.admin("PUT", "/db")
        transport = AsgiTransport(asked.app, ROOT)
        failure = PeerLost("the source is gone")
        with pytest.raises(PeerLost) as lost:
            await ask(transport, "PUT", "/db/doc/file", body=pieces(b"half", failure), length=8)
        assert lost.value is failure
        assert (await ask(transport, path="/db/doc"))[0] == 404
        assert (await ask(transport, "PUT", "/db/doc/file", body=pieces(b"whole"), length=5))[0] == 201
        assert await ask(transport, path="/db/doc/file") == (200, b"whole")
        assert asked.app.inflight == 0

    asking(tmp_path / "data", work)


def test_a_live_feed_that_is_left_ends_in_the_server(tmp_path: Any) -> None:
    async def work(asked: Asked) -> None:
        await asked.admin("PUT", "/db")
        await asked.admin("PUT", "/db/doc", {})
        transport = AsgiTransport(asked.app, ROOT)
        feed = [("feed", "continuous"), ("heartbeat", "20000")]
        async with transport.request("GET", "/db/_changes", query=feed) as reply:
            assert b'"id":"doc"' in await anext(reply.chunks())
            assert asked.app.inflight == 1
        assert asked.app.inflight == 0

    asking(tmp_path / "data", work)
