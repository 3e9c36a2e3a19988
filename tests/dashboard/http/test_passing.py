"""Requests and answers that go through, as they come, and what is said when they don't."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import pytest

from couchgrass import json
from couchgrass.couch.server import CouchServer
from couchgrass.serving.asgi import Answer, Request
from couchgrass.testing.listening import listening
from couchgrass.testing.server import ServerProcess
from tests.dashboard.http.site import OWN, Echo, pieces_of, run, site

MB = 1024 * 1024


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_goes_through_in_pieces(chunked: bool) -> None:
    async def work() -> None:
        echo = Echo()
        async with listening(echo) as url, site(url) as dashboard:
            body = pieces_of(*[b"x" * MB] * 30) if chunked else io.BytesIO(b"x" * (30 * MB))
            status, told, _ = await dashboard.ask("PUT", "/couch/db/doc/big", body)
            assert (status, told["bytes"]) == (200, 30 * MB)
            length = None if chunked else str(30 * MB)
            assert told["headers"].get("content-length") == length

    run(work)


def test_a_body_of_http_2_needs_no_header_that_tells_of_it() -> None:
    async def work() -> None:
        echo = Echo()
        parts = [{"body": b"a body", "more_body": True}, {"body": b"", "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not parts:
                await asyncio.Event().wait()
            return {"type": "http.request", **parts.pop(0)}

        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "http_version": "2", "method": "POST", "raw_path": b"/couch/db"}
        headers = [(name.encode(), value.encode()) for name, value in OWN.items()]
        async with listening(echo) as url, site(url) as dashboard:
            await dashboard.app({**scope, "query_string": b"", "headers": headers}, receive, send)
        told = json.decode(b"".join(message.get("body", b"") for message in sent))
        assert told["bytes"] == len(b"a body")

    run(work)


def test_a_body_that_breaks_off_is_never_taken_for_whole() -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield b"x" * MB
        raise OSError

    async def work() -> None:
        echo = Echo()
        async with listening(echo) as url, site(url) as dashboard:
            with pytest.raises((aiohttp.ClientError, OSError)):
                await dashboard.ask("PUT", "/couch/db/doc/big", broken())
            await echo.gone.wait()

    run(work)


def test_a_large_answer_comes_in_pieces_and_whole() -> None:
    async def large(request: Request) -> Answer:
        return Answer(200, headers=[(b"x-mine", b"1")], pieces=pieces_of(*[b"y" * MB] * 30))

    async def work() -> None:
        async with listening(Echo(large)) as url, site(url) as dashboard:
            _, text, headers = await dashboard.ask("GET", "/couch/db")
            assert (len(text), headers["x-mine"]) == (30 * MB, "1")
            assert dashboard.passing.under_way == 0

    run(work)


@pytest.mark.parametrize("framing", [b"content-length: 100", b"transfer-encoding: chunked"])
def test_an_answer_that_breaks_off_is_seen_to_break_off(framing: bytes) -> None:
    async def work() -> None:
        seen = asyncio.Event()

        async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n4\r\nhalf\r\n")
            try:
                await seen.wait()
            finally:
                writer.close()

        upstream = await asyncio.start_server(half, "127.0.0.1", 0)
        port = upstream.sockets[0].getsockname()[1]
        async with (
            upstream,
            site(f"http://127.0.0.1:{port}") as dashboard,
            dashboard.session.get(f"{dashboard.url}/couch/db", headers=OWN) as answer,
        ):
            assert b"half" in await answer.content.readany()
            seen.set()
            with pytest.raises(aiohttp.ClientError):
                await answer.content.read()

    run(work)


def test_a_feed_comes_row_by_row_and_ends_with_its_client() -> None:
    async def work() -> None:
        more, gone = asyncio.Event(), asyncio.Event()

        async def rows() -> AsyncGenerator[bytes, None]:
            try:
                yield b"first\n"
                await more.wait()
                yield b"second\n"
                await asyncio.Event().wait()
            finally:
                gone.set()

        async def feed(request: Request) -> Answer:
            return Answer(200, pieces=rows())

        async with listening(Echo(feed)) as url, site(url, answer_s=0.2) as dashboard:
            path = f"{dashboard.url}/couch/db/_changes?feed=continuous"
            async with dashboard.session.get(path, headers=OWN) as answer:
                assert await answer.content.readline() == b"first\n"
                more.set()
                assert await answer.content.readline() == b"second\n"
            await gone.wait()

    run(work)


def test_a_feed_that_is_silent_has_begun() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        try:
            await reader.read()
        finally:
            writer.close()

    async def work() -> None:
        upstream = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = upstream.sockets[0].getsockname()[1]
        async with upstream, site(f"http://127.0.0.1:{port}") as dashboard:
            path = f"{dashboard.url}/couch/db/_changes?feed=continuous"
            async with dashboard.session.get(path, headers=OWN) as answer:
                assert answer.status == 200

    run(work)


def test_a_request_that_nobody_waits_for_is_given_up() -> None:
    async def work() -> None:
        begun = asyncio.Event()

        async def never(request: Request) -> Answer:
            begun.set()
            await request.gone()
            echo.gone.set()
            return Answer(200)

        echo = Echo(never)
        async with listening(echo) as url, site(url) as dashboard:
            asking = asyncio.ensure_future(dashboard.ask("GET", "/couch/db/_design/x/_view/y"))
            await begun.wait()
            asking.cancel()
            await echo.gone.wait()

    run(work)


def test_feeds_end_when_the_server_is_told_to_stop() -> None:
    async def work() -> None:
        async def rows() -> AsyncGenerator[bytes, None]:
            yield b"first\n"
            await asyncio.Event().wait()

        async def feed(request: Request) -> Answer:
            return Answer(200, pieces=rows())

        async with listening(Echo(feed)) as url, site(url) as dashboard:
            path = f"{dashboard.url}/couch/db/_changes?feed=continuous"
            async with dashboard.session.get(path, headers=OWN) as answer:
                assert await answer.content.readline() == b"first\n"
                dashboard.app.draining = True
                assert await answer.content.read() == b""

    run(work)


def test_a_server_that_is_not_there_is_named() -> None:
    async def work() -> None:
        async with site("http://127.0.0.1:1", functions="http://127.0.0.1:1") as dashboard:
            status, told, headers = await dashboard.ask("GET", "/couch/db")
            reason = "the database of london does not answer: connection refused"
            assert (status, told) == (502, {"error": "no_answer", "reason": reason})
            assert "sandbox" in headers["content-security-policy"]
            _, told, _ = await dashboard.ask("GET", "/functions/api/v1")
            assert told["reason"].startswith("the functions server of london does not answer")
            _, told, _ = await dashboard.ask("GET", "/gateway/x")
            assert told["reason"] == "the gateway of london does not answer: it does not run"

    run(work)


def test_a_server_that_is_silent_is_late() -> None:
    async def silent(request: Request) -> Answer:
        await request.gone()
        return Answer(200)

    async def work() -> None:
        async with listening(Echo(silent)) as url, site(url, answer_s=0.1) as dashboard:
            status, told, _ = await dashboard.ask("GET", "/couch/db")
            assert (status, told["error"]) == (504, "no_answer_in_time")
            assert told["reason"].startswith("the database of london did not answer within")

    run(work)


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_has_none(status: int) -> None:
    async def empty(request: Request) -> Answer:
        return Answer(status, headers=[(b"etag", b'"1"')])

    async def work() -> None:
        async with listening(Echo(empty)) as url, site(url) as dashboard:
            found, text, headers = await dashboard.ask("GET", "/couch/db")
            assert (found, text, headers["etag"]) == (status, "", '"1"')

    run(work)


def test_head_and_copy_go_through(couch_server: ServerProcess, db_name: str) -> None:
    async def work() -> None:
        async with CouchServer(couch_server.url, couch_server.user, couch_server.password) as couch:
            await couch.ask("PUT", f"/{db_name}")
            await couch.ask("PUT", f"/{db_name}/a", body={"x": 1})
        login = aiohttp.encode_basic_auth(couch_server.user, couch_server.password)
        async with site(couch_server.url) as dashboard:
            status, text, headers = await dashboard.ask("HEAD", f"/couch/{db_name}/a", authorization=login)
            assert (status, text) == (200, "") and int(headers["content-length"]) > 10
            copied = await dashboard.ask(
                "COPY", f"/couch/{db_name}/a", authorization=login, destination="b%2Fc"
            )
            assert copied[0] == 201
            assert (await dashboard.ask("GET", f"/couch/{db_name}/b%2Fc", authorization=login))[0] in (
                200,
                404,
            )

    run(work)
