"""The simulation: nodes, clients, replicators and faults of one script, and the verdict at the end.

After the script everything heals, and every node gets one more document. Then the databases must agree within
LIVENESS_S, all replicators are killed once more, every node gets yet another document, and they must agree
again. A replicator is whatever `Runner` does with two peers; it is started again after a failure, as a job
would be.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from couchgrass import json
from couchgrass.clock import Clock
from couchgrass.couch.peer import Peer
from couchgrass.errors import CouchgrassError, Forbidden, PeerLost
from couchgrass.replication.deadletter import Letter
from couchgrass.testing import sim_check as check
from couchgrass.testing import sim_script as acts
from couchgrass.testing.sim_database import SimDatabase, State
from couchgrass.testing.sim_loop import SimClock, SimLoop, run, this_loop
from couchgrass.testing.sim_network import Network, Node
from couchgrass.testing.sim_peer import SimPeer
from couchgrass.testing.sim_script import Action, Link, Script

DB = "db"
LIVENESS_S = 240.0
"""Healed databases agree within so long: a feed that broke unnoticed (65 s) at each hop of a ring of five
would be within it too."""

BACK_OFF_S = 15.0
WATCH_S = 2.0
WATCH_MISSES = 2
"""How often a run's servers are asked whether they are there, and when they count as gone."""

GIVE_UP_S = 5.0
"""How long a killed replicator may take to end; one that hangs on its dead peers is left behind."""


class SimLetters:
    """A job's dead letters. They are on the disk of the node that the job runs on."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Letter] = {}
        self.dead = False

    def next_life(self) -> SimLetters:
        """The same letters, for a replicator that is started anew."""
        again = SimLetters()
        again.kept = self.kept
        return again

    async def load(self) -> list[Letter]:
        return list(self.kept.values())

    async def add(self, letters: Sequence[Letter]) -> None:
        await self._disk()
        self.kept.update(((one.id, one.rev), one) for one in letters)

    async def remove(self, letters: Sequence[Letter]) -> None:
        await self._disk()
        for one in letters:
            self.kept.pop((one.id, one.rev), None)

    async def _disk(self) -> None:
        await asyncio.sleep(0.001)
        if self.dead:
            raise PeerLost("the replicator was killed")


@dataclass(slots=True)
class Errand:
    """All that one life of a replicator gets."""

    link: Link
    source: Peer
    target: Peer
    letters: SimLetters
    clock: Clock
    random: Callable[[], float]
    leave: Callable[[], None] = lambda: None
    """Called before the task is cancelled because one of the servers is gone; the runner may set it."""


Runner = Callable[[Errand], Coroutine[Any, Any, None]]
"""Copies until it is cancelled. It may raise CouchgrassError and nothing else."""


class Job:
    """One replicator of a link, over its lives. `steps` counts what it did at its peers."""

    def __init__(self, world: World, link: Link, node: Node) -> None:
        self.world = world
        self.link = link
        self.node = node
        self.letters = SimLetters()
        self.steps = 0
        self.kills = 0
        self.strikes: list[tuple[int, Action]] = []
        self._peers: tuple[SimPeer, ...] = ()
        self._task: asyncio.Task[None] | None = None
        self._epochs: tuple[object, object] = (None, None)

    async def live(self) -> None:
        """Runs it again and again."""
        failures = 0
        while True:
            while not self.node.up:
                await self.node.wait(1.0)
            began, kills = self.world.loop.time(), self.kills
            errand = self._fresh()
            self._epochs = self.world.epoch(self.link.source), self.world.epoch(self.link.target)
            task = self._task = asyncio.create_task(self.world.runner(errand), name=f"run {self.link.rep_id}")
            watch = asyncio.create_task(self._watch(errand, task))
            while not (await asyncio.wait({task}, timeout=GIVE_UP_S))[0] and self.kills == kills:
                pass  # a killed one that does not end is left behind
            watch.cancel()
            if self.kills > kills:
                task.add_done_callback(_last_words)
                await asyncio.sleep(self.world.loop.random.uniform(0.1, 2))
                continue
            lost = None if task.cancelled() else task.exception()
            self.world.network.note(f"{self.link.rep_id} ended: {type(lost).__name__} {lost}")
            if lost is not None and not isinstance(lost, CouchgrassError):
                raise lost
            failures = 0 if self.world.loop.time() - began > BACK_OFF_S else failures + 1
            await asyncio.sleep(min(0.25 * 2**failures, BACK_OFF_S))

    def _fresh(self) -> Errand:
        world, link = self.world, self.link
        self.letters = self.letters.next_life()
        source, target = self._peers = tuple(
            SimPeer(
                world.network,
                world.network.nodes[name],
                DB,
                self.node.name,
                step=partial(self._step, name),
            )
            for name in (link.source, link.target)
        )
        return Errand(link, source, target, self.letters, self.node.clock, world.loop.random.random)

    async def _watch(self, errand: Errand, task: asyncio.Task[None]) -> None:
        """Ends a run whose servers are gone, as `couchgrass.replication.run.peers` does."""
        misses = 0
        while misses < WATCH_MISSES:
            await asyncio.sleep(WATCH_S)
            there = await asyncio.gather(*(peer.is_there(WATCH_S) for peer in self._peers))
            misses = 0 if all(there) else misses + 1
        errand.leave()
        task.cancel()

    def stop(self) -> None:
        """It is ended in good order."""
        if self._task is not None:
            self._task.cancel()

    def kill(self) -> None:
        """kill -9: it is ended, and nothing that is left of it reaches anybody."""
        if self._task is None or self._task.done():
            return
        self.kills += 1
        self.letters.dead = True
        for peer in self._peers:
            peer.dead = True
        self._task.cancel()

    def _step(self, name: str, call: str, phase: str) -> None:
        self.steps += 1
        if call == "put_local" and phase == "done":
            self._check_checkpoint(self.world.database(name))
        due = [fault for at, fault in self.strikes if at <= self.steps]
        self.strikes = [each for each in self.strikes if each[0] > self.steps]
        for fault in due:
            self.world.network.note(f"strike at {call} {phase}: {fault}")
            self.world.strike(fault)

    def _check_checkpoint(self, database: SimDatabase) -> None:
        """A ``_local`` document of this database was written: it must not be ahead of the target's disk.

        A database that was replaced under a running replicator is left to the check at the end.
        """
        world, link = self.world, self.link
        if self._epochs != (world.epoch(link.source), world.epoch(link.target)):
            return
        found = database.visible.locals.get(link.rep_id)
        members = json.decode(found.body) if found else {}
        if "source_last_seq" in members:
            source, target = world.database(link.source), world.database(link.target)
            seq = json.encode(members["source_last_seq"]).decode()
            letters = {key for job in world.jobs.values() if job.link == link for key in job.letters.kept}
            world.failures += check.checkpoint_gaps(source, target.durable, seq, letters)


@dataclass(slots=True)
class Outcome:
    """What became of a simulation: `failures` are the broken invariants, one line each, `healed_s` how long
    it took to agree, `struck` whether every Strike found its step."""

    script: Script
    failures: list[str]
    healed_s: float = 0.0
    kills: int = 0
    struck: bool = False
    acked: int = 0
    trace: list[str] = field(default_factory=list)

    def report(self) -> str:
        """For whoever looks for the reason."""
        lines = [f"seed {self.script.seed!r}: replay with COUCHGRASS_SEED={self.script.seed}"]
        return "\n".join([*lines, *self.failures[:20], f"{len(self.failures)} failures"])


class World:
    """A script while it runs."""

    def __init__(self, script: Script, runner: Runner, node_type: type[Node] = Node) -> None:
        self.loop: SimLoop = this_loop()
        self.script = script
        self.runner = runner
        self.journal = check.Journal()
        self.failures: list[str] = []
        shape = script.shape
        self.network = Network(self.loop, latency_s=shape.latency_s, trouble=shape.trouble)
        for name, (skew_s, drift) in shape.clocks.items():
            clock = SimClock(self.loop, skew_s=skew_s, drift=drift)
            node = self.network.nodes[name] = node_type(self.loop, name, clock=clock)
            node.create(DB)
        self.jobs = {
            (at, copy): Job(self, link, self.network.nodes[node])
            for at, link in enumerate(shape.links)
            for copy, node in enumerate(link.runs_on)
        }
        self._backups: dict[str, tuple[SimDatabase, State]] = {}
        self._locals: dict[str, list[dict[str, Any]]] = {}
        self._restored: dict[str, int] = {}
        self._numbers = itertools.count(10_000)

    def database(self, name: str) -> SimDatabase:
        return self.network.nodes[name].databases[DB]

    def epoch(self, name: str) -> object:
        """Changes when a database is replaced by another or by an older one."""
        return self.database(name).uuid, self._restored.get(name, 0)

    # --- running ---

    async def play(self) -> Outcome:
        """The script, the healing, the verdict."""
        self._begin = self.loop.time()
        lives = [asyncio.create_task(job.live()) for job in self.jobs.values()]
        try:
            await self._or_failure(self._act(), lives)
            struck = not any(job.strikes for job in self.jobs.values())
            self._heal()
            # A link without anything to copy does not look at its target, which may have been replaced.
            healed_s = await self._or_failure(self._agree("after the script"), lives)
            kills = sum(job.kills for job in self.jobs.values())
            for job in self.jobs.values():
                job.kill()
            await self._or_failure(self._one_more(1), lives)
            await self._or_failure(self._agree("after one more document"), lives)
        finally:
            for life in lives:
                life.cancel()
        self._judge()
        return Outcome(
            script=self.script,
            failures=self.failures,
            healed_s=healed_s,
            kills=kills,
            struck=struck,
            acked=len(self.journal.acked),
            trace=self.network.trace,
        )

    async def _or_failure(self, what: Coroutine[Any, Any, Any], lives: Iterable[asyncio.Task[None]]) -> Any:
        """Does `what`, unless a replicator dies of a bug; then that one's error comes out."""
        task = asyncio.create_task(what)
        done, _ = await asyncio.wait({task, *lives}, return_when=asyncio.FIRST_COMPLETED)
        for life in lives:
            if life in done:
                task.cancel()
                life.result()
        return task.result()

    async def _act(self) -> None:
        clients = []
        for at_s, action in self.script.actions:
            await asyncio.sleep(max(0.0, self._begin + at_s - self.loop.time()))
            self._snoop()
            if isinstance(action, acts.Write):
                clients.append(asyncio.create_task(self._write(action)))
            else:
                self.network.note(f"{action}")
                self._do(action)
        await asyncio.gather(*clients)

    async def _write(self, action: acts.Write) -> None:
        """A client beside the node."""
        node = self.network.nodes[action.node]

        def operation(database: SimDatabase) -> list[tuple[str, str]]:
            made = []
            for doc in acts.edits_of(action, database):
                try:
                    made.append((doc["_id"], str(database.edit(doc))))
                except CouchgrassError:
                    continue  # refused, and so not acknowledged
            self.journal.issued.update(made)
            return made

        try:
            self.journal.acked.update(
                await self.network.ask(node.name, node, "edit", lambda: node.write(DB, operation))
            )
        except PeerLost:
            return

    def _snoop(self) -> None:
        """Remembers checkpoint documents, for `Forget` to bring them back."""
        for name, node in self.network.nodes.items():
            found = node.databases[DB].durable.locals
            if found and (not self._locals.get(name) or self._locals[name][-1] != found):
                self._locals.setdefault(name, []).append(dict(found))

    # --- faults ---

    def strike(self, fault: Action) -> None:
        """A fault in the middle of a call."""
        self._do(fault)
        if isinstance(fault, acts.Crash):
            self.loop.call_later(acts.DOWN_S, self._do, acts.Restart(fault.node))

    def _do(self, action: Action) -> None:
        network = self.network
        match action:
            case acts.Cut(origin, destination):
                network.cut(origin, destination)
            case acts.Heal(origin, destination):
                network.heal(origin, destination)
            case acts.Crash(name):
                network.nodes[name].crash()
                for job in self.jobs.values():
                    if job.node.name == name:
                        job.kill()
            case acts.Restart(name, older):
                self._restart(name, older)
            case acts.Backup(name):
                database = self.database(name)
                self._backups[name] = (database, database.backup())
            case acts.Recreate(name):
                self._recreate(name)
            case acts.Stop(link, copy):
                self.jobs[link, copy].stop()
            case acts.Kill(link, copy):
                self.jobs[link, copy].kill()
            case acts.Strike(link, copy, steps, fault):
                job = self.jobs[link, copy]
                job.strikes.append((job.steps + steps, fault))
            case acts.Forget(name, older):
                self._forget(name, older)
            case acts.Refuse(name):
                self.database(name).validate = _refuses
            case acts.Relent(name):
                self._relent(name)

    def _restart(self, name: str, older: bool) -> None:
        node = self.network.nodes[name]
        if node.up:
            return
        database, backup = self._backups.get(name, (None, State()))
        if older and database is node.databases[DB]:
            self._forgive(name, kept=check.revisions_of(backup))
            self._restored[name] = self._restored.get(name, 0) + 1
            self._locals.pop(name, None)
            node.restart({DB: backup})
        else:
            node.restart()

    def _recreate(self, name: str) -> None:
        node = self.network.nodes[name]
        if node.up:
            self._forgive(name, kept=set())
            self._locals.pop(name, None)
            node.delete(DB)
            node.create(DB)

    def _forgive(self, name: str, kept: set[tuple[str, str]]) -> None:
        """What only this disk had may be gone from now on."""
        others = [self.database(other).durable for other in self.network.nodes if other != name]
        elsewhere = {rev for state in others for rev in check.revisions_of(state)}
        self.journal.forgiven |= check.revisions_of(self.database(name).durable) - elsewhere - kept

    def _forget(self, name: str, older: bool) -> None:
        database = self.database(name)
        past = self._locals.get(name)
        database.visible.locals = dict(self.loop.random.choice(past)) if older and past else {}
        database.sync()

    def _relent(self, name: str) -> None:
        """A design document changes at the node and so does what it refuses."""
        database = self.database(name)
        if database.validate is None:
            return
        database.validate = None
        known = database.visible.docs.get("_design/rules")
        doc = {"_id": "_design/rules", "n": next(self._numbers)}
        if known is not None and not known.row.deleted:
            doc["_rev"] = known.row.rev
        rev = ("_design/rules", str(database.edit(doc)))
        database.sync()
        self.network.nodes[name].ring()
        self.journal.issued.add(rev)
        self.journal.acked.add(rev)

    def _heal(self) -> None:
        self.network.note("heal")
        self.network.trouble = 0.0
        for job in self.jobs.values():
            job.strikes.clear()
        for pair in sorted(self.network.cuts):
            self.network.heal(*pair)
        for name, node in self.network.nodes.items():
            node.restart()
            self._relent(name)

    # --- the verdict ---

    def _views(self) -> dict[str, dict[str, check.DocView]]:
        return {name: check.view(self.database(name).durable) for name in self.network.nodes}

    async def _agree(self, when: str) -> float:
        """Waits until all have the same; how long it took."""
        began = self.loop.time()
        while True:
            views = self._views()
            wrong = [*check.differences(views), *check.lost_and_invented(views, self.journal)]
            for job in self.jobs.values():
                wrong += [f"letter: {doc_id} {rev} is left over" for doc_id, rev in job.letters.kept]
            passed = self.loop.time() - began
            if not wrong:
                return passed
            if passed > LIVENESS_S:
                self.failures += [f"liveness: {passed:.0f} s {when}: {each}" for each in wrong]
                return passed
            await asyncio.sleep(0.25)

    async def _one_more(self, number: int) -> None:
        for name in self.network.nodes:
            await self._write(acts.Write(name, "put", next(self._numbers), number))

    def _judge(self) -> None:
        views = self._views()
        self.failures += check.wrong_winners(views)
        for name in self.network.nodes:
            self.failures += check.rotten_bytes(name, self.database(name))


def _last_words(task: asyncio.Task[None]) -> None:
    """Whatever a killed replicator ends with."""
    if not task.cancelled():
        task.exception()


def _refuses(doc_id: str, doc: Any) -> None:
    if doc.get("refused"):
        raise Forbidden("not here")


def simulate(script: Script, runner: Runner, node_type: type[Node] = Node) -> Outcome:
    """Plays a script to its end on a loop of its own. Raises what a replicator died of, if of a bug."""

    async def main() -> Outcome:
        return await World(script, runner, node_type).play()

    return run(main, script.seed)
