"""A port is bound once, for one server; granian serves on it and closes it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from couchgrass.serving.listen import HttpServer, StartRefused, bind
from couchgrass.testing.ports import free_ports


def test_port_0_takes_a_free_one() -> None:
    with bind("127.0.0.1", 0) as first, bind("127.0.0.1", 0) as second:
        assert first.getsockname()[1] != second.getsockname()[1]


@pytest.mark.parametrize("shared", [False, True])
def test_a_port_is_never_shared(shared: bool) -> None:
    with bind("127.0.0.1", 0) as listener, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind(listener.getsockname())


def test_a_taken_port_is_refused_by_name() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(StartRefused) as refused:
            bind("127.0.0.1", port)
        assert refused.value.reason.startswith(f"Port {port} of 127.0.0.1 is taken")


def test_a_port_whose_connections_are_winding_up_is_free() -> None:
    # One that no connection of somebody else's is given meanwhile.
    with bind("127.0.0.1", free_ports(1)[0]) as listener:
        address = listener.getsockname()
        listener.setblocking(True)
        with socket.create_connection(address):
            accepted, _ = listener.accept()
            accepted.close()
    with bind(*address) as again:
        assert again.getsockname() == address


@pytest.mark.parametrize("host", ["192.0.2.1", "a..b", "x" * 300])
def test_a_host_that_is_not_here_is_refused_by_name(host: str) -> None:
    with pytest.raises(StartRefused) as refused:
        bind(host, 0)
    assert refused.value.reason.startswith(host)


def test_the_wildcard_of_ipv6_takes_both_kinds_of_clients() -> None:
    with bind("::", 0) as listener:
        for host in ("::1", "127.0.0.1"):
            socket.create_connection((host, listener.getsockname()[1])).close()


async def _answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Says what it was asked, once the body is whole."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": scope["path"][1:3].encode(), "more_body": False})


async def _whole(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(60):
        return await reader.read()


def test_stopping_lets_requests_end_and_closes_the_others() -> None:
    async def run() -> None:
        listener = bind("127.0.0.1", 0)
        address = listener.getsockname()
        server = HttpServer(_answer, listener)
        serving = asyncio.create_task(server.serve())
        idle, idle_out = await asyncio.open_connection(*address)
        idle_out.write(b"GET /id HTTP/1.1\r\nhost: x\r\n\r\n")
        assert await idle.readuntil(b"id") != b""
        silent, silent_out = await asyncio.open_connection(*address)
        busy, busy_out = await asyncio.open_connection(*address)
        busy_out.write(b"PUT /up HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        assert b"100 Continue" in await busy.readuntil(b"\r\n\r\n")
        server.stop()
        assert (await _whole(idle), await _whole(silent)) == (b"", b"")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        assert not serving.done()
        busy_out.write(b"ab")
        answer = await _whole(busy)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"\r\n\r\nup")
        await asyncio.wait_for(serving, 60)
        for out in (idle_out, silent_out, busy_out):
            out.close()

    asyncio.run(run())


def test_small_answers_are_sent_at_once() -> None:
    with bind("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        listener.setblocking(True)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
