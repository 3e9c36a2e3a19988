"""The looks at real servers: what they tell when all is well, and when it is not."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from couchgrass import json
from couchgrass.agent.readiness import Answered, Check, Event, Failed, Pace, Slow
from couchgrass.agent.run.asked import Asked
from couchgrass.agent.run.checks import DatabasePart, FunctionsPart, Part, look_after
from couchgrass.errors import CouchgrassError
from couchgrass.linking.address import Address
from couchgrass.linking.security import ADMINS_ONLY
from couchgrass.serving.asgi import Answer, Request
from couchgrass.serving.inner import bearer, json_answer
from couchgrass.testing.call import call
from couchgrass.testing.listening import listening
from couchgrass.testing.server import ServerProcess
from tests.agent.run.peer import Peer

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: on, for 0 s; closing then resets."""

OFTEN = Pace(up_every_s=0.01, work_every_s=0.01, up_limit_s=60.0, work_limit_s=60.0)
SELDOM = Pace(up_every_s=600.0, work_every_s=600.0, up_limit_s=60.0, work_limit_s=60.0)


class Ear:
    """What is told. `until` waits for it."""

    def __init__(self) -> None:
        self.told: list[Event] = []

    async def until(self, *wanted: Event) -> None:
        """Whatever the answers took."""
        while not set(wanted) <= {
            msgspec.structs.replace(one, took_s=0.0) if isinstance(one, Answered) else one
            for one in self.told
        }:
            await asyncio.sleep(0.002)


@asynccontextmanager
async def looking(part: Part, pace: Pace) -> AsyncIterator[Ear]:
    ear = Ear()
    task = asyncio.create_task(look_after(part, pace, ear.told.append))
    try:
        async with asyncio.timeout(90):
            yield ear
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def run(work: Callable[[Asked], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with Asked() as asked:
            await work(asked)

    asyncio.run(whole())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("checks"))
    process.start()
    yield process
    if process.process is not None and process.process.poll() is None:
        process.stop()


def reach(server: ServerProcess) -> Address:
    return Address(server.url, server.user, server.password)


def signed(server: ServerProcess) -> str:
    return server.url.replace("://", f"://{server.user}:{server.password}@")


def test_a_database_takes_writes_that_leave_no_document(server: ServerProcess) -> None:
    async def work(asked: Asked) -> None:
        async with looking(DatabasePart(asked, lambda: reach(server)), OFTEN) as ear:
            await ear.until(Answered(Check.DATABASE_UP), Answered(Check.DATABASE_WRITE))
            call(signed(server), "DELETE", "/couchgrass_health")  # it is made again
            ear.told.clear()
            # An answer may be on its way that was given before.
            while call(signed(server), "GET", "/couchgrass_health").status != 200:
                await asyncio.sleep(0.002)
            before = list(ear.told)
            ear.told.clear()
            await ear.until(Answered(Check.DATABASE_WRITE))
            assert all(isinstance(told, Answered) for told in (*before, *ear.told)), (before, ear.told)

    run(work)
    info = call(signed(server), "GET", "/couchgrass_health").json()
    assert (info["doc_count"], info["update_seq"].partition("-")[0]) == (0, "0")
    assert call(signed(server), "GET", "/couchgrass_health/_security").json() == ADMINS_ONLY


def test_a_killed_process_is_noticed_before_it_is_looked_at_again(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "killed")
    server.start()

    async def work(asked: Asked) -> None:
        async with looking(DatabasePart(asked, lambda: reach(server)), SELDOM) as ear:
            await ear.until(Answered(Check.DATABASE_UP), Answered(Check.DATABASE_WRITE))
            await asyncio.to_thread(server.kill)
            both = {Check.DATABASE_UP, Check.DATABASE_WRITE}
            # Refused, or reset by a socket that is just being closed.
            while not both <= {one.check for one in ear.told if isinstance(one, Failed)}:
                await asyncio.sleep(0.002)

    run(work)


def test_a_wire_that_is_reset_has_all_look_again() -> None:
    async def work(asked: Asked) -> None:
        wires: list[asyncio.StreamWriter] = []

        async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            wires.append(writer)
            with suppress(asyncio.IncompleteReadError, OSError):
                while True:
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

        server = await asyncio.start_server(taken, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, looking(DatabasePart(asked, lambda: Address(url)), SELDOM) as ear:
            await ear.until(Answered(Check.DATABASE_UP), Answered(Check.DATABASE_WRITE))
            while len(wires) < 3:  # two looks, and the wire
                await asyncio.sleep(0.002)
            ear.told.clear()
            server.close()
            for wire in wires:
                wire.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                wire.transport.abort()
            both = {Check.DATABASE_UP, Check.DATABASE_WRITE}
            # Refused, or reset by a socket that is just being closed.
            while not both <= {one.check for one in ear.told if isinstance(one, Failed)}:
                await asyncio.sleep(0.002)

    run(work)


def test_a_database_that_refuses_is_told_with_its_reason() -> None:
    async def respond(request: Request) -> Answer:
        if request.raw_path == b"/_up":
            return json_answer(404, {"status": "maintenance_mode"})
        return json_answer(507, {"error": "x", "reason": "the disk is full"})

    async def work(asked: Asked) -> None:
        async with (
            listening(Peer(respond)) as url,
            looking(DatabasePart(asked, lambda: Address(url)), OFTEN) as ear,
        ):
            await ear.until(
                Failed(Check.DATABASE_UP, "it says that it is not up: 404 maintenance_mode"),
                Failed(Check.DATABASE_WRITE, "it takes no write: 507 the disk is full"),
            )

    run(work)


def test_a_server_that_hangs_is_slow_and_one_that_nobody_knows_fails() -> None:
    async def respond(request: Request) -> Answer:
        await request.gone()
        return Answer(200)

    def unknown() -> Address:
        raise CouchgrassError("it never ran")

    async def work(asked: Asked) -> None:
        quick = Pace(up_every_s=0.01, work_every_s=0.01, up_limit_s=0.05, work_limit_s=0.05)
        async with (
            listening(Peer(respond)) as url,
            looking(DatabasePart(asked, lambda: Address(url)), quick) as ear,
        ):
            await ear.until(Slow(Check.DATABASE_UP), Slow(Check.DATABASE_WRITE))
        async with looking(DatabasePart(asked, unknown), OFTEN) as ear:
            await ear.until(Failed(Check.DATABASE_UP, "it never ran"))

    run(work)


def test_functions_are_asked_for_their_canary_with_the_secret() -> None:
    songs = iter([(200, ""), (503, "no action could be run")])

    async def respond(request: Request) -> Answer:
        if request.method == "GET":
            return Answer(200, b"pong")
        assert request.header(b"authorization") == bearer("s")
        assert await request.body(1) == b""
        status, error = next(songs, (404, ""))
        return Answer(status, json.encode({"ok": not error, "error": error}))

    async def work(asked: Asked) -> None:
        async with (
            listening(Peer(respond)) as url,
            looking(FunctionsPart(asked, lambda: url, "s"), OFTEN) as ear,
        ):
            await ear.until(
                Answered(Check.FUNCTIONS_UP),
                Answered(Check.FUNCTIONS_CANARY),
                Failed(Check.FUNCTIONS_CANARY, "no action could be run"),
                Failed(Check.FUNCTIONS_CANARY, "answered 404"),
            )

    run(work)


def test_of_functions_elsewhere_an_answer_is_all_that_is_asked() -> None:
    async def respond(_: Request) -> Answer:
        return Answer(401)

    async def work(asked: Asked) -> None:
        peer = Peer(respond)
        async with listening(peer) as url, looking(FunctionsPart(asked, lambda: url, None), OFTEN) as ear:
            await ear.until(Answered(Check.FUNCTIONS_UP), Answered(Check.FUNCTIONS_CANARY))
        assert set(peer.asked) == {"GET /api/v1"}

    run(work)
