"""A wire between real sockets: what is sent arrives whole and in order whatever happens to the wire; a cut
resets and refuses, a frozen wire says nothing, a slow one takes its time."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from couchgrass.drill.run.door import Door
from couchgrass.drill.run.relay import Relays, Wire, _Lane
from couchgrass.drill.wires import PIECE_BYTES_MAX, SOUND, Fault, Wires, wires_text, with_faults
from couchgrass.serving.listen import StartRefused, bind
from couchgrass.testing.ports import free_ports
from couchgrass.testing.sim_loop import run as simulated

LIMIT_S = 60.0
CUT, FROZEN = Fault(cut=True), Fault(freeze=True)

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.005)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends back what came, and after it a full stop."""
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
    writer.write(b".")
    writer.close()


@asynccontextmanager
async def server(talk: Talk = echo) -> AsyncIterator[int]:
    talks: set[asyncio.Task[None]] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            writer.close()

    running = await asyncio.start_server(served, "127.0.0.1", 0)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()
        for task in talks:
            task.cancel()
        if talks:
            await asyncio.wait(talks)


@asynccontextmanager
async def wired(talk: Talk = echo) -> AsyncIterator[tuple[Wire, int]]:
    """A wire to a server, and its port."""
    async with server(talk) as port:
        door = Door(0)
        wire = Wire("a->b", door, lambda: ("127.0.0.1", port))
        wire.open()
        try:
            yield wire, door.port
        finally:
            await wire.close()


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


async def sent_and_read(port: int, content: bytes) -> bytes:
    """All that comes back for it; a half-closed connection still receives."""
    reader, writer = await connect(port)
    writer.write(content)
    writer.write_eof()
    got = await reader.read()
    writer.close()
    return got


faults = st.one_of(
    st.just(SOUND),
    st.just(FROZEN),
    st.builds(Fault, delay_ms=st.integers(0, 20), bytes_per_s=st.none() | st.integers(2_000_000, 50_000_000)),
)


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(st.lists(faults, max_size=6), st.integers(0, 400_000), st.randoms(use_true_random=False))
def test_what_is_sent_arrives_whatever_the_wire_went_through(
    script: list[Fault], size: int, dice: object
) -> None:
    content = bytes(range(251)) * (size // 251 + 1)

    async def whole() -> None:
        async with wired() as (wire, port):
            asking = [asyncio.create_task(sent_and_read(port, content[n:])) for n in range(3)]
            for fault in script:
                await wire.set_fault(fault)
                await asyncio.sleep(0.002)
            await wire.set_fault(SOUND)
            async with asyncio.timeout(LIMIT_S):
                assert await asyncio.gather(*asking) == [content[n:] + b"." for n in range(3)]

    asyncio.run(whole())


async def _a_cut() -> None:
    async with wired() as (wire, port):
        reader, writer = await connect(port)
        writer.write(b"word")
        assert await reader.readexactly(4) == b"word"
        await wire.set_fault(CUT)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                await connect(port)
        await wire.set_fault(SOUND)
        assert await sent_and_read(port, b"again") == b"again."


def test_a_cut_resets_what_there_is_and_refuses_what_comes_until_it_is_healed() -> None:
    asyncio.run(_a_cut())


async def _a_cut_in_the_moment(turns: int) -> None:
    loop = asyncio.get_running_loop()
    complaints: list[object] = []
    loop.set_exception_handler(lambda _, told: complaints.append(told))
    async with wired() as (wire, port):
        for _ in range(3):
            await asyncio.sleep(0)  # it waits for somebody
        with socket.socket() as client:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
            for _ in range(turns):
                await asyncio.sleep(0)
            # As a task of its own, as when the file is followed: it comes before what the selector finds.
            await asyncio.gather(wire.set_fault(CUT))
            with pytest.raises(ConnectionResetError):
                async with asyncio.timeout(LIMIT_S):
                    await loop.sock_recv(client, 1)
    assert complaints == []


@pytest.mark.parametrize("turns", range(5))
def test_who_comes_in_the_moment_of_a_cut_is_reset_too(turns: int) -> None:
    asyncio.run(_a_cut_in_the_moment(turns))


async def _a_cut_of_a_full_lane() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with wired(deaf) as (wire, port):
        _, writer = await connect(port)
        writer.write(bytes(32 * 1024 * 1024))
        await asyncio.sleep(0.05)
        async with asyncio.timeout(LIMIT_S):
            await wire.set_fault(CUT)
            with pytest.raises(ConnectionError):
                await writer.drain()
        writer.close()


def test_a_cut_waits_for_nobody_who_does_not_read() -> None:
    asyncio.run(_a_cut_of_a_full_lane())


async def _frozen() -> None:
    async with wired() as (wire, port):
        reader, writer = await connect(port)
        writer.write(b"one")
        assert await reader.readexactly(3) == b"one"
        await wire.set_fault(FROZEN)
        writer.write(b"two")
        _, later = await connect(port)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await reader.readexactly(1)
        await wire.set_fault(SOUND)
        assert await reader.readexactly(3) == b"two"
        writer.close()
        later.close()


def test_a_frozen_wire_says_nothing_and_goes_on_where_it_was() -> None:
    asyncio.run(_frozen())


async def _took_s(fault: Fault, content: bytes) -> float:
    async with wired() as (wire, port):
        await wire.set_fault(fault)
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await sent_and_read(port, content) == content + b"."
        return loop.time() - began


def test_a_delay_is_each_ways() -> None:
    assert asyncio.run(_took_s(Fault(delay_ms=50), bytes(1_000_000))) >= 0.1


class Written:
    """A writer to nowhere."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ended = False

    def write(self, piece: bytes) -> None:
        self.pieces.append(piece)

    async def drain(self) -> None:
        """There is nothing to wait for."""

    def write_eof(self) -> None:
        self.ended = True


def test_a_delay_is_no_matter_of_size() -> None:
    async def given() -> float:
        door = Door(0)
        wire = Wire("a->b", door, lambda: None)
        await wire.set_fault(Fault(delay_ms=60_000))
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        for piece in (*[b"x" * PIECE_BYTES_MAX] * 50, b""):
            pieces.put_nowait((0.0, piece))
        written = Written()
        await wire._give(_Lane(), pieces, cast(asyncio.StreamWriter, written))
        assert (len(written.pieces), written.ended) == (50, True)
        door.close()
        return asyncio.get_running_loop().time()

    assert simulated(given) == 60.0


def test_a_bandwidth_is_kept() -> None:
    took_s = asyncio.run(_took_s(Fault(bytes_per_s=200_000), bytes(60_000)))
    assert took_s >= 0.2


async def _healed_of_slowness() -> None:
    async with wired() as (wire, port):
        await wire.set_fault(Fault(bytes_per_s=100, delay_ms=60_000))
        asking = asyncio.create_task(sent_and_read(port, bytes(100_000)))
        await asyncio.sleep(0.05)
        await wire.set_fault(SOUND)
        async with asyncio.timeout(LIMIT_S):
            assert len(await asking) == 100_001


def test_a_healed_wire_has_nothing_left_to_wait_for() -> None:
    asyncio.run(_healed_of_slowness())


async def _nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = unused.getsockname()
        for target in (lambda: gone, lambda: None):
            door = Door(0)
            wire = Wire("a->b", door, target)
            wire.open()
            reader, writer = await connect(door.port)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
            await wire.close()


def test_a_wire_to_nobody_resets() -> None:
    asyncio.run(_nobody_there())


async def _a_reset_is_passed_on() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        on = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, on)
        writer.transport.abort()

    async with wired(rude) as (_, port):
        reader, writer = await connect(port)
        writer.write(b"word")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


def test_a_reset_is_passed_on_as_one() -> None:
    asyncio.run(_a_reset_is_passed_on())


# --- all wires of a file


@asynccontextmanager
async def relayed(place: Path) -> AsyncIterator[Wires]:
    async with server() as port:
        ports = dict(zip(("a->b", "b->a"), free_ports(2), strict=True))
        known = Wires(ports)
        place.write_bytes(wires_text(known))
        relays = Relays(place, {name: lambda: ("127.0.0.1", port) for name in "ab"})
        relays.open(ports, lambda wire: wire[0])
        following = asyncio.create_task(relays.follow())
        try:
            yield known
        finally:
            following.cancel()
            await asyncio.wait({following})
            await relays.close()


async def refuses(port: int) -> bool:
    try:
        _, writer = await connect(port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def until_refuses(port: int, *, wanted: bool = True) -> None:
    async with asyncio.timeout(LIMIT_S):
        while await refuses(port) is not wanted:
            await asyncio.sleep(0.01)


async def _followed(place: Path) -> None:
    async with relayed(place) as known:
        there, back = known.ports.values()
        place.write_bytes(wires_text(with_faults(known, {"a->b": CUT})))
        await until_refuses(there)
        assert await sent_and_read(back, b"still") == b"still."
        place.write_bytes(b'{"ports": {"a->b"')
        await asyncio.sleep(0.15)
        assert await refuses(there)
        place.write_bytes(wires_text(known))
        await until_refuses(there, wanted=False)
        assert await sent_and_read(there, b"healed") == b"healed."


def test_the_file_is_followed_and_half_of_one_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.run(_followed(tmp_path / "wires.json"))
    assert "is not done" in caplog.text


async def _taken(place: Path) -> None:
    (first,) = free_ports(1)
    with bind("127.0.0.1", 0) as taken:
        second = taken.getsockname()[1]
        relays = Relays(place, {name: lambda: None for name in "ab"})
        with pytest.raises(StartRefused, match=f"Port {second} of 127.0.0.1 is taken"):
            relays.open({"a->b": first, "b->a": second}, lambda wire: wire[0])
        bind("127.0.0.1", first).close()


def test_a_taken_port_is_said_and_none_is_listened_on(tmp_path: Path) -> None:
    asyncio.run(_taken(tmp_path / "wires.json"))
