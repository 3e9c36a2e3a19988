"""The wires between regions: relays of TCP that can be cut, frozen and slowed while they run.

`Wire` is one of them. Each connection has two lanes, one a direction; a lane's bytes wait in a bounded queue
until they are due, so that a slow wire slows its sender down and fills no memory. What arrives is what was
sent, in order, whatever the faults were meanwhile; only a cut loses something, and then the connection is
reset, as it is when one side resets it. A side that only ends what it sends can still receive.

`Relays` runs all wires of a file and follows its faults. A wire that is cut keeps its port, but nobody
listens there, so connections are refused as by a site that is gone.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from asyncio.trsock import TransportSocket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from couchgrass.drill.run.door import Door
from couchgrass.drill.wires import PIECE_BYTES_MAX, SOUND, Fault, Wires, WiresRefused, read_wires
from couchgrass.serving.listen import Named

log = logging.getLogger("couchgrass")

PIECES_MAX: Final = 64
"""In a lane's queue, 4 MiB: what a wire with 100 ms and 40 MB/s has under way."""

CONNECTIONS_MAX: Final = 500
"""Of a wire; more wait in the backlog."""

CONNECT_S: Final = 5.0
LOOK_S: Final = 0.05
"""How often the file is looked at."""

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: on, for 0 s; closing then resets."""

Address = tuple[str, int]


_Pieces = asyncio.Queue[tuple[float, bytes]]
"""What came, and when."""


class _Lane:
    """One direction of a wire: its connections share the bandwidth."""

    def __init__(self) -> None:
        self.free_at = 0.0


class Wire:
    """One wire: whoever comes to its door is connected to `target()`, None while that is not known."""

    def __init__(self, name: str, door: Door, target: Callable[[], Address | None]) -> None:
        self.name = name
        self._door = door
        self._target = target
        self._fault = SOUND
        self._changed = asyncio.Event()
        self._there, self._back = _Lane(), _Lane()
        self._connections: set[asyncio.Task[None]] = set()
        self._accepting: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begins to take connections."""
        if self._accepting is None:
            self._accepting = asyncio.create_task(self._accept(self._door.open()))

    async def set_fault(self, fault: Fault) -> None:
        """What is wrong with the wire from now on; returns when it is so."""
        was, self._fault = self._fault, fault
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        if fault.cut and not was.cut:
            await self._close_door()
            await self._reset_all()
        elif was.cut and not fault.cut:
            self.open()

    async def close(self) -> None:
        """Resets what there is and lets the port go."""
        await self._close_door()
        await self._reset_all()
        self._door.close()

    async def _close_door(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait({self._accepting})
            self._accepting = None
            self._door.shut()

    async def _reset_all(self) -> None:
        for connection in self._connections:
            connection.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            if self._fault.freeze:
                await self._changed.wait()
                continue
            if len(self._connections) >= CONNECTIONS_MAX:
                await asyncio.wait(self._connections, return_when=asyncio.FIRST_COMPLETED)
                continue
            try:
                taken, _ = listener.accept()
            except BlockingIOError:
                await _readable(listener)
                continue
            except OSError as refused:
                # No file descriptor is left, say: what waits is taken when there is one.
                log.warning("wire %s takes no connection: %s", self.name, refused)
                await asyncio.sleep(LOOK_S)
                continue
            connection = asyncio.create_task(self._carry(taken))
            self._connections.add(connection)
            connection.add_done_callback(self._connections.discard)

    async def _carry(self, taken: socket.socket) -> None:
        """One connection, to its end."""
        taken.setblocking(False)
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            reader, writer = await asyncio.open_connection(sock=taken, limit=PIECE_BYTES_MAX)
        except asyncio.CancelledError:
            # Cut in its first moment; it is being closed, and is to end as all others do.
            _reset_when_closed(taken)
            raise
        far: asyncio.StreamWriter | None = None
        whole = False
        try:
            target = self._target()
            if target is None:
                return
            async with asyncio.timeout(CONNECT_S):
                far_reader, far = await asyncio.open_connection(*target, limit=PIECE_BYTES_MAX)
            far.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.TaskGroup() as lanes:
                for lane, one, other in ((self._there, reader, far), (self._back, far_reader, writer)):
                    pieces = _Pieces(PIECES_MAX)
                    lanes.create_task(self._take(one, pieces))
                    lanes.create_task(self._give(lane, pieces, other))
            whole = True
        except* OSError as lost:
            log.debug("wire %s: a connection is lost: %s", self.name, lost)
        finally:
            for end in (writer, far):
                if end is not None:
                    _close(end, whole=whole)

    async def _take(self, reader: asyncio.StreamReader, pieces: _Pieces) -> None:
        """An empty piece is the end of what the sender sends."""
        now = asyncio.get_running_loop().time
        while piece := await reader.read(PIECE_BYTES_MAX):
            await pieces.put((now(), piece))
        await pieces.put((now(), b""))

    async def _give(self, lane: _Lane, pieces: _Pieces, writer: asyncio.StreamWriter) -> None:
        now = asyncio.get_running_loop().time
        while True:
            came_at, rest = await pieces.get()
            await self._until_due(came_at, lane)
            if not rest:
                writer.write_eof()
                return
            while rest:
                await self._until_due(came_at, lane)
                size = self._fault.piece_bytes
                piece, rest = rest[:size], rest[size:]
                lane.free_at = max(now(), lane.free_at) + self._fault.taken_s(len(piece))
                writer.write(piece)
                await writer.drain()

    async def _until_due(self, came_at: float, lane: _Lane) -> None:
        """Looks again when the fault is another one: what is healed has nothing left to wait for."""
        now = asyncio.get_running_loop().time
        while True:
            fault, changed = self._fault, self._changed
            due_at = came_at + fault.delay_s
            if fault.bytes_per_s is not None:
                due_at = max(due_at, lane.free_at)
            left_s = None if fault.freeze else due_at - now()
            if left_s is not None and left_s <= 0:
                return
            try:
                await asyncio.wait_for(changed.wait(), left_s)
            except TimeoutError:
                continue


def _close(writer: asyncio.StreamWriter, *, whole: bool) -> None:
    if whole:
        writer.close()
        return
    _reset_when_closed(writer.get_extra_info("socket"))
    writer.transport.abort()


def _reset_when_closed(end: socket.socket | TransportSocket) -> None:
    # One that the other side has reset may take no option any more.
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    except OSError:
        pass


async def _readable(listener: socket.socket) -> None:
    """Waits until somebody comes. What asyncio itself accepts is lost, unclosed, when the wait for it is
    cancelled in the same turn of the loop."""
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    loop.add_reader(listener, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(listener)


class Relays:
    """All wires of the file at `place`, which is followed. `targets`: each region's database."""

    def __init__(self, place: Path, targets: Mapping[str, Callable[[], Address | None]]) -> None:
        self._place = place
        self._targets = targets
        self._wires: dict[str, Wire] = {}
        self._seen: tuple[int, int, int] | None = None
        self._told = ""

    def open(self, ports: Mapping[str, int], source_of: Callable[[str], str]) -> None:
        """Listens on all ports. Raises StartRefused; then on none."""
        doors: dict[str, Door] = {}
        try:
            for wire, port in ports.items():
                doors[wire] = Door(port, Named(port=f"ports of {self._place}, {wire}"))
        except BaseException:
            for door in doors.values():
                door.close()
            raise
        for wire, door in doors.items():
            self._wires[wire] = Wire(wire, door, self._targets[source_of(wire)])
            self._wires[wire].open()

    async def follow(self) -> None:
        """Does what the file says, from now on."""
        while True:
            if (seen := self._look()) != self._seen:
                self._seen = seen
                await self._obey()
            await asyncio.sleep(LOOK_S)

    async def close(self) -> None:
        """Ends all of them."""
        await _all(wire.close() for wire in self._wires.values())

    def _look(self) -> tuple[int, int, int] | None:
        try:
            stat = self._place.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ino, stat.st_size

    async def _obey(self) -> None:
        try:
            told = read_wires(self._place.read_bytes(), str(self._place))
        except FileNotFoundError:
            told = Wires()
        except (OSError, WiresRefused) as bad:
            # Half written by hand: what was true before goes on.
            if str(bad) != self._told:
                log.warning("what the wires' file says is not done: %s", bad)
            self._told = str(bad)
            return
        self._told = ""
        await _all(wire.set_fault(told.fault(name)) for name, wire in self._wires.items())


async def _all(work: Iterable[Awaitable[None]]) -> None:
    await asyncio.gather(*work)
