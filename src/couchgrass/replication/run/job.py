"""One replication job: runs, and after each crash the wait for the next.

A job whose peer is not there waits for its return and then runs at once; one that fails for another reason
backs off, up to 30 s. The states are in `replication.lifecycle`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from functools import partial

from couchgrass.clock import Clock
from couchgrass.couch.peer import Peer
from couchgrass.errors import CouchgrassError, PeerLost
from couchgrass.replication.backoff import delay_s
from couchgrass.replication.identity import RepId
from couchgrass.replication.lifecycle import HEALTHY_S, Happening, Life
from couchgrass.replication.progress import Lag, Totals
from couchgrass.replication.run.checkpoints import Rewound
from couchgrass.replication.run.letters import LetterBox
from couchgrass.replication.run.peers import Server
from couchgrass.replication.run.replicate import Run
from couchgrass.replication.spec import Replication
from couchgrass.replication.status import State

log = logging.getLogger("couchgrass.replication")

SERVERS_AGAIN_S = 10.0
"""How often a job that waits for a server looks up what is set for servers."""


class Origin:
    """Whose job it is: the document that asks for it, or the user who asked ``_replicate``."""

    __slots__ = ("database", "doc_id", "user")

    def __init__(
        self, database: str | None = None, doc_id: str | None = None, user: str | None = None
    ) -> None:
        self.database = database
        self.doc_id = doc_id
        self.user = user

    def __str__(self) -> str:
        return "_replicate" if self.doc_id is None else f"{self.database}/{self.doc_id}"

    @property
    def is_transient(self) -> bool:
        """Asked for by ``_replicate``: it does not outlive the server."""
        return self.doc_id is None


class Job:
    """`peers` makes both ends anew for each run; `servers` are those of the remote ones."""

    def __init__(
        self,
        *,
        rep_id: RepId,
        wanted: Replication,
        origin: Origin,
        clock: Clock,
        letters: LetterBox,
        turns: asyncio.Semaphore,
        peers: Callable[[], tuple[Peer, Peer]],
        servers: Callable[[], list[Server]],
        history_max: int,
        heard: Callable[[Job, Happening], None],
    ) -> None:
        self.rep_id = rep_id
        self.wanted = wanted
        self.origin = origin
        self.letters = letters
        self.totals = Totals()
        self.lag = Lag(clock.monotonic())
        self.life = Life(clock.now(), history_max)
        self.added_at = clock.now()
        self.started_at = 0.0
        self.turn_at = 0.0
        """When its turn began. It may start often in one turn, when it crashes."""
        self.run: Run | None = None
        self.next_try_at: float | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._clock = clock
        self._turns = turns
        self._peers = peers
        self._servers = servers
        self._task: asyncio.Task[None] | None = None
        self._awake = asyncio.Event()
        self._complained = ""
        self._retry_wanted = False
        self._heard = heard
        self.is_stopping = False

    @property
    def key(self) -> str:
        """The job's whole id."""
        return str(self.rep_id)

    def start(self) -> None:
        """Lets it run. Not while it runs."""
        assert self._task is None, "it runs already"
        self.turn_at = self.started_at = self._clock.now()
        self._task = asyncio.create_task(self._live())

    def begin_stop(self) -> None:
        """Has it stop, after a last checkpoint. `is_stopping` until `stop` has seen the end of it."""
        if self._task is not None and not self.is_stopping:
            self.is_stopping = True
            self._task.cancel()

    async def stop(self) -> None:
        """Stops it, after a last checkpoint; it can be started again. Any number may wait for that."""
        self.begin_stop()
        task = self._task
        if task is None:
            return
        await asyncio.wait({task})
        if self._task is not task:
            return  # who waited beside us has noted it
        self._task = None
        if self.life.state in (State.RUNNING, State.CRASHING):
            self._note(Happening.STOPPED)
        self.is_stopping = False
        self.next_try_at = None

    def wake(self) -> None:
        """Has a job that waits for its next try make it now."""
        self._awake.set()

    def retry_letters(self, doc_ids: Collection[str] | None = None) -> None:
        """Tries its dead letters again, of some documents or all: now while it runs, else all as soon as it
        does."""
        if self.run is not None and self.life.state is State.RUNNING:
            self.run.retry_letters(doc_ids)
        else:
            self._retry_wanted = True
        self.wake()

    def lag_s(self) -> float | None:
        """Seconds by which the target may be behind; None while nothing is known."""
        if self.run is not None:
            return self.run.lag_s()
        return self.lag.lag_s(self._clock.monotonic())

    async def _live(self) -> None:
        # A cancellation may be lost when something fails at the same time, so that it is looked at as well.
        while not self.is_stopping:
            began_s = self._clock.monotonic()
            try:
                self._begin()
                await self._watched_run()
            except CouchgrassError as why:
                if not await self._crashed(why, self._clock.monotonic() - began_s):
                    return
                continue
            except Exception as bug:
                log.exception("replication %s of %s failed", self.key, self.origin)
                failed = CouchgrassError(f"The replicator failed: {type(bug).__name__}; its log says more.")
                if not await self._crashed(failed, self._clock.monotonic() - began_s):
                    return
                continue
            self._note(Happening.COMPLETED)
            log.info("replication %s of %s is complete", self.key, self.origin)
            self._end(None)
            return

    def _begin(self) -> None:
        self.started_at = self._clock.now()
        self.next_try_at = None
        self._note(Happening.STARTED)
        source, target = self._peers()
        self.run = Run(
            source=source,
            target=target,
            wanted=self.wanted,
            rep_id=self.rep_id.base,
            clock=self._clock,
            letters=self.letters,
            turns=self._turns,
            totals=self.totals,
            lag=self.lag,
        )
        if self._retry_wanted:
            self._retry_wanted = False
            self.run.retry_letters()

    async def _watched_run(self) -> None:
        """The run, broken off when one of its servers is not there any more."""
        assert self.run is not None
        run = self.run
        running = asyncio.ensure_future(run.run())
        gone: list[str] = []

        def leave(base: str, why: str) -> None:
            gone.append(f"{base}: {why}")
            run.is_abandoned = True
            running.cancel()

        with ExitStack() as watches:
            for server in self._servers():
                watches.enter_context(server.watched(partial(leave, server.base)))
            try:
                await running
            except asyncio.CancelledError:
                if not gone or self.is_stopping:
                    raise
                raise PeerLost(gone[0], is_down=True) from None

    async def _crashed(self, why: CouchgrassError, lasted_s: float) -> bool:
        """Notes it and waits until it is time for the next run. False when there is none."""
        if lasted_s >= HEALTHY_S:
            self.life.recovered()
        self._note(Happening.CRASHED, f"{why.error}: {why.reason}")
        if not isinstance(why, PeerLost):
            self._complain(why)
        if self.is_stopping:
            return False
        if self.origin.is_transient and not self.wanted.continuous:
            self._end(why)
            return False
        self._awake.clear()
        waiting = asyncio.ensure_future(self._until_next(why))
        awake = asyncio.ensure_future(self._awake.wait())
        try:
            await asyncio.wait({waiting, awake}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            awake.cancel()
        return True

    async def _until_next(self, why: CouchgrassError) -> None:
        if isinstance(why, PeerLost):
            if any(await self._servers_there()):  # of which the server has said so, once for all its jobs
                self.life.crashes = 0
                return
            self._complain(why)
        if isinstance(why, Rewound) and self.life.crashes <= 1:
            return
        pause_s = delay_s(self.life.crashes, random.random())  # noqa: S311  jitter, not a secret
        self.next_try_at = self._clock.now() + pause_s
        await asyncio.sleep(pause_s)

    async def _servers_there(self) -> list[bool]:
        """Waits until all are; of each, whether it had been away."""
        while True:
            servers = self._servers()
            asking = asyncio.gather(*(server.returned() for server in servers))
            asking.add_done_callback(_looked_at)
            try:
                # How a server is reached may be set anew meanwhile: then it is another one.
                while self._servers() == servers:
                    done, _ = await asyncio.wait({asking}, timeout=SERVERS_AGAIN_S)
                    if done:
                        return asking.result()
            finally:
                asking.cancel()

    def _complain(self, why: CouchgrassError) -> None:
        """Into the log, unless it is what was said last: a job that fails for days must not fill a disk."""
        told = f"{why.error}: {why.reason}"
        if told != self._complained:
            self._complained = told
            log.warning("replication %s of %s crashed: %s", self.key, self.origin, told)

    def error(self) -> str | None:
        """What is wrong, if something is."""
        if self.life.state is State.CRASHING:
            for server in self._servers():
                if not server.is_there:
                    return f"peer_lost: {server.base} is not there: {server.why}"
        return self.life.error

    def updated_at(self) -> float:
        """When something was copied last, in seconds since the epoch."""
        return self.started_at if self.run is None else self.run.updated_at

    def next_try(self) -> float | None:
        """When it is tried next, in seconds since the epoch; None while it runs or has ended."""
        if self.life.state is not State.CRASHING:
            return None
        probes = [server.next_probe_s for server in self._servers() if not server.is_there]
        if probes:
            return self._clock.now() + max(0.0, min(probes) - time.monotonic())
        return self.next_try_at

    def _note(self, what: Happening, reason: str | None = None) -> None:
        self.life.note(what, self._clock.now(), reason)
        self._heard(self, what)

    def _end(self, why: CouchgrassError | None) -> None:
        if not self.ended.done():
            if why is None:
                self.ended.set_result(None)
            else:
                self.ended.set_exception(why)
                self.ended.exception()  # nobody need be waiting


def _looked_at(asking: asyncio.Future[list[bool]]) -> None:
    """A question that nobody waits for any longer is not worth asyncio's complaint that nobody did."""
    if not asking.cancelled():
        asking.exception()
