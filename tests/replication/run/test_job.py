"""A job over its runs: peers that go away and come back, crashes, stops; and how far behind it says it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from couchgrass.clock import SystemClock
from couchgrass.couch.peer import Peer
from couchgrass.errors import CouchgrassError, Forbidden, PeerLost
from couchgrass.replication.identity import RepId
from couchgrass.replication.lifecycle import Happening
from couchgrass.replication.run import peers
from couchgrass.replication.run.job import Job, Origin
from couchgrass.replication.run.letters import LetterBox
from couchgrass.replication.spec import Defaults, parse
from couchgrass.replication.status import State
from couchgrass.testing.call import call
from couchgrass.testing.forgetful import ForgetfulStore
from couchgrass.testing.server import running

from ..pair import Side, become, pair, side, until
from ..wire import Wire, wire

# `lag_s` is said in whole milliseconds.
ROUNDED_S = 0.001

# --- without a server: a job whose databases can't even be named -------------------------------------


class Log:
    """What happened to a job."""

    def __init__(self) -> None:
        self.happened: list[Happening] = []

    def __call__(self, job: Job, what: Happening) -> None:
        self.happened.append(what)


def job_of(ends: Callable[[], tuple[Peer, Peer]], heard: Log, *, document: str | None = "doc") -> Job:
    return Job(
        rep_id=RepId("0123456789abcdef"),
        wanted=parse({"source": "a", "target": "b"}, Defaults()),
        origin=Origin(None if document is None else "_replicator", document),
        clock=SystemClock(),
        letters=LetterBox(ForgetfulStore()),
        turns=asyncio.Semaphore(1),
        peers=ends,
        servers=list,
        history_max=5,
        heard=heard,
    )


def failing(error: Exception) -> Callable[[], tuple[Peer, Peer]]:
    def ends() -> tuple[Peer, Peer]:
        raise error

    return ends


async def is_in(job: Job, state: State) -> None:
    async def look() -> State:
        return job.life.state

    await become(look, state)


@pytest.mark.parametrize("error", [Forbidden("no"), PeerLost("gone"), OSError(2, "no such file")])
def test_a_job_that_backs_off_is_stopped_at_once_and_starts_again(error: Exception) -> None:
    async def work() -> None:
        heard = Log()
        job = job_of(failing(error), heard)
        await job.stop()  # nothing to stop
        job.start()
        await is_in(job, State.CRASHING)
        assert job.life.error is not None and job.next_try() is not None
        await asyncio.gather(job.stop(), job.stop(), job.stop())
        assert job.life.state is State.PENDING and not job.is_stopping and job.next_try() is None
        assert heard.happened.count(Happening.STOPPED) == 1
        job.start()
        await is_in(job, State.CRASHING)
        await job.stop()
        assert not job.ended.done()

    asyncio.run(work())


def test_a_job_that_is_stopped_before_it_began_never_runs() -> None:
    async def work() -> None:
        heard = Log()
        job = job_of(failing(Forbidden("no")), heard)
        job.start()
        await job.stop()
        assert (job.life.state, heard.happened) == (State.PENDING, [])

    asyncio.run(work())


def test_a_job_that_is_asked_tries_at_once_and_leaves_no_task_behind() -> None:
    async def work() -> None:
        heard = Log()
        job = job_of(failing(Forbidden("no")), heard)
        job.start()
        for crashes in range(1, 12):  # past this a wait takes half a minute

            async def crashed(crashes: int = crashes) -> bool:
                return job.life.crashes >= crashes and job.life.state is State.CRASHING

            await until(crashed)
            job.wake()
        await job.stop()
        await until(alone)

    async def alone() -> bool:
        return asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(work())


def test_what_is_asked_for_once_and_crashes_has_ended() -> None:
    async def work() -> None:
        job = job_of(failing(Forbidden("no")), Log(), document=None)
        job.start()
        with pytest.raises(Forbidden):
            await job.ended
        await job.stop()
        assert job.life.state is State.PENDING

    asyncio.run(work())


class Stubborn:
    """A database that fails in its own way when a run is cancelled."""

    name = "stubborn"

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def info(self) -> Any:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise PeerLost("closed while it was asked") from None


def test_a_stop_is_not_lost_when_something_fails_at_the_same_time() -> None:
    async def work() -> None:
        peer: Any = Stubborn()
        heard = Log()
        job = job_of(lambda: (peer, peer), heard)
        job.start()
        await peer.asked.wait()
        async with asyncio.timeout(60.0):
            await job.stop()
        assert job.life.state is State.PENDING

    asyncio.run(work())


def test_a_stop_is_not_lost_while_what_watches_a_server_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        peer: Any = Stubborn()
        server: Any = peers.Server("http://127.0.0.1:1", peers.Tls(), None)
        job = job_of(lambda: (peer, peer), Log())
        job._servers = lambda: [server]
        job.start()
        await peer.asked.wait()
        stopping = asyncio.ensure_future(job.stop())
        for gone in list(server._feeding.values()):
            gone("no answer")
        async with asyncio.timeout(60.0):
            await stopping
        assert job.life.state is State.PENDING
        await server.close()

    asyncio.run(work())


# --- between two servers -----------------------------------------------------------------------------


def on(source: str, target: str) -> dict[str, Any]:
    return {"source": source, "target": target, "continuous": True, "checkpoint_interval": 50}


def wired(folder: Path, work: Callable[[Side, Side, Wire], Any]) -> None:
    """`work(a, b, the wire from a to b)`."""

    async def run(a: Side, b: Side) -> None:
        async with wire(b.url) as line:
            await work(a, b, line)

    pair(folder, run)


async def lag(a: Side) -> Any:
    return (await a.row("on")).get("lag_s")


async def idle(a: Side) -> bool:
    return bool(await lag(a) == 0.0)


async def lags(a: Side, above_s: float) -> bool:
    found = await lag(a)
    return found is not None and found > above_s


@pytest.mark.parametrize("away", ["source", "target"])
def test_a_link_whose_peer_went_away_heals_and_tells_how_far_behind_it_is(tmp_path: Path, away: str) -> None:
    async def work(a: Side, b: Side, line: Wire) -> None:
        source, target = (a, b) if away == "target" else (b, a)
        ends = ("db", line.at("db")) if away == "target" else (line.at("db"), "db")
        await source.put("/db/before", {})
        await a.put("/_replicator/on", on(*ends))
        await until(lambda: target.has("/db/before"))
        await until(lambda: idle(a))
        await line.cut()
        await source.put("/db/meanwhile", {})
        await become(lambda: a.state("on"), "crashing")
        row = await until(lambda: tried_later(a))
        assert "peer_lost" in row["info"]["error"] and "in-process" not in str(row)
        await until(lambda: lags(a, 0.3))
        first = await lag(a)
        await until(lambda: lags(a, first))
        await line.open()
        await until(lambda: target.has("/db/meanwhile"))
        await become(lambda: a.state("on"), "running")
        await until(lambda: idle(a))
        row = await a.row("on")
        assert row["error_count"] == 0 and row["next_try"] is None, "it did not back off"

    async def tried_later(a: Side) -> Any:
        row = await a.row("on")
        return row if row.get("next_try") else None

    wired(tmp_path, work)


@pytest.mark.parametrize("away", ["source", "target"])
def test_a_silent_cut_is_noticed_and_healed(
    tmp_path: Path, away: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "WATCH_S", 0.2)
    monkeypatch.setattr(peers, "PROBE_S", 1.0)

    async def work(a: Side, b: Side, line: Wire) -> None:
        source, target = (a, b) if away == "target" else (b, a)
        ends = ("db", line.at("db")) if away == "target" else (line.at("db"), "db")
        await source.put("/db/before", {})
        await a.put("/_replicator/on", on(*ends))
        await until(lambda: target.has("/db/before"))
        line.mute()
        await source.put("/db/meanwhile", {})
        await become(lambda: a.state("on"), "crashing")
        await until(lambda: lags(a, 0.1))
        assert not await target.has("/db/meanwhile")
        monkeypatch.setattr(peers, "PROBE_S", 60.0)
        line.unmute()
        await until(lambda: target.has("/db/meanwhile"))
        await until(lambda: idle(a))

    wired(tmp_path, work)


def test_nothing_is_said_of_the_lag_before_something_is_known_and_then_all_the_time(tmp_path: Path) -> None:
    async def work(a: Side, b: Side, line: Wire) -> None:
        job = job_of(failing(Forbidden("no")), Log())
        assert job.lag_s() is None
        await line.cut()
        await a.put("/_replicator/on", on(line.at("db"), "db"))
        await become(lambda: a.state("on"), "crashing")
        await until(lambda: lags(a, 0.2))
        await line.open()
        await become(lambda: a.state("on"), "running")
        await until(lambda: idle(a))

    wired(tmp_path, work)


@pytest.mark.parametrize("away", ["source", "target"])
def test_after_a_restart_it_is_known_how_old_the_link_is_although_a_peer_is_away(
    tmp_path: Path, away: str
) -> None:
    async def work() -> None:
        async with side(tmp_path / "b") as b, wire(b.url) as line:
            await b.json("PUT", "/db")
            async with side(tmp_path / "a") as a:
                await a.json("PUT", "/db")
                source, ends = (b, (line.at("db"), "db")) if away == "source" else (a, ("db", line.at("db")))
                await source.put("/db/one", {})
                await a.put("/_replicator/on", on(*ends))
                await until(lambda: written(a))
                seen_at = time.time()
            await line.cut()
            async with side(tmp_path / "a") as a:
                await until(lambda: lags(a, 0.0))
                before = time.time()
                assert await lag(a) >= before - seen_at - ROUNDED_S

    async def written(a: Side) -> Any:
        row = await a.row("on")
        if not row.get("info") or row["lag_s"] != 0.0:
            return None
        docs = (await a.json("GET", "/db/_local_docs?include_docs=true"))["rows"]
        return docs and docs[0]["doc"].get("caught_up_at")

    asyncio.run(work())


def test_a_killed_server_that_comes_back_is_replicated_with_again(tmp_path: Path) -> None:
    async def work(a: Any, b: Any) -> None:
        def row() -> Any:
            return call(a.auth_url, "GET", "/_scheduler/docs/_replicator/on").json()

        async def there(doc_id: str) -> bool:
            return call(b.auth_url, "GET", f"/db/{doc_id}").status == 200

        async def away() -> bool:
            found = row()
            return found["state"] == "crashing" and found["next_try"] is not None and found["lag_s"] > 1.0

        await until(lambda: there("one"))
        b.kill()
        assert call(a.auth_url, "PUT", "/db/two", {}).status == 201
        await until(away)
        b.start()
        await until(lambda: there("two"))

    with running(tmp_path / "a") as a, running(tmp_path / "b") as b:
        for one in (a, b):
            assert call(one.auth_url, "PUT", "/db").status == 201
        assert call(a.auth_url, "PUT", "/db/one", {}).status == 201
        assert call(a.auth_url, "PUT", "/_replicator/on", on("db", f"{b.auth_url}/db")).status == 201
        asyncio.run(work(a, b))


def test_a_bug_is_told_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        job = job_of(failing(ValueError("s3cret")), Log())
        job.start()
        await is_in(job, State.CRASHING)
        assert job.life.error is not None
        assert "ValueError" in job.life.error and "s3cret" not in job.life.error
        assert isinstance(CouchgrassError(job.life.error), CouchgrassError)
        await job.stop()

    asyncio.run(work())
    assert "failed" in caplog.text
