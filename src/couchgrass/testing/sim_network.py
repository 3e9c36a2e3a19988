"""The simulated machines and what lies between them.

A request is a flight of its own: whoever sent it may be killed, the request still arrives. A cut holds
messages of one direction back (TCP sends them again) until it heals or their sender's patience ends, so a
write can have happened although its answer never came, and can happen late.

A node that crashes loses what was not on its disk, and all flights to it; its next life is another `life`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from couchgrass.errors import CouchgrassError, NotFound, PeerLost
from couchgrass.testing.sim_database import SimDatabase, State
from couchgrass.testing.sim_loop import SimClock, SimLoop

T = TypeVar("T")

PATIENCE_S = 20.0
"""How long a caller waits for an answer, and a message for a cut to heal."""

REFUSALS = ("429 too_many_requests", "503 service unavailable", "502 bad gateway")


class Node:
    """A machine with databases. `fsync_s` bounds how long a write waits for the disk."""

    def __init__(self, loop: SimLoop, name: str, *, clock: SimClock | None = None, fsync_s: float = 0.01):
        self.loop = loop
        self.name = name
        self.clock = clock or SimClock(loop)
        self.fsync_s = fsync_s
        self.up = True
        self.life = 0
        self.created = 0
        self.databases: dict[str, SimDatabase] = {}
        self.flights: dict[int, asyncio.Task[None]] = {}
        self._bell = asyncio.Event()

    def create(self, name: str) -> SimDatabase:
        """Makes a database, or finds it. Each one made has a uuid of its own."""
        if name not in self.databases:
            self.created += 1
            uuid = f"{self.name}{self.created}{self.loop.random.getrandbits(32):08x}"
            keeps = self.loop.random.random() < 0.5
            self.databases[name] = SimDatabase(name, uuid, created=f"{self.created}", keeps_replaced=keeps)
        return self.databases[name]

    def delete(self, name: str) -> None:
        """Takes a database away with all that is in it."""
        self.databases.pop(name, None)
        self.ring()

    def database(self, name: str) -> SimDatabase:
        """Raises NotFound."""
        found = self.databases.get(name)
        if found is None:
            raise NotFound("Database does not exist.")
        return found

    async def write(self, name: str, operation: Callable[[SimDatabase], T]) -> T:
        """Runs a writing operation. What it returns is answered when it is on the disk, and readers see it
        from then on; a crash before that leaves nothing of it."""
        await asyncio.sleep(self.loop.random.uniform(0.1, 1) * self.fsync_s)
        database = self.database(name)
        outcome = operation(database)
        database.sync()
        self.ring()
        return outcome

    def ring(self) -> None:
        """Wakes the feeds."""
        self._bell.set()
        self._bell = asyncio.Event()

    async def wait(self, timeout_s: float) -> bool:
        """Until something changes here; False when nothing did for so long."""
        bell = self._bell
        try:
            async with asyncio.timeout(timeout_s):
                await bell.wait()
        except TimeoutError:
            return False
        return True

    def crash(self) -> None:
        """kill -9 and power loss at once."""
        self.up = False
        self.life += 1
        for flight in list(self.flights.values()):
            flight.cancel()
        for database in self.databases.values():
            database.crash()
        self.ring()

    def restart(self, backup: dict[str, State] | None = None) -> None:
        """Comes up again, with these databases as they were in a backup."""
        for name, state in (backup or {}).items():
            self.databases[name].restore(state)
        self.up = True
        self.ring()


class Network:
    """What carries requests. `trouble` is the chance that a server can't do it now, or a body is cut."""

    def __init__(self, loop: SimLoop, *, latency_s: float = 0.02, trouble: float = 0.0) -> None:
        self.loop = loop
        self.latency_s = latency_s
        self.trouble = trouble
        self.nodes: dict[str, Node] = {}
        self.cuts: set[tuple[str, str]] = set()
        self.trace: list[str] = []
        self._changed = asyncio.Event()
        self._count = 0

    def add(self, name: str, *, clock: SimClock | None = None) -> Node:
        node = self.nodes[name] = Node(self.loop, name, clock=clock)
        return node

    def note(self, what: str) -> None:
        """One line of the simulation's log."""
        self.trace.append(f"{self.loop.time():.6f} {what}")

    def cut(self, origin: str, destination: str) -> None:
        """Nothing goes from `origin` to `destination` any more."""
        self.cuts.add((origin, destination))

    def heal(self, origin: str, destination: str) -> None:
        self.cuts.discard((origin, destination))
        self._changed.set()
        self._changed = asyncio.Event()

    def unlucky(self) -> bool:
        """Throws the dice of `trouble`."""
        return self.trouble > 0 and self.loop.random.random() < self.trouble

    async def travel(self, origin: str, destination: str, patience_s: float = PATIENCE_S) -> None:
        """One message's way. Raises PeerLost when it is held back for too long."""
        if origin != destination:
            await asyncio.sleep(self.loop.random.uniform(0.1, 1) * self.latency_s)
        try:
            async with asyncio.timeout(patience_s):
                while (origin, destination) in self.cuts:
                    await self._changed.wait()
        except TimeoutError:
            raise PeerLost(f"no way from {origin} to {destination}") from None

    async def ask(self, caller: str, home: Node, what: str, serve: Callable[[], Awaitable[T]]) -> T:
        """Sends a request and waits for its answer. Raises PeerLost, and what the server refuses it with."""
        reply: asyncio.Future[T] = self.loop.create_future()
        self._count += 1
        number = self._count
        flight = self.loop.create_task(self._fly(caller, home, what, serve, reply))
        home.flights[number] = flight
        flight.add_done_callback(lambda _: home.flights.pop(number, None))
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await reply
        except TimeoutError:
            raise PeerLost(f"{home.name} did not answer in {PATIENCE_S:g} s") from None

    async def _fly(
        self,
        caller: str,
        home: Node,
        what: str,
        serve: Callable[[], Awaitable[T]],
        reply: asyncio.Future[T],
    ) -> None:
        life = home.life
        answer: T | None = None
        lost: CouchgrassError | None = None
        try:
            await self.travel(caller, home.name)
            if not home.up or home.life != life:
                raise PeerLost(f"{home.name} is down", is_down=True)
            if self.unlucky():
                raise PeerLost(self.loop.random.choice(REFUSALS))
            try:
                answer = await serve()
            except CouchgrassError as refused:
                lost = refused
            self.note(f"{caller}>{home.name} {what} {type(lost).__name__ if lost else 'ok'}")
            if self.unlucky():
                raise PeerLost("the answer was cut")
            await self.travel(home.name, caller)
        except PeerLost as gone:
            lost = gone
        except asyncio.CancelledError:
            # The node crashed: its kernel resets the connection.
            lost = PeerLost(f"{home.name} went away")
        if reply.done():
            return
        if lost is not None:
            reply.set_exception(lost)
        else:
            reply.set_result(answer)  # type: ignore[arg-type]
