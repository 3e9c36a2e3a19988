"""Entities in the region's database: written, read by others, raced for, with their code."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from couchgrass.couch import mirror
from couchgrass.couch.mirror import generation
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import Conflict, NotFound, ServiceUnavailable
from couchgrass.functions.documents import CODE_INLINE_BYTES_MAX, Pieces
from couchgrass.functions.entity import Action, Exec, Package, Parameter, Rule, Trigger
from couchgrass.functions.store.entities import Entities
from couchgrass.testing.server import ServerProcess, running
from tests.functions.store.shelf import action, asked, until

LARGE = "#" * (CODE_INLINE_BYTES_MAX + 1)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start with a snapshot waits for the server all the same, however slow that is."""
    monkeypatch.setattr(mirror, "START_KNOWING_S", 60.0)


class Fixed:
    """A clock that is moved by hand."""

    def __init__(self, now: float = 1000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


async def opened(couch: CouchServer, db: str, cache: Path, **more: Any) -> Entities:
    return await Entities.open(couch, database=db, cache=cache, clock=Fixed(), **{"start_s": 60.0, **more})


async def piece_ids(couch: CouchServer, db: str) -> list[str]:
    rows = (await couch.ask("GET", path(db, "_all_docs")))["rows"]
    return [row["id"] for row in rows if row["id"].startswith("code:")]


def test_what_is_put_is_there_at_once_and_after_a_restart(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        entities = await opened(couch, db_name, tmp_path / "a")
        parameters = (Parameter("p", {"big": 2**60, "f": 1.0}), Parameter("q", init=True))
        put = [
            await entities.put(Package("ns", "pkg", parameters=parameters, updated=1)),
            await entities.put(action("act", "main = 1", package="pkg"), b"main = 1"),
            await entities.put(Trigger("ns", "trig", annotations={"a": [1]}, updated=2)),
            await entities.put(Rule("ns", "rule", ("ns", "trig"), ("ns", "pkg", "act"), active=False)),
        ]
        again = await opened(couch, db_name, tmp_path / "b")
        for held in (entities, again):
            assert [
                held.package("ns", "pkg"),
                held.action("ns", "pkg", "act"),
                held.trigger("ns", "trig"),
                held.rule("ns", "rule"),
            ] == put
            assert held.rules_of("ns", "trig") == [put[3]] and held.actions("ns", "pkg") == [put[1]]
            code = await held.code(held.action("ns", "pkg", "act"))
            assert (code.text, code.name, code.main, code.binary) == (b"main = 1", "act", "main", False)
        await entities.close()
        await again.close()

    asked(couch_server, work)


def test_another_writers_changes_arrive_and_a_race_has_one_winner(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        one = await opened(couch, db_name, tmp_path / "a")
        two = await opened(couch, db_name, tmp_path / "b")
        trigger = await one.put(Trigger("ns", "t"))
        await until(lambda: two.triggers("ns") == [trigger])
        results = await asyncio.gather(
            one.put(msgspec.structs.replace(trigger, version="0.0.2")),
            two.put(msgspec.structs.replace(trigger, version="0.0.3")),
            return_exceptions=True,
        )
        lost = [result for result in results if isinstance(result, Conflict)]
        won = [result for result in results if isinstance(result, Trigger)]
        assert len(lost) == len(won) == 1
        assert lost[0].reason == "Concurrent modification to resource detected."
        await until(lambda: one.triggers("ns") == two.triggers("ns") == won)
        with pytest.raises(Conflict, match="Concurrent modification"):
            await one.delete(trigger)
        with pytest.raises(Conflict, match="Concurrent modification"):
            await two.put(Trigger("ns", "t"))
        await two.delete(won[0])
        with pytest.raises(NotFound):
            two.trigger("ns", "t")
        await until(lambda: not one.triggers("ns"))
        again = await one.put(Trigger("ns", "t"))
        await until(lambda: two.triggers("ns") == [again])
        await one.close()
        await two.close()

    asked(couch_server, work)


def test_memory_never_goes_back_behind_what_was_put(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        entities = await opened(couch, db_name, tmp_path)
        trigger, done = await entities.put(Trigger("ns", "t")), False
        seen: list[int] = []

        async def look() -> None:
            while not done:
                seen.append(generation(entities.trigger("ns", "t").rev))
                await asyncio.sleep(0)

        looking = asyncio.create_task(look())
        for number in range(2, 42):
            trigger = await entities.put(msgspec.structs.replace(trigger, version=f"0.0.{number}"))
            assert entities.trigger("ns", "t") == trigger
        done = True
        await looking
        assert seen == sorted(seen)
        await entities.close()

    asked(couch_server, work)


def test_large_code_is_in_pieces_that_go_with_it(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        entities = await opened(couch, db_name, tmp_path / "a")
        first = await entities.put(action("act", LARGE), LARGE.encode())
        pieces = await piece_ids(couch, db_name)
        assert len(pieces) == 1
        doc = await couch.ask("GET", path(db_name, "ns/act"))
        assert "code" not in doc and doc["pieces"]["count"] == 1
        # An update without code leaves it where it is; one with the same code too.
        second = await entities.put(msgspec.structs.replace(first, version="0.0.2"))
        second = await entities.put(second, LARGE.encode())
        assert await piece_ids(couch, db_name) == pieces
        other = await opened(couch, db_name, tmp_path / "b")
        assert (await other.code(other.action("ns", "", "act"))).text == LARGE.encode()
        # Other code: new pieces, the old ones go. Small code: none.
        third = await entities.put(action("act", LARGE + "!", rev=second.rev), f"{LARGE}!".encode())
        moved = await piece_ids(couch, db_name)
        assert len(moved) == 1 and moved != pieces
        fourth = await entities.put(action("act", "small", rev=third.rev), b"small")
        assert await piece_ids(couch, db_name) == []
        fifth = await entities.put(action("act", LARGE, rev=fourth.rev), LARGE.encode())
        await entities.delete(fifth)
        assert await piece_ids(couch, db_name) == []
        await entities.close()
        await other.close()

    asked(couch_server, work)


def test_who_loses_a_race_leaves_no_code_behind(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        entities = await opened(couch, db_name, tmp_path)
        won = await entities.put(action("act", LARGE), LARGE.encode())
        pieces = await piece_ids(couch, db_name)
        with pytest.raises(Conflict):
            await entities.put(action("act", LARGE + "2"), f"{LARGE}2".encode())
        assert await piece_ids(couch, db_name) == pieces
        assert (await entities.code(won)).text == LARGE.encode()
        await entities.close()

    asked(couch_server, work)


def test_the_largest_archive_fits_and_comes_back(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    archive = base64.b64encode(os.urandom(36 * 1024 * 1024))

    async def work(couch: CouchServer) -> None:
        entities = await opened(couch, db_name, tmp_path / "a")
        big = action("big", archive.decode())
        await entities.put(big, archive)
        other = await opened(couch, db_name, tmp_path / "b")
        code = await other.code(other.action("ns", "", "big"))
        assert code.binary and code.text == archive
        await entities.close()
        await other.close()

    assert len(archive) == 48 * 1024 * 1024
    asked(couch_server, work)


def test_code_is_read_without_the_database_when_it_was_read_before(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:

        async def work(couch: CouchServer) -> None:
            entities = await opened(couch, "whisks", tmp_path / "cache")
            await entities.put(action("seen", "one"), b"one")
            await entities.close()
            shutil.rmtree(tmp_path / "cache" / "code")
            entities = await opened(couch, "whisks", tmp_path / "cache")
            unseen = await entities.put(action("unseen", "two"), b"two")
            assert (await entities.code(entities.action("ns", "", "seen"))).text == b"one"
            await entities.close()
            (tmp_path / "cache" / "code" / unseen.exec.digest).unlink()
            server.kill()
            entities = await opened(couch, "whisks", tmp_path / "cache", start_s=0.1)
            assert not entities.is_live and len(entities.actions("ns")) == 2
            assert (await entities.code(entities.action("ns", "", "seen"))).text == b"one"
            with pytest.raises(ServiceUnavailable):
                await entities.code(entities.action("ns", "", "unseen"))
            with pytest.raises(ServiceUnavailable):
                await entities.put(Trigger("ns", "t"))
            with pytest.raises(ServiceUnavailable):
                await entities.put(action("big", LARGE), LARGE.encode())
            with pytest.raises(ServiceUnavailable):
                await entities.delete(entities.action("ns", "", "seen"))
            assert not entities.triggers("ns") and len(entities.actions("ns")) == 2
            await asyncio.to_thread(server.start)
            await until(lambda: entities.is_live)
            await entities.put(Trigger("ns", "t"))
            await entities.close()

        asked(server, work)


def noted(cache: Path) -> list[str]:
    folder = cache / "pieces"
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


async def swept(couch: CouchServer, db: str, cache: Path) -> list[str]:
    """The pieces that a start leaves."""
    entities = await opened(couch, db, cache)
    assert entities._sweeping is not None
    await entities._sweeping
    await entities.close()
    return await piece_ids(couch, db)


def test_code_that_a_crash_left_behind_is_swept_at_the_next_start(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        entities = await opened(couch, db_name, tmp_path)
        used = await entities.put(action("act", LARGE), LARGE.encode())
        kept = await piece_ids(couch, db_name)
        assert noted(tmp_path) == []
        # Killed after pieces were written, and after an action was to leave its own.
        await entities._pieces.put(Pieces("code:1:ab", 1), b"x")
        entities._pieces.notes.add(Pieces(kept[0].rpartition(":")[0], 1))
        await entities.close()
        assert await swept(couch, db_name, tmp_path) == kept
        assert noted(tmp_path) == []
        entities = await opened(couch, db_name, tmp_path)
        assert used == entities.action("ns", "", "act")
        with pytest.raises(Conflict):
            await entities.delete(msgspec.structs.replace(used, rev="1-ab"))
        assert noted(tmp_path) == [] and await piece_ids(couch, db_name) == kept
        await entities.close()

    asked(couch_server, work)


def test_code_that_came_from_another_region_before_its_action_is_let_be(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        there = await opened(couch, db_name, tmp_path / "there")
        put = await there.put(action("act", LARGE), LARGE.encode())
        await there.close()
        there_ids, here = await piece_ids(couch, db_name), f"{db_name}_here"
        await couch.ask("PUT", path(here))
        for id in there_ids:
            doc = await couch.ask("GET", path(db_name, id), query={"attachments": "true", "revs": "true"})
            await couch.ask("POST", path(here, "_bulk_docs"), {"docs": [doc], "new_edits": False})
        assert await swept(couch, here, tmp_path / "here") == there_ids
        doc = await couch.ask("GET", path(db_name, "ns/act"), query={"revs": "true"})
        await couch.ask("POST", path(here, "_bulk_docs"), {"docs": [doc], "new_edits": False})
        entities = await opened(couch, here, tmp_path / "here")
        assert (await entities.code(put)).text == LARGE.encode()
        await entities.close()
        await couch.ask("DELETE", path(here))

    asked(couch_server, work)


def test_code_of_a_version_that_is_gone_or_that_is_not_what_it_says_is_not_found(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        entities = await opened(couch, db_name, tmp_path / "a")
        put = await entities.put(action("act", "code"), b"code")
        await entities.put(action("act", "new", rev=put.rev), b"new")
        other = await opened(couch, db_name, tmp_path / "b")
        assert (await other.code(put)).text == b"code", "a revision is readable until the next compaction"
        forged = msgspec.structs.replace(other.action("ns", "", "act"), exec=put.exec)
        third = await opened(couch, db_name, tmp_path / "c")
        for wrong in (forged, action("none", "x", rev="1-ab"), Action("ns", "", "s", Exec("sequence"))):
            with pytest.raises(NotFound, match=r"The requested resource does not exist\."):
                await third.code(wrong)
        await entities.close()
        await other.close()
        await third.close()

    asked(couch_server, work)


def test_a_document_that_can_not_be_read_is_passed_over_and_logged(
    couch_server: ServerProcess, db_name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(couch: CouchServer) -> None:
        await couch.ask("PUT", path(db_name))
        await couch.ask("PUT", path(db_name, "ns/odd"), {"entityType": "action"})
        await couch.ask("PUT", "/" + db_name + "/_design/view", {"language": "query"})
        await couch.ask("PUT", path(db_name, "note"), {"text": "somebody's"})
        entities = await opened(couch, db_name, tmp_path)
        assert not entities.actions("ns")
        await entities.close()

    asked(couch_server, work)
    assert [record.getMessage()[:20] for record in caplog.records if "entity" in record.getMessage()] == [
        "the document ns/odd "
    ]
