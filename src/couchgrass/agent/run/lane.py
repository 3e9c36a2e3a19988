"""Keeps the links of one way: looks, plans, applies, one after the other.

How much it looks at does not grow with the number of databases: rights are read where there is no job yet,
where a job is in trouble, and of a few others each time, so that all have their turn. Whatever can't be done,
since a server is away, is done at a later look; a way never waits for another one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from couchgrass.agent.jobs import Link, job_id, job_of
from couchgrass.agent.plan import CreateDatabase, Facts, WriteJob, is_pristine, plan
from couchgrass.agent.run import keys, reads
from couchgrass.agent.run.apply import Applier, Outcome, Place
from couchgrass.agent.run.own import Own
from couchgrass.agent.run.watch import Watch
from couchgrass.couch.server import CouchServer
from couchgrass.linking.job import Key, Server, Side
from couchgrass.linking.naming import End
from couchgrass.topology.links import Way, Wishes

log = logging.getLogger("couchgrass.agent")

NEW_MAX: Final = 200
"""New databases that one look takes on; the next look follows at once while there are more."""

TROUBLED_MAX: Final = 50
SWEPT: Final = 20
"""Databases whose rights are looked at without a reason, in their turn."""

KEY_S: Final = 30.0
"""How often it is tried whether the key still signs in."""

RESTING_S: Final = 10.0
"""A database that was deleted here is not made again for so long: time to delete it everywhere."""

RECENT_S: Final = 30.0
"""For so long the rights of a new database are looked at again: who makes one gives rights a moment later."""


class Lane:
    """One way, from the region that `peer` watches to the one that `own` watches."""

    def __init__(self, wishes: Wishes, peer: Watch, own: Watch, jobs: Own) -> None:
        self.way = Way(peer.region, own.region)
        self.peer = peer
        self.failures: Mapping[str, str] = {}
        """What went wrong at the last look, by database."""
        self._wishes = wishes
        self._own = own
        self._jobs = jobs
        self._keys: dict[End, Key] = {}
        self._keys_at: float | None = None
        self._swept = ""
        self._recent: dict[str, float] = {}
        self._said: frozenset[str] = frozenset()

    @property
    def is_fresh(self) -> bool:
        """Databases were linked a moment ago, and rights for them may still come."""
        return bool(self._recent)

    async def once(self) -> bool:
        """One look, and what it takes. Whether another one is to follow at once. Raises what the own server
        refuses, and PeerLost."""
        own, target, address = self._own.server, self._own.known, self._own.address
        if (
            own is None
            or target is None
            or address is None
            or self._jobs.docs is None
            or self.peer.address is None
        ):
            return False
        docs = self._jobs.of_way(self.way)
        # All of a look is with one connection: the peer may go and come back while we wait for answers.
        peer = self.peer.server
        names = self.peer.names if peer is not None else None
        source = self.peer.known or Server(Side.A, self.peer.address.base)
        if source.base != self.peer.address.base:
            source = Server(Side.A, self.peer.address.base, source.admin, source.is_ours, source.has_api_keys)
        facts, is_more = await self._look(own, peer, target, source, names, docs)
        steps = plan(self._wishes, facts, time.time())
        if not steps:
            self._tell(Outcome([], []))
            return False
        places = {
            self.way.source: Place(peer, source, self.peer.address),
            self.way.target: Place(own, target, address),
        }
        kept = {(self.way, end): key for end, key in facts.keys.items()}
        outcome = await Applier(places, kept).apply(steps)
        if outcome.done:
            self._jobs.is_dirty = True
            self._keys_at = None
            now = asyncio.get_running_loop().time()
            self._recent |= {
                step.link.database: now
                for step in steps
                if isinstance(step, CreateDatabase) or (isinstance(step, WriteJob) and step.old is None)
            }
        self._tell(outcome)
        return is_more and bool(outcome.done)

    def _tell(self, outcome: Outcome) -> None:
        for done in outcome.done:
            log.info("%s: %s %s: %s", done.region, done.database, done.what, done.why)
        self.failures = {failed.database: reason for failed, reason in outcome.failed}
        said = frozenset(f"{failed.database} {failed.what}: {reason}" for failed, reason in outcome.failed)
        for text in sorted(said - self._said)[:TROUBLED_MAX]:
            log.warning("the link from %s can't be kept: %s", self.way.source, text)
        self._said = said

    # --- looking -------------------------------------------------------------------------------------

    async def _look(
        self,
        own: CouchServer,
        peer: CouchServer | None,
        target: Server,
        source: Server,
        names: frozenset[str] | None,
        docs: Mapping[str, Mapping[str, Any]],
    ) -> tuple[Facts, bool]:
        here = self._own.names or frozenset()
        now = asyncio.get_running_loop().time()
        resting = frozenset(name for name, at in self._own.gone.items() if now - at < RESTING_S)
        wanted = [name for name in names or () if self._wishes.wants(self.way, name)]
        # Those that failed come last, so that they are in nobody's way.
        new = sorted(
            (name for name in wanted if name not in docs), key=lambda name: (name in self.failures, name)
        )
        recent = self._recently(now)
        chosen = frozenset(
            [*new[:NEW_MAX], *recent, *self._troubled(docs), *self._turn(names or frozenset())]
        )
        writes_here = End.TARGET in job_of(Link(self.way, "-"), source, target).key_ends
        looks_here = chosen if writes_here else frozenset((*new[:NEW_MAX], *recent))
        securities = {} if peer is None or names is None else await reads.securities(peer, chosen & names)
        owned = await reads.securities(own, looks_here & here)
        facts = Facts(
            way=self.way,
            source=source,
            target=target,
            source_dbs=None if names is None else names & (frozenset(securities) | docs.keys()),
            target_dbs=here,
            jobs=docs,
            securities=securities,
            own=owned,
            keys=await self._tried(own, peer, bool(self._troubled(docs))),
            fresh=frozenset(
                name for name in (*new[:NEW_MAX], *recent) if name in owned and is_pristine(owned[name])
            ),
            resting=resting,
        )
        return facts, len(new) > NEW_MAX

    def _recently(self, now: float) -> list[str]:
        self._recent = {name: at for name, at in self._recent.items() if now - at < RECENT_S}
        return sorted(self._recent)

    def _troubled(self, docs: Mapping[str, Any]) -> list[str]:
        troubled = self._jobs.troubled
        found = [name for name in docs if job_id(Link(self.way, name)) in troubled] if troubled else []
        return sorted(found)[:TROUBLED_MAX]

    def _turn(self, names: frozenset[str]) -> list[str]:
        """The next databases of all, in the order of their names, over and over."""
        ordered = sorted(names)
        after = [name for name in ordered if name > self._swept][:SWEPT]
        self._swept = after[-1] if len(after) == SWEPT else ""
        return after

    async def _tried(
        self, own: CouchServer, peer: CouchServer | None, is_troubled: bool
    ) -> Mapping[End, Key]:
        """The keys of both ends, as far as there are any; tried now and then, and when the peer is back."""
        now = asyncio.get_running_loop().time()
        is_due = self._keys_at is None or now - self._keys_at >= (KEY_S / 6 if is_troubled else KEY_S)
        if not is_due:
            return self._keys
        found: dict[End, Key] = {}
        for end, watch, server in ((End.SOURCE, self.peer, peer), (End.TARGET, self._own, own)):
            kept = await keys.kept(own, watch.region)
            if kept is not None:
                found[end] = kept.key if server is None else await keys.tried(server, kept.key)
                if watch.address is not None and kept.at != watch.address.base:
                    await keys.reached_at(own, watch.region, watch.address.base)
        self._keys = found
        self._keys_at = None if peer is None else now
        return found
