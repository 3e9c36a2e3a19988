"""Replication under faults, simulated: what every seed must keep, a walk over all steps, and planted bugs.

`COUCHGRASS_SEEDS=5000` runs more seeds, `COUCHGRASS_SEED=17` replays one. Nothing here waits for real time.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import msgspec
import pytest

from couchgrass.couch.peer import Peer
from couchgrass.docdb.feed_filter import Filter
from couchgrass.docdb.revtree import Tree
from couchgrass.docdb.wire import Change, Changes, FeedEvent, Opened, Refusal, Seq
from couchgrass.replication import checkpoint
from couchgrass.replication.run.checkpoints import Checkpoints
from couchgrass.replication.run.letters import LetterBox
from couchgrass.replication.run.replicate import Run
from couchgrass.replication.spec import Defaults, parse
from couchgrass.testing.forgetful import ForgetfulStore
from couchgrass.testing.sim_database import SimDatabase
from couchgrass.testing.sim_loop import this_loop
from couchgrass.testing.sim_network import Node
from couchgrass.testing.sim_script import (
    Action,
    Backup,
    Crash,
    Fault,
    Kill,
    Link,
    Recreate,
    Restart,
    Script,
    Shape,
    Stop,
    Strike,
    Write,
    script_of,
)
from couchgrass.testing.sim_world import Errand, Outcome, Runner, simulate

T = TypeVar("T")

SEEDS = int(os.environ.get("COUCHGRASS_SEEDS", "40"))
ONE = os.environ.get("COUCHGRASS_SEED")
PORTION = 10
"""Seeds in one test, so that a failure comes early and names its portion."""

MUTANT_SEEDS = 100
"""A planted bug must be found within so many seeds."""

WANTED = parse(
    {
        "source": "http://source.example/db",
        "target": "http://target.example/db",
        "continuous": True,
        "worker_batch_size": 5,
        "worker_processes": 3,
        "checkpoint_interval": 500,
    },
    Defaults(),
)


async def replicator(errand: Errand, letters: Any = None) -> None:
    """The real run, over simulated peers."""
    run = Run(
        source=errand.source,
        target=errand.target,
        wanted=WANTED,
        rep_id=errand.link.rep_id,
        clock=errand.clock,
        letters=LetterBox(letters or errand.letters),
        turns=asyncio.Semaphore(3),
    )

    def leave() -> None:
        run.is_abandoned = True

    errand.leave = leave
    await run.run()


def keeps(outcome: Outcome) -> None:
    assert not outcome.failures, outcome.report()


# --- seeds ---------------------------------------------------------------------------------------------


def portions() -> list[Sequence[str]]:
    seeds = [ONE] if ONE else [str(seed) for seed in range(SEEDS)]
    return [seeds[start : start + PORTION] for start in range(0, len(seeds), PORTION)]


@pytest.mark.parametrize("seeds", portions(), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_after_all_faults_every_database_has_everything(seeds: Sequence[str]) -> None:
    for seed in seeds:
        keeps(simulate(script_of(seed), replicator))


def test_without_faults_nothing_is_refused_lost_or_late() -> None:
    for seed in range(3):
        outcome = simulate(script_of(f"calm {seed}", faults=False), replicator)
        keeps(outcome)
        assert outcome.kills == 0
        assert outcome.healed_s < 10


REPLAY = """
import logging
logging.disable(logging.CRITICAL)
from tests.replication.test_simulation import digest_of_a_run
print(digest_of_a_run())
"""


def digest_of_a_run() -> str:
    """What a seed makes happen, to the microsecond."""
    trace = simulate(script_of("replayed"), replicator).trace
    return hashlib.sha256("\n".join(trace).encode()).hexdigest()


def test_a_seed_replays_the_run_in_another_process_too() -> None:
    here = digest_of_a_run()
    assert here == digest_of_a_run()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", REPLAY], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == here, "the order of a set decides what happens"


# --- the walk ------------------------------------------------------------------------------------------

WALKED = (Kill(0, 0), Stop(0, 0), Crash("a"), Crash("b"), Recreate("a"), Recreate("b"))


def walked(fault: Fault, step: int) -> Script:
    """Two nodes that write to the same documents; `fault` strikes at this step of the link from a to b. All
    walks go the same way until then, since their seed is the same."""
    links = (Link("a", "b", ("a",)), Link("b", "a", ("b",)))
    shape = Shape({"a": (0.0, 0.0), "b": (5.0, 0.0)}, links, 0.02, 0.0)
    kinds = ("put", "attach", "put", "branch", "attach", "delete", "put")
    writes: list[tuple[float, Action]] = [
        (0.05 + 0.3 * at, Write("ab"[at % 2], kind, at % 2, at)) for at, kind in enumerate(kinds)
    ]
    return Script("walk", shape, [(0.0, Strike(0, 0, step, fault)), *writes, (4.0, Kill(1, 0))])


@pytest.mark.parametrize("fault", WALKED, ids=str)
def test_the_replicator_may_be_struck_at_any_step(fault: Fault) -> None:
    step, places = 1, set()
    while True:
        outcome = simulate(walked(fault, step), replicator)
        assert not outcome.failures, f"{fault} at step {step}: {outcome.report()}"
        if not outcome.struck:
            break
        places |= {line.partition(" strike at ")[2].partition(":")[0] for line in outcome.trace}
        step += 1
    calls = ("info", "local", "changes", "feed", "revs_diff", "bulk_get", "open_revs", "bulk_docs", "commit")
    for call in (*calls, "put_opened", "put_local"):
        assert {f"{call} before", f"{call} done", f"{call} after"} <= places


# --- planted bugs --------------------------------------------------------------------------------------


class Wrapped:
    """A peer with a bug: what is not overridden is the peer's own."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._peer, name)


class Eager(Wrapped):
    """Says that writes are done before they are even sent: so the checkpoint comes early."""

    LATE_S = 3.0

    async def bulk_docs(self, docs: Sequence[bytes]) -> list[Refusal]:
        self._later(lambda: self._peer.bulk_docs(docs))
        return []

    async def put_opened(self, opened: Opened) -> None:
        chunks = [bytes(chunk) async for chunk in opened.chunks]

        async def again() -> AsyncIterator[bytes]:
            for chunk in chunks:
                yield chunk

        self._later(lambda: self._peer.put_opened(msgspec.structs.replace(opened, chunks=again())))

    def _later(self, write: Callable[[], Any]) -> None:
        async def late() -> None:
            await asyncio.sleep(self.LATE_S)
            await asyncio.gather(write(), return_exceptions=True)

        this_loop().create_task(late())


class WinnersOnly(Wrapped):
    """Leaves the losing leaves out."""

    async def changes(self, since: Seq, filter: Filter, limit: int, *, seq_interval: int = 1) -> Changes:
        page = await self._peer.changes(since, filter, limit, seq_interval=seq_interval)
        return msgspec.structs.replace(page, results=[_first_leaf(row) for row in page.results])

    @asynccontextmanager
    async def feed(self, since: Seq, filter: Filter) -> AsyncIterator[AsyncIterator[FeedEvent]]:
        async with self._peer.feed(since, filter) as events:

            async def fewer() -> AsyncIterator[FeedEvent]:
                async for event in events:
                    yield _first_leaf(event) if isinstance(event, Change) else event

            yield fewer()


def _first_leaf(row: Change) -> Change:
    return msgspec.structs.replace(row, changes=row.changes[:1])


class Hasty(Node):
    """Answers before the fsync."""

    async def write(self, name: str, operation: Callable[[SimDatabase], T]) -> T:
        database, life = self.database(name), self.life
        outcome = operation(database)
        self.ring()

        def sync() -> None:
            if self.life == life:
                database.sync()

        self.loop.call_later(1.0, sync)
        return outcome


def found(
    runner: Runner,
    invariants: set[str],
    *,
    node_type: type[Node] = Node,
    scripts: Callable[[int], Script] = script_of,
    seeds: int = MUTANT_SEEDS,
) -> bool:
    """Whether some seed shows the bug by one of these invariants."""
    for seed in range(seeds):
        failures = simulate(scripts(seed), runner, node_type).failures
        if {failure.partition(":")[0] for failure in failures} & invariants:
            return True
    return False


def test_a_checkpoint_before_the_write_is_found() -> None:
    async def early(errand: Errand) -> None:
        errand.target = cast(Peer, Eager(errand.target))
        await replicator(errand)

    assert found(early, {"checkpoint"})


def test_a_leaf_that_is_left_out_is_found() -> None:
    async def lossy(errand: Errand) -> None:
        errand.source = cast(Peer, WinnersOnly(errand.source))
        await replicator(errand)

    assert found(lossy, {"liveness"})


def test_a_wrong_winner_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Tree._rank
    monkeypatch.setattr(Tree, "_rank", lambda self, leaf: (False, *right(self, leaf)[1:]))
    assert found(replicator, {"winner"})


def test_an_answer_before_the_fsync_is_found() -> None:
    assert found(replicator, {"checkpoint", "liveness"}, node_type=Hasty)


def test_a_refused_document_that_is_forgotten_is_found() -> None:
    async def forgetful(errand: Errand) -> None:
        await replicator(errand, ForgetfulStore())

    assert found(forgetful, {"checkpoint"})


def put_back(seed: int) -> Script:
    """The target loses what it got after its backup."""
    shape = Shape(
        {"a": (0.0, 0.0), "b": (0.0, 0.0)}, (Link("a", "b", ("a",)), Link("b", "a", ("b",))), 0.02, 0.0
    )
    writes: list[tuple[float, Action]] = [(0.4 * at, Write("a", "put", at, at)) for at in range(7)]
    faults: list[tuple[float, Action]] = [
        (1.5, Backup("b")),
        (4.0, Crash("b")),
        (16.0, Restart("b", older=True)),
    ]
    return Script(f"put back {seed}", shape, sorted([*writes, *faults], key=lambda each: each[0]))


def test_believing_the_source_alone_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """CouchDB's comparison: a target that was put back to an older copy stays without what it lost."""
    assert not found(replicator, {"checkpoint", "liveness"}, scripts=put_back, seeds=5)
    monkeypatch.setattr(checkpoint, "_older", lambda on_source, on_target: on_source)
    assert found(replicator, {"checkpoint", "liveness"}, scripts=put_back, seeds=5)


def test_a_checkpoint_that_arrives_in_the_next_database_of_the_name_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Checkpoints, "_of_these_lives", lambda self, doc: doc)
    scripts = lambda step: walked(Recreate("b"), step)  # noqa: E731
    assert found(replicator, {"checkpoint", "liveness"}, scripts=scripts)
