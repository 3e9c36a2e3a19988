"""The checkpoints of one run, with databases of a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from couchgrass.clock import SystemClock
from couchgrass.couch.database import CouchDatabase
from couchgrass.couch.in_process import AsgiTransport
from couchgrass.docdb.wire import ZERO
from couchgrass.errors import Conflict, Forbidden, PeerLost
from couchgrass.replication.progress import Totals
from couchgrass.replication.run.checkpoints import Checkpoints, Rewound
from couchgrass.replication.run.replicator import KEEPER
from couchgrass.testing.asgi import Asked, asking

ONE, TWO, THREE = (msgspec.Raw(f'"{number}-x"'.encode()) for number in (1, 2, 3))
REP = "abc"


class Twice:
    """Two databases of one server, and runs that keep their checkpoints there."""

    def __init__(self, server: Asked) -> None:
        self.transport = AsgiTransport(server.app, KEEPER)
        self.source: Any = CouchDatabase(self.transport, "source")
        self.target: Any = CouchDatabase(self.transport, "target")

    async def run(self, *, enabled: bool = True, since: Any = None) -> Checkpoints:
        made = Checkpoints(self.source, self.target, REP, clock=SystemClock(), enabled=enabled, since=since)
        await made.open((await self.source.info(), await self.target.info()))
        return made


def with_two(folder: Path, work: Callable[[Twice], Awaitable[None]]) -> None:
    async def run(server: Asked) -> None:
        await server.admin("PUT", "/source")
        await server.admin("PUT", "/target")
        await work(Twice(server))

    asking(folder / "data", run)


def test_a_run_goes_on_from_what_the_last_one_wrote(tmp_path: Path) -> None:
    async def work(both: Twice) -> None:
        first = await both.run(since=THREE)
        assert (first.start, first.newest, first.wrote) == (THREE, None, False), "nothing is there yet"
        await first.save(THREE, Totals(), None)
        assert not first.wrote, "it says nothing new"
        await first.save(ONE, Totals(docs_written=1), 1000.0)
        await first.save(TWO, Totals(docs_written=2), 2000.0)
        second = await both.run(since=THREE)
        assert (second.start, second.caught_up_at) == (TWO, 2000.0)
        assert second.newest is not None and second.newest["history"][0]["docs_written"] == 2
        await second.save(THREE, Totals(), None)
        docs = [await side.local(REP) for side in (both.source, both.target)]
        assert docs[0] == docs[1]
        assert [entry["recorded_seq"] for entry in docs[0]["history"]] == ["3-x", "2-x"]

    with_two(tmp_path, work)


def test_without_checkpoints_a_run_begins_where_it_is_told_to(tmp_path: Path) -> None:
    async def work(both: Twice) -> None:
        assert (await both.run(enabled=False)).start == ZERO
        run = await both.run(enabled=False, since=TWO)
        assert run.start == TWO
        await run.save(THREE, Totals(), None)
        assert await both.source.local(REP) is None

    with_two(tmp_path, work)


@pytest.mark.parametrize("place", ["source", "target"])
@pytest.mark.parametrize("how", ["deleted", "changed", "recreated"])
def test_what_is_not_as_it_was_is_noticed_before_the_next_write(tmp_path: Path, place: str, how: str) -> None:
    async def work(both: Twice) -> None:
        run = await both.run()
        await run.save(ONE, Totals(), None)
        side = getattr(both, place)
        doc = await side.local(REP)
        match how:
            case "deleted":
                await side._ask("DELETE", f"/_local/{REP}", query=[("rev", doc["_rev"])])
            case "changed":
                await side.put_local(REP, {**doc, "session_id": "other"})
            case _:
                await side._ask("DELETE", "")
                await side.create({})
        with pytest.raises(Rewound):
            await run.save(TWO, Totals(), None)
        assert run.last == ONE

    with_two(tmp_path, work)


class Unheard(CouchDatabase):
    """Writes a checkpoint, and then `failure` comes instead of the answer."""

    failure: BaseException | None = None

    async def put_local(self, doc_id: str, doc: Any) -> str:
        rev = await super().put_local(doc_id, doc)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        return rev


@pytest.mark.parametrize("place", ["source", "target"])
@pytest.mark.parametrize("failure", [PeerLost("cut"), asyncio.CancelledError(), Conflict()])
def test_a_write_whose_answer_was_not_heard_is_known_as_our_own(
    tmp_path: Path, place: str, failure: BaseException
) -> None:
    async def work(both: Twice) -> None:
        side = Unheard(both.transport, place)
        setattr(both, place, side)
        run = await both.run()
        await run.save(ONE, Totals(), None)
        side.failure = failure
        try:
            await run.save(TWO, Totals(), None)
        except (PeerLost, asyncio.CancelledError):
            assert run.last == ONE
        await run.save(THREE, Totals(), None)
        docs = [await each.local(REP) for each in (both.source, both.target)]
        assert [doc["source_last_seq"] for doc in docs] == ["3-x", "3-x"]

    with_two(tmp_path, work)


def test_between_the_two_writes_the_older_one_counts(tmp_path: Path) -> None:
    async def work(both: Twice) -> None:
        run = await both.run()
        await run.save(ONE, Totals(), None)
        target = Unheard(both.transport, "target")
        both.source = Unheard(both.transport, "source")
        both.target = target
        run = await both.run()
        both.source.failure = PeerLost("killed between the two")
        with pytest.raises(PeerLost):
            await run.save(TWO, Totals(), None)
        assert (await both.source.local(REP))["source_last_seq"] == "2-x"
        assert (await both.run()).start == ONE

    with_two(tmp_path, work)


class Closed(CouchDatabase):
    """Takes no checkpoints."""

    async def put_local(self, doc_id: str, doc: Any) -> str:
        raise Forbidden("not yours")


@pytest.mark.parametrize("place", ["source", "target"])
def test_who_is_refused_goes_on_without(tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture) -> None:
    async def work(both: Twice) -> None:
        setattr(both, place, Closed(both.transport, place))
        run = await both.run()
        await run.save(ONE, Totals(), None)
        await run.save(TWO, Totals(), None)
        assert run.refused == f"{place} takes no checkpoints: not yours"
        assert not run.wrote and run.last == ZERO

    with_two(tmp_path, work)
    assert caplog.text.count("takes no checkpoints") == 1
