"""HTTP to peers that misbehave: what does not come whole is PeerLost, without a secret in it."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from couchgrass.couch.auth import Auth
from couchgrass.couch.pace import Pace
from couchgrass.couch.transport import HttpTransport, whole
from couchgrass.errors import NotImplementedHere, PeerLost, TooLarge
from couchgrass.testing.asgi import MovedClock
from couchgrass.testing.scripted import Exchange, Play, Scripted, answers, hangs_up, is_silent
from tests.couch.asking import ENOUGH_S, ask, closed_port, pieces, skip, transport_to, with_plays

GOOD = answers(200, {"ok": True})
SECRETS = ("s3cr3t", "tok3n", "c00kie")


def raw(text: bytes) -> Play:
    """Reads the request and answers with these bytes, then hangs up."""

    async def play(exchange: Exchange) -> None:
        await exchange.body()
        await exchange.write(text)
        exchange.cut()

    return play


# --- what is sent ------------------------------------------------------------------------------------


def test_path_and_options_arrive_as_they_were_meant() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        query = [("since", '[1,"a&b"]'), ("q", "ä+ %"), ("empty", "")]
        assert await ask(transport, path="/a%2Fb/_design%2F%C3%A9", query=query) == (200, b'{"ok": true}')
        [seen] = peer.seen
        assert (seen.method, seen.path) == ("GET", "/a%2Fb/_design%2F%C3%A9")
        assert seen.query == dict(query)

    with_plays(work, GOOD)


def test_headers_of_the_caller_are_sent_once_whatever_their_case() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        await ask(transport)
        await ask(transport, headers={"accept": "multipart/mixed"})
        first, second = peer.seen
        assert first.headers["accept"] == "text/plain"
        assert second.headers["accept"] == "multipart/mixed"
        assert first.headers["x-token"] == "tok3n"

    with_plays(work, GOOD, headers={"Accept": "text/plain", "X-Token": "tok3n"})


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 256 * 1024 + 1, 3_000_000])
def test_a_body_arrives_whole_in_memory_or_streamed(size: int) -> None:
    body = bytes(range(250)) * (size // 250) + b"x" * (size % 250)
    got: list[bytes] = []

    async def reads(exchange: Exchange) -> None:
        got.append(await exchange.body())
        await exchange.answer(201)

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        await ask(transport, "POST", body=body)
        half = size // 2
        stream = pieces(body[:half], memoryview(body)[half:])  # type: ignore[arg-type]
        await ask(transport, "PUT", body=stream, length=size)
        assert got == [body, body]
        assert "transfer-encoding" not in peer.seen[1].headers

    with_plays(work, reads)


def test_an_answer_is_unpacked_and_its_headers_are_in_lower_case() -> None:
    import gzip

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        async with transport.request("GET", "/db") as reply:
            assert reply.headers["x-odd"] == "Yes"
            assert await whole(reply, 100) == b"packed"
            assert await whole(reply, 100) == b"", "once it was read there is nothing more"

    with_plays(work, answers(200, gzip.compress(b"packed"), content_encoding="gzip", X_Odd="Yes"))


# --- answers that do not come ------------------------------------------------------------------------


def test_nobody_there_is_down() -> None:
    async def run() -> None:
        async with transport_to(f"http://127.0.0.1:{closed_port()}") as transport:
            with pytest.raises(PeerLost) as lost:
                await ask(transport)
            assert lost.value.is_down
            assert lost.value.reason == f"{transport.name}: connection refused"

    asyncio.run(run())


def test_a_name_that_is_not_there_is_down() -> None:
    async def run() -> None:
        async with transport_to("http://nobody.invalid") as transport:
            with pytest.raises(PeerLost) as lost:
                await ask(transport)
            assert lost.value.is_down
            assert lost.value.reason == "http://nobody.invalid: the name can't be resolved"

    asyncio.run(run())


def test_a_name_that_can_be_none_is_lost() -> None:
    async def run() -> None:
        async with aiohttp.ClientSession() as session:
            for base in ("http://" + "a" * 64, f"http://{'a' * 70_000}", "http://a..b"):
                transport = HttpTransport(session, base, auth=Auth("name", "s3cr3t"), pace=Pace())
                with pytest.raises(PeerLost):
                    await ask(transport)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("play", "why"),
    [
        (hangs_up, "the connection was closed"),
        (is_silent, "no answer in time"),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "its answer is no HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\ncontent-le"), "the connection was closed"),
        (raw(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000), "its answer is no HTTP"),
    ],
)
def test_no_answer_is_lost_and_not_down(play: Play, why: str) -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(PeerLost) as lost:
            await ask(transport, idle_s=0.05 if play is is_silent else ENOUGH_S)
        assert not lost.value.is_down
        assert lost.value.reason.startswith(f"{peer.url}: ")
        assert why in lost.value.reason

    with_plays(work, play)


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfive5",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfive5\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfive5\r\n0\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfi",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\nfive5\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\n\r\nfive5",
    ],
)
def test_half_an_answer_is_lost(text: bytes) -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(PeerLost):
            await ask(transport)

    with_plays(work, raw(text))


def test_an_answer_that_pauses_for_too_long_is_lost() -> None:
    is_read = asyncio.Event()

    async def pauses(exchange: Exchange) -> None:
        await exchange.begin(200, content_length="10")
        await exchange.write(b"five5")
        await is_read.wait()
        skip(ENOUGH_S)
        await exchange.silence()

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        async with transport.request("GET", "/db", idle_s=ENOUGH_S) as reply:
            chunks = reply.chunks()
            assert await anext(chunks) == b"five5"
            is_read.set()
            with pytest.raises(PeerLost, match="cut off: no answer in time"):
                await anext(chunks)

    with_plays(work, pauses)


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        assert await ask(transport) == (200, b"to the end")

    with_plays(work, raw(b"HTTP/1.1 200 OK\r\n\r\nto the end"))


def test_bytes_behind_an_answer_are_not_taken_for_the_next_one() -> None:
    async def more(exchange: Exchange) -> None:
        await exchange.begin(200, content_length="4")
        await exchange.write(b"good" + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        assert await ask(transport) == (200, b"good")
        assert await ask(transport) == (200, b'{"ok": true}')
        assert peer.connections == 2

    with_plays(work, more, GOOD)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_that_can_not_do_it_now_is_lost(status: int) -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(PeerLost, match=f"answered {status}"):
            await ask(transport)
        assert await ask(transport) == (200, b'{"ok": true}')

    with_plays(work, answers(status, b"<html>no</html>", content_type="text/html"), GOOD)


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500, 501])
def test_other_refusals_are_answers(status: int) -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        assert await ask(transport) == (status, b"<html>")

    with_plays(work, answers(status, b"<html>"))


def test_a_redirect_is_an_answer_and_nobody_follows_it() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        status, _ = await ask(transport)
        assert status == 302
        assert len(peer.seen) == 1

    with_plays(work, answers(302, location="/elsewhere"), GOOD)


def test_an_answer_over_its_bound_is_too_large_and_not_read_on() -> None:
    async def endless(exchange: Exchange) -> None:
        await exchange.begin(200)
        while True:
            await exchange.write(b"x" * 100_000)

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(TooLarge):
            async with transport.request("GET", "/db") as reply:
                await whole(reply, 1_000_000)

    with_plays(work, endless)


def test_a_cancelled_wait_for_the_next_chunk_spoils_nothing() -> None:
    goes_on = asyncio.Event()

    async def waits(exchange: Exchange) -> None:
        await exchange.begin(200, content_length="9")
        await exchange.write(b"one")
        await goes_on.wait()
        await exchange.write(b"twothr")

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        async with transport.request("GET", "/db") as reply:
            chunks = reply.chunks()
            assert await anext(chunks) == b"one"
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await anext(chunks)
            goes_on.set()
            assert b"".join([chunk async for chunk in chunks]) == b"twothr"

    with_plays(work, waits)


# --- the pace ----------------------------------------------------------------------------------------


def test_a_complaint_is_heard_with_its_retry_after() -> None:
    pace = Pace(MovedClock())

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(PeerLost):
            await ask(transport)
        assert pace.wait_s() == 11

    with_plays(work, answers(429, retry_after="11"), pace=pace)


# --- bodies ------------------------------------------------------------------------------------------

LARGE = bytes(5_000_000)


async def large() -> AsyncIterator[bytes | memoryview]:
    for at in range(0, len(LARGE), 100_000):
        yield LARGE[at : at + 100_000]


async def never_asks(exchange: Exchange) -> None:
    if "expect" in exchange.headers:
        skip(ENOUGH_S)
    got = await exchange.unasked_body()
    await exchange.answer(201, {"got": len(got)})


def test_a_server_that_never_asks_for_a_body_gets_it_anyhow_and_is_not_waited_for_again() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        for _ in range(2):
            found = await ask(transport, "PUT", body=large(), length=len(LARGE))
            assert found == (201, b'{"got": 5000000}')
        assert ["expect" in seen.headers for seen in peer.seen] == [True, False, False]

    with_plays(work, never_asks)


def test_a_server_that_refuses_to_be_waited_for_gets_the_body_at_once() -> None:
    async def refuses(exchange: Exchange) -> None:
        await exchange.answer(417)
        exchange.cut()

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        found = await ask(transport, "PUT", body=large(), length=len(LARGE))
        assert found == (201, b'{"got": 5000000}')

    with_plays(work, refuses, never_asks)


@pytest.mark.parametrize("proceeds", [True, False])
def test_an_early_refusal_of_a_large_body_arrives(proceeds: bool) -> None:
    async def refuses(exchange: Exchange) -> None:
        if proceeds:
            await exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await exchange.answer(413, b"too much", connection="close")
        await exchange.silence()

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        found = await ask(transport, "PUT", body=large(), length=len(LARGE))
        assert found == (413, b"too much")

    with_plays(work, refuses)


@pytest.mark.parametrize("body", [LARGE * 4, None], ids=["in memory", "streamed"])
def test_a_server_that_stops_reading_is_lost(body: bytes | None) -> None:
    async def stops(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await exchange.silence()

    async def endless() -> AsyncIterator[bytes | memoryview]:
        while True:
            yield LARGE

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(PeerLost, match="no answer in time"):
            length = None if body else 1 << 40
            await ask(transport, "PUT", body=body or endless(), length=length, idle_s=0.05)

    with_plays(work, stops)


def test_a_server_that_takes_the_body_and_says_nothing_is_lost() -> None:
    async def takes(exchange: Exchange) -> None:
        await exchange.body()
        await exchange.silence()

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(PeerLost, match="no answer in time"):
            await ask(transport, "PUT", body=pieces(b"some"), length=4, idle_s=0.05)

    with_plays(work, takes)


def test_what_the_body_s_source_raises_is_raised_and_the_request_cut_off() -> None:
    taken: list[str] = []

    async def takes(exchange: Exchange) -> None:
        try:
            await exchange.body()
        except asyncio.IncompleteReadError:
            taken.append("cut off")
            raise
        taken.append("whole")

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        failure = PeerLost("the source is gone")
        with pytest.raises(PeerLost, match="the source is gone") as lost:
            await ask(transport, "PUT", body=pieces(b"half", failure), length=8)
        assert lost.value is failure
        assert await ask(transport) == (200, b'{"ok": true}')
        assert taken == ["cut off"]
        assert peer.connections == 2

    with_plays(work, takes, GOOD)


def test_a_body_is_never_sent_on_over_a_second_connection() -> None:
    """aiohttp repeats a PUT whose kept connection was closed, with what is left of its body."""

    async def dies(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        exchange.cut()

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        await ask(transport)
        with pytest.raises(PeerLost):
            await ask(transport, "PUT", body=large(), length=len(LARGE))

    with_plays(work, GOOD, dies, never_asks)


# --- who asks ----------------------------------------------------------------------------------------


def session(cookie: str | None) -> Play:
    """A server's answer to a sign-in."""
    if cookie is None:
        return answers(404, {"error": "not_found", "reason": "missing"})
    return answers(200, {"ok": True}, set_cookie=f"AuthSession={cookie}; Version=1; Path=/; HttpOnly")


def credentials(peer: Scripted) -> list[str | None]:
    """How each request but the sign-ins was signed."""
    return [
        seen.headers.get("cookie") or seen.headers.get("authorization", "")[:5] or None
        for seen in peer.seen
        if seen.path != "/_session"
    ]


def signed(work: Any, *plays: Play) -> None:
    with_plays(work, *plays, auth=Auth("jan", "s3cr3t"))


def test_one_sign_in_serves_many_requests_and_answers_renew_it() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        for _ in range(3):
            assert (await ask(transport))[0] == 200
        assert credentials(peer) == ["AuthSession=one", "AuthSession=one", "AuthSession=two"]

    signed(work, session("one"), GOOD, session("two"), GOOD)


def test_a_session_that_has_ended_is_signed_in_again_once() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        assert (await ask(transport, "POST", body=b"{}"))[0] == 200
        assert credentials(peer) == ["AuthSession=one", "AuthSession=two"]

    signed(work, session("one"), answers(401), session("two"), GOOD)


def test_where_sessions_are_of_no_use_it_is_basic() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        assert (await ask(transport))[0] == 200
        assert (await ask(transport))[0] == 200
        assert credentials(peer) == ["AuthSession=one", "AuthSession=two", "Basic", "Basic"]

    signed(work, session("one"), answers(401), session("two"), answers(401), GOOD)


def test_without_sessions_it_is_basic_and_a_refusal_is_an_answer() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        assert (await ask(transport))[0] == 401
        assert credentials(peer) == ["Basic"]

    signed(work, session(None), answers(401))


def test_a_streamed_body_that_was_not_begun_is_sent_with_the_new_session() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        assert (await ask(transport, "PUT", body=large(), length=len(LARGE)))[0] == 201
        assert credentials(peer) == ["AuthSession=one", "AuthSession=two"]

    async def refuses(exchange: Exchange) -> None:
        await exchange.answer(401)
        exchange.cut()

    signed(work, session("one"), refuses, session("two"), answers(201))


def test_a_streamed_body_that_is_spent_is_lost_and_not_refused() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(PeerLost, match="the session has ended"):
            await ask(transport, "PUT", body=pieces(b"some"), length=4)
        assert (await ask(transport))[0] == 200
        assert credentials(peer) == ["AuthSession=one", "AuthSession=two"]

    signed(work, session("one"), answers(401), session("two"), GOOD)


@pytest.mark.parametrize("play", [answers(503), answers(429), hangs_up])
def test_a_server_that_can_not_sign_in_now_is_lost(play: Play) -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(PeerLost):
            await ask(transport)
        assert (await ask(transport))[0] == 200
        assert credentials(peer) == ["AuthSession=one"]

    signed(work, play, session("one"), GOOD)


# --- secrets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "play",
    [
        hangs_up,
        is_silent,
        answers(503),
        answers(302, location="/"),
        raw(b"nonsense\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfive5"),
        session("c00kie"),
    ],
)
@pytest.mark.parametrize("first", [session("c00kie"), session(None)])
def test_no_secret_is_in_an_error_or_in_the_log(
    first: Play, play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        try:
            async with transport.request(
                "PUT", "/db", body=pieces(b"x"), length=1, idle_s=0.05, headers={"x-mine": "tok3n"}
            ) as reply:
                told = repr(reply) + repr(await whole(reply, 100))
        except PeerLost as lost:
            told = "".join(traceback.format_exception(lost)) + repr(lost) + lost.reason
        told += repr(transport) + str(transport) + caplog.text
        assert not [secret for secret in SECRETS if secret in told], told

    with_plays(work, first, play, auth=Auth("jan", "s3cr3t"), headers={"X-Other": "tok3n"})


def test_no_secret_of_a_proxy_is_in_an_error() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        proxy = peer.url.replace("http://", "http://jan:s3cr3t@")
        async with transport_to("https://other.invalid", proxy=proxy) as through:
            with pytest.raises(PeerLost) as lost:
                await ask(through)
            told = "".join(traceback.format_exception(lost.value))
            assert "the proxy answered 407" in told
            assert "s3cr3t" not in told
        assert peer.seen[0].headers["proxy-authorization"].startswith("Basic ")

    with_plays(work, answers(407))


@pytest.mark.parametrize("proxy", ["socks5://jan:s3cr3t@127.0.0.1:1080", "ftp://proxy"])
def test_a_proxy_of_another_kind_is_refused_at_once(proxy: str) -> None:
    async def run() -> None:
        with pytest.raises(NotImplementedHere) as refused:
            async with transport_to("http://127.0.0.1:1", proxy=proxy):
                pass
        assert "s3cr3t" not in refused.value.reason

    asyncio.run(run())


def test_a_request_that_is_cancelled_leaves_nothing_behind() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        before = asyncio.all_tasks()
        for body in (None, large()):
            length = None if body is None else len(LARGE)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await ask(transport, "PUT", body=body, length=length)
        while [task for task in asyncio.all_tasks() - before if "Scripted.serve" not in repr(task)]:
            await asyncio.sleep(0)

    with_plays(work, is_silent)
