"""Follows the regions and tells Envoy who may serve. What to decide is in `admission.py`; here are the loops.

Regions are asked every probe_ms whether or not earlier questions are still out. The controller measures how
late its own loop comes, so that what it could not hear is nobody's silence.

Each loop survives whatever happens in one of its turns: a balancer must not stop because a file can't be
read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from couchgrass.balancer import admission
from couchgrass.balancer.admission import Mode, Verdict
from couchgrass.balancer.envoy.admin import Admin
from couchgrass.balancer.envoy.files import Files
from couchgrass.balancer.envoy.folder import forget_drained, read_drained, remove_state, write_state
from couchgrass.balancer.envoy.logfile import rotate
from couchgrass.balancer.envoy.probe import Prober
from couchgrass.balancer.envoy.process import Envoy
from couchgrass.balancer.envoy.sever import SeverRefused, sever
from couchgrass.balancer.envoy.site import Sites
from couchgrass.balancer.envoy.tls import Certificate
from couchgrass.balancer.render import (
    BOOTSTRAP,
    CLUSTERS,
    ENDPOINTS,
    LISTENERS,
    ROUTES,
    SECRETS,
    bootstrap,
    clusters,
    endpoints,
    secrets,
)
from couchgrass.balancer.routes import listeners, routes
from couchgrass.balancer.state import ACCESS_LOG, BalancerState, seen_of
from couchgrass.clock import Clock
from couchgrass.errors import CouchgrassError
from couchgrass.serving.ticks import ticks
from couchgrass.topology.config import Balancer

log = logging.getLogger("couchgrass.balancer")

FOLLOW_S: Final = 0.1
"""How often the files of people are looked at: drained.json, the topology, certificates."""

FIND_S: Final = 1.0
"""How often the gateways' addresses are looked up and the access log is measured."""

STEADY_PROBES: Final = 6
"""A region that was out has to be ready for the time of so many probes."""

COUNT_S: Final = 1.0
COUNT_SOON_S: Final = 0.05
"""How often Envoy's requests under way are counted; and while a region is to become empty."""

WRITE_S: Final = 0.5
"""How often the state file is written when only its numbers changed."""

TICK_S: Final = 0.05
"""How soon a silence is noticed once it is too long."""

PROBES_MAX: Final = 24
"""Probes of one region that are out at the same time."""

DRAIN_S: Final = 4.0
"""How long requests under way may take once the balancer is told to stop."""


class Place(msgspec.Struct, frozen=True):
    """Where a balancer is: its folder, its URLs, the port that Envoy listens on."""

    data: Path
    url: str
    metrics_url: str
    port: int


class Controller:
    """One balancer. `start`, then `stop`."""

    def __init__(
        self, place: Place, sites: Sites, program: Path, clock: Clock, certificate: Certificate | None
    ) -> None:
        self._place = place
        self._sites = sites
        self._clock = clock
        self._certificate = certificate
        self._envoy_folder = place.data / "envoy"
        self._files = Files(self._envoy_folder)
        self.admin = Admin(self._envoy_folder)
        self._envoy = Envoy(program, self._envoy_folder, self.admin)
        self._admission = _paced(admission.State(), sites.site.balancer)
        self._prober = Prober(max(admission.SILENCE_S_MAX, self._admission.silence_s))
        self._verdicts: tuple[Verdict, ...] = ()
        self._drained: frozenset[str] = frozenset()
        self._started = clock.now()
        self._epoch = clock.now() - clock.monotonic()
        self._is_written = True
        """Envoy's files say what was decided last; False after one could not be written."""
        self._stack = contextlib.AsyncExitStack()
        self._loops: set[asyncio.Task[None]] = set()
        self._asked: dict[str, asyncio.Task[None]] = {}
        self._count_now = asyncio.Event()
        self._write_now = asyncio.Event()
        self._told = ""
        self._ca_file = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"

    # --- its life --------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Returns when Envoy serves. Raises StartRefused and OSError."""
        if self._certificate is not None and (pair := self._certificate.changed()) is not None:
            self._files.put(SECRETS, secrets(pair.certificate, pair.key))
        await self._stack.enter_async_context(self.admin)
        await self._stack.enter_async_context(self._prober)
        self._take(admission.Named(self._sites.site.names))
        self._look_at_drained()
        await self._sites.find()
        # So that Envoy begins with regions that serve.
        await asyncio.gather(*(self._probe(name) for name in self._sites.site.names))
        self._files.put(BOOTSTRAP, bootstrap())
        self._configure()
        await self._envoy.start()
        await asyncio.to_thread(write_state, self._place.data, self.state())
        self._loops.add(asyncio.create_task(self._tick()))
        self._begin(self._write_turn)
        self._begin(self._probe_turn)
        self._begin(self._follow_turn)
        self._begin(self._find_turn)
        self._begin(self._count_turn)

    async def stop(self) -> None:
        """Lets requests under way end, for a while, and ends Envoy."""
        try:
            if self._envoy.pid is not None:
                await self._empty()
        except (CouchgrassError, TimeoutError):
            log.warning("stopping with requests under way")
        for task in (*self._loops, *self._asked.values()):
            task.cancel()
        await asyncio.gather(*self._loops, *self._asked.values(), return_exceptions=True)
        await self._envoy.stop()
        await self._stack.aclose()
        remove_state(self._place.data)

    async def _empty(self) -> None:
        async with asyncio.timeout(DRAIN_S):
            await self.admin.drain()
            while any(one.requests for one in (await self.admin.loads(self._addresses())).values()):
                await asyncio.sleep(COUNT_SOON_S)

    def state(self) -> BalancerState:
        """What it does now."""
        place, site = self._place, self._sites.site
        return BalancerState(
            pid=os.getpid(),
            url=place.url,
            metrics_url=place.metrics_url,
            started=self._started,
            policy=site.balancer.policy.value,
            envoy=self._envoy.trouble or "running",
            envoy_restarts=self._envoy.restarts,
            regions=seen_of(self._verdicts, site.order, self._epoch),
        )

    # --- the loops -------------------------------------------------------------------------------------

    def _begin(self, turn: Callable[[], Awaitable[float]]) -> None:
        task = asyncio.create_task(self._loop(turn))
        self._loops.add(task)

    async def _loop(self, turn: Callable[[], Awaitable[float]]) -> None:
        """`turn` gives the seconds until its next."""
        while True:
            try:
                pause_s = await turn()
            except (CouchgrassError, OSError) as refused:
                self._say(str(refused))
                pause_s = COUNT_S
            except Exception:
                log.exception("the balancer goes on")
                pause_s = COUNT_S
            await asyncio.sleep(pause_s)

    def _say(self, trouble: str) -> None:
        """Once, as long as it is the same."""
        if trouble != self._told:
            self._told = trouble
            log.warning("%s", trouble)

    async def _tick(self) -> None:
        async for late_s in ticks(TICK_S):
            self._take(admission.Elapsed(late_s))

    async def _probe_turn(self) -> float:
        """Begins a probe of each region, also where the last one has not ended yet."""
        for name in self._sites.site.names:
            for number in range(PROBES_MAX):
                key = f"{name}/{number}"
                if key not in self._asked:
                    self._asked[key] = task = asyncio.create_task(self._probe(name))
                    task.add_done_callback(partial(self._answered, key))
                    break
        return self._sites.site.balancer.probe_ms / 1000

    def _answered(self, key: str, _: asyncio.Task[None]) -> None:
        self._asked.pop(key, None)

    async def _probe(self, name: str) -> None:
        upstream = self._sites.upstreams.get(name)
        began = self._clock.monotonic()
        if upstream is None:
            result: admission.Result = admission.Absence("nobody knows where its gateway is")
        else:
            result = await self._prober.ask(upstream)
        self._take(admission.Probed(name, result, self._clock.monotonic() - began))

    async def _follow_turn(self) -> float:
        if not self._is_written:
            self._configure()
        before = self._sites.site.names
        if self._sites.look():
            self._is_written = False
            self._admission = _paced(self._admission, self._sites.site.balancer)
            self._take(admission.Named(self._sites.site.names))
            await self._sites.find()
            self._configure()
            forget_drained(self._place.data, set(before).difference(self._sites.site.names))
        if self._certificate is not None and (pair := self._certificate.changed()) is not None:
            self._files.put(SECRETS, secrets(pair.certificate, pair.key))
            log.info("a new certificate is served")
        # Last, so that a list that can't be read keeps nothing else from being followed.
        self._look_at_drained()
        return FOLLOW_S

    async def _find_turn(self) -> float:
        if await self._sites.find():
            self._is_written = False
            self._configure()
        await rotate(self._place.data / ACCESS_LOG, self.admin)
        return FIND_S

    async def _count_turn(self) -> float:
        self._count_now.clear()
        self._take(admission.Counted(await self.admin.loads(self._addresses())))
        await self._end_what_will_not()
        leaving = any(
            one.mode is not Mode.OPEN and not one.is_empty and (one.requests or one.mode is Mode.DRAINING)
            for one in self._verdicts
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(COUNT_SOON_S if leaving else COUNT_S):
                await self._count_now.wait()
        return 0.005

    async def _write_turn(self) -> float:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WRITE_S):
                await self._write_now.wait()
        self._write_now.clear()
        await asyncio.to_thread(write_state, self._place.data, self.state())
        return COUNT_SOON_S

    # --- what they do ----------------------------------------------------------------------------------

    def _look_at_drained(self) -> None:
        drained = read_drained(self._place.data)
        if drained != self._drained:
            self._drained = drained
            self._take(admission.Drained(drained))

    def _take(self, event: admission.Event) -> None:
        """One event, and what it leads to."""
        before = {one.region: one.mode for one in self._verdicts}
        doing = {name: one.state for name, one in seen_of(self._verdicts, self._sites.site.order).items()}
        self._admission, self._verdicts = admission.step(self._admission, event, self._clock.monotonic())
        if {one.region: one.mode for one in self._verdicts} != before:
            try:
                self._put_endpoints()
            except OSError as refused:
                self._is_written = False
                self._say(f"what was decided can't be told to Envoy, it is tried again: {refused}")
            self._count_now.set()
        for name, seen in seen_of(self._verdicts, self._sites.site.order).items():
            if seen.state is not doing.get(name):
                log.info("%s: %s%s", name, seen.state.value, f" ({seen.reason})" if seen.reason else "")
                self._write_now.set()

    def _put_endpoints(self) -> None:
        modes = {one.region: one.mode for one in self._verdicts}
        self._files.put(ENDPOINTS, endpoints(self._sites.site.order, self._sites.upstreams.values(), modes))

    def _configure(self) -> None:
        """All files but the bootstrap and the certificate."""
        site, upstreams = self._sites.site, tuple(self._sites.upstreams.values())
        # Inside out: nothing names what is not there yet.
        self._put_endpoints()
        self._files.put(CLUSTERS, clusters(site.balancer, site.order, upstreams, self._ca_file))
        self._files.put(ROUTES, routes(site.balancer, site.order))
        self._files.put(LISTENERS, listeners(site.balancer, self._place.port, f"../{ACCESS_LOG}"))
        self._is_written = True

    async def totals(self) -> dict[str, int]:
        """How many requests each region got since Envoy's start. Raises PeerLost."""
        return await self.admin.totals(self._addresses())

    def _addresses(self) -> dict[tuple[str, int], str]:
        return {(one.address, one.port): one.region for one in self._sites.upstreams.values()}

    async def _end_what_will_not(self) -> None:
        """Requests under way of which nothing will come are ended, so that Envoy asks another region."""
        peers = set()
        for one in self._verdicts:
            upstream = self._sites.upstreams.get(one.region)
            if one.is_hopeless and one.requests and upstream is not None:
                peers.add((upstream.address, upstream.port))
        pid = self._envoy.pid
        if peers and pid is not None:
            try:
                severed = await asyncio.to_thread(sever, pid, peers)
            except SeverRefused as refused:
                self._say(f"requests under way in a region that is out have to wait for it: {refused.reason}")
                return
            log.info("%d connections to regions that are out were closed", severed)


def _paced(state: admission.State, balancer: Balancer) -> admission.State:
    """By how often regions are asked; with the defaults, what `admission.py` says."""
    probe_s, timeout_s = balancer.probe_ms / 1000, balancer.probe_timeout_ms / 1000
    return msgspec.structs.replace(state, silence_s=probe_s + timeout_s, steady_s=STEADY_PROBES * probe_s)
