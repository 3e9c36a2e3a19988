"""A region's links, kept for as long as its agent runs.

    the region's own database ─┐ Watch: answers? which databases?
    each other region's ───────┘   │ heard
                                   ▼
    one look a second: the scheduler, and the jobs' documents when they changed
                                   │ something changed, or every SWEEP_S
                                   ▼
    a lane for each region that this one copies from: look, plan, apply

Peers that are down stop nothing but their own lane. `seen` is from memory.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Final

from couchgrass.agent.jobs import Link as Wanted
from couchgrass.agent.jobs import job_id
from couchgrass.agent.plan import strays
from couchgrass.agent.readiness import Looked
from couchgrass.agent.run.apply import Applier, Place
from couchgrass.agent.run.lane import Lane
from couchgrass.agent.run.own import Own
from couchgrass.agent.run.stock import Stock
from couchgrass.agent.run.watch import Reach, Watch
from couchgrass.agent.seen import Link
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import CouchgrassError
from couchgrass.gateway.idempotency import is_over
from couchgrass.linking.job import Side
from couchgrass.topology.config import Topology
from couchgrass.topology.links import Wishes, is_expired, shared_apps

log = logging.getLogger("couchgrass.agent")

LOOK_S: Final = 1.0
LOOK_SHARE: Final = 8
"""A look may take one part of so many of the time: with thousands of jobs it is had less often."""

SWEEP_S: Final = 5.0
GAP_S: Final = 0.05
"""What happens within this time is looked at together."""

EXPIRE_S: Final = 600.0


class Links:
    """The links into `region`. `reach` says, for each region of the topology, where its database is now."""

    def __init__(self, topology: Topology, region: str, reach: Mapping[str, Reach]) -> None:
        self._region = region
        self._wishes = Wishes(topology)
        self._jobs = Own()
        self._woken = asyncio.Event()
        self._own = Watch(region, Side.B, reach[region], self._heard)
        peers = [Watch(name, Side.A, reach[name], self._heard) for name in self._wishes.into(region)]
        self._lanes = [Lane(self._wishes, peer, self._own, self._jobs) for peer in peers]
        self._stock = Stock(shared_apps(topology, region), self._own, peers)
        self._lanes_woken = {lane.way: asyncio.Event() for lane in self._lanes}
        self._swept: set[object] = set()
        self._seen: tuple[Link, ...] | None = None
        self._looked_at: float | None = None
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until `close`, or until it is cancelled."""
        self._task = asyncio.current_task()
        watches = [self._own, *(lane.peer for lane in self._lanes)]
        async with asyncio.TaskGroup() as tasks:
            for watch in watches:
                tasks.create_task(watch.run())
            tasks.create_task(self._look_for_ever())
            tasks.create_task(self._expire_for_ever())
            for lane in self._lanes:
                tasks.create_task(self._keep(lane))

    async def close(self) -> None:
        """Ends `run`, wherever it is awaited. The links go on without us."""
        task = self._task
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task})

    @property
    def is_known(self) -> bool:
        """Since the start the own database was looked at, and each other region's was reached and planned
        for, or found out of reach: before that, `seen` may lack links."""
        return self._jobs.docs is not None and all(
            lane.peer.asked and (lane.peer.server is None or lane.way in self._swept) for lane in self._lanes
        )

    @property
    def peers(self) -> frozenset[str]:
        """The regions that this one copies from."""
        return frozenset(lane.way.source for lane in self._lanes)

    def look(self) -> Looked | None:
        """What the last look at the own database's jobs found; None before there was one."""
        if self._looked_at is None:
            return None
        there = [lane for lane in self._lanes if lane.peer.server is not None]
        unknown = [
            lane for lane in there if lane.way not in self._swept or not self._stock.is_known_of(lane.peer)
        ]
        return Looked(
            self._looked_at,
            self.seen(),
            reachable=frozenset(lane.way.source for lane in there),
            unplanned=frozenset(lane.way.source for lane in unknown),
            lacking=self._stock.lacking,
        )

    def seen(self) -> tuple[Link, ...]:
        """All links that there should be, as the last look found them; also those that do not run yet."""
        if self._seen is None:
            self._seen = tuple(link for lane in self._lanes for link in self._of_lane(lane))
        return self._seen

    def _of_lane(self, lane: Lane) -> list[Link]:
        peer, rows, now = lane.peer, self._jobs.rows, time.time()
        names = {*(peer.names or ()), *self._jobs.of_way(lane.way)}
        links = []
        for name in sorted(names):
            if not self._wishes.wants(lane.way, name) or is_expired(name, now):
                continue
            job = job_id(Wanted(lane.way, name))
            row = rows.get(job) if self._own.server is not None else None
            error = (row.error if row is not None else None) or lane.failures.get(name) or peer.error
            links.append(
                Link(
                    name,
                    *lane.way,
                    state=row.state if row is not None else "missing" if self._own.server else "unknown",
                    job=job,
                    lag_s=None if row is None else row.lag_s,
                    pending=None if row is None else row.pending,
                    dead_letters=0 if row is None else row.dead_letters or 0,
                    error=error or "",
                    peer_reachable=peer.server is not None,
                    docs_written=None if row is None else row.docs_written,
                )
            )
        return links

    # --- the loops -----------------------------------------------------------------------------------

    def _heard(self) -> None:
        self._jobs.is_dirty = True
        self._seen = None
        self._woken.set()

    async def _look_for_ever(self) -> None:
        clock = asyncio.get_running_loop().time
        swept_at, pause_s = float("-inf"), LOOK_S
        troubled: frozenset[str] = frozenset()
        while True:
            was_woken = await _within(self._woken, pause_s)
            began = clock()
            await self._look()
            pause_s = max(LOOK_S, LOOK_SHARE * (clock() - began))
            is_news = was_woken or bool(self._jobs.troubled - troubled)
            troubled = self._jobs.troubled
            if is_news or clock() - swept_at >= self._sweep_s():
                swept_at = clock()
                for woken in self._lanes_woken.values():
                    woken.set()

    def _sweep_s(self) -> float:
        return LOOK_S if any(lane.is_fresh for lane in self._lanes) else SWEEP_S

    async def _look(self) -> None:
        server = self._own.server
        began = time.monotonic()
        try:
            if server is not None:
                await self._jobs.look(server)
                await self._stock.look()
                self._looked_at = began
                await self._remove_strays()
        except CouchgrassError as refused:
            log.warning("the region's own jobs can't be read: %s", refused.reason)
        except Exception:  # the loop's edge: nothing ends it
            log.exception("the region's own jobs can't be read")
        self._seen = None

    async def _remove_strays(self) -> None:
        steps = strays(self._region, self._wishes, self._jobs.docs or ())
        if steps and self._own.known is not None and self._own.address is not None:
            place = Place(self._own.server, self._own.known, self._own.address)
            outcome = await Applier({self._region: place}, {}).apply(steps)
            for done in outcome.done:
                log.info("%s: %s %s: %s", done.region, done.database, done.what, done.why)
            self._jobs.is_dirty = True

    async def _keep(self, lane: Lane) -> None:
        woken = self._lanes_woken[lane.way]
        while True:
            await _within(woken, None)
            is_more = False
            try:
                is_more = await lane.once()
                if lane.peer.server is not None and self._jobs.docs is not None:
                    self._swept.add(lane.way)
            except CouchgrassError as refused:
                log.warning("the links from %s can't be looked at: %s", lane.way.source, refused.reason)
            except Exception:  # the loop's edge: nothing ends it
                log.exception("the links from %s can't be kept", lane.way.source)
            self._seen = None
            if is_more:
                self._woken.set()

    async def _expire_for_ever(self) -> None:
        """Deletes the databases of kept answers that count no more."""
        while True:
            server = self._own.server
            try:
                if server is not None:
                    await self._expire(server)
            except Exception:  # the loop's edge: nothing ends it
                log.exception("databases of kept answers can't be deleted")
            self._wishes.keep(
                {*(self._own.names or ()), *(n for lane in self._lanes for n in lane.peer.names or ())}
            )
            await asyncio.sleep(EXPIRE_S if server is not None else LOOK_S)

    async def _expire(self, server: CouchServer) -> None:
        now = time.time()
        linked = {name for lane in self._lanes for name in self._jobs.of_way(lane.way)}
        for name in sorted(self._own.names or ()):
            if is_over(name, now) and name not in linked:
                try:
                    await server.ask("DELETE", path(name))
                    log.info("%s is deleted: its answers count no more", name)
                except CouchgrassError as refused:
                    log.warning("%s can't be deleted: %s", name, refused.reason)


async def _within(woken: asyncio.Event, pause_s: float | None) -> bool:
    """Waits for the event, no longer than `pause_s`; whether it came. What comes soon after counts too."""
    try:
        async with asyncio.timeout(pause_s):
            await woken.wait()
    except TimeoutError:
        return False
    await asyncio.sleep(GAP_S)
    woken.clear()
    return True
