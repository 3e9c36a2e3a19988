"""Large code in the database: in pieces, whole again, swept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from couchgrass.couch.mirror import Mirror
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import NotFound, ServiceUnavailable
from couchgrass.functions.documents import PIECE_BYTES, Pieces, new_pieces
from couchgrass.functions.store.pieces import Notes, PieceStore
from couchgrass.testing.server import ServerProcess
from tests.couch.test_mirror import Docs
from tests.functions.store.shelf import asked


async def stored(couch: CouchServer, db: str, folder: Path) -> PieceStore:
    await couch.ask("PUT", path(db))
    return PieceStore(
        couch.transport(), db, Mirror(couch, db, Docs(), snapshot=folder / "s"), notes=folder / "n"
    )


async def ids(couch: CouchServer, db: str) -> list[Any]:
    return [row["id"] for row in (await couch.ask("GET", path(db, "_all_docs")))["rows"]]


def test_code_larger_than_a_piece_comes_back_whole_and_goes_wholly(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        store = await stored(couch, db_name, tmp_path)
        text = bytes(range(256)) * (PIECE_BYTES // 256) + b"end"
        where = new_pieces(len(text), now_ms=1, random=b"a")
        await store.put(where, text)
        assert await store.get(where) == text
        assert len(await ids(couch, db_name)) == where.count == 2
        await store.remove(where)
        await store.remove(where)
        assert await ids(couch, db_name) == []
        with pytest.raises(NotFound):
            await store.get(where)

    asked(couch_server, work)


def test_what_is_noted_and_not_used_is_swept_and_nothing_else(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        store = await stored(couch, db_name, tmp_path)
        for lead in ("code:1:aa", "code:2:bb", "code:3:cc"):
            await store.put(Pieces(lead, 1), b"x")
        store.notes.remove(Pieces("code:3:cc", 1))
        store.notes.add(Pieces("code:4:dd", 2))
        again = await stored(couch, f"{db_name}_", tmp_path)
        noted = sorted(again.notes.all(), key=lambda pieces: pieces.lead)
        assert noted == [Pieces("code:1:aa", 1), Pieces("code:2:bb", 1), Pieces("code:4:dd", 2)]
        assert await store.sweep(noted, ["code:2:bb"]) == 3
        assert await ids(couch, db_name) == ["code:2:bb:0", "code:3:cc:0"]
        assert store.notes.all() == []
        await couch.ask("DELETE", path(f"{db_name}_"))

    asked(couch_server, work)


def test_notes_are_not_worth_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path, tmp_path / "file"):
        notes = Notes(folder)
        assert notes.all() == []
        notes.add(Pieces("code:1:aa", 1))
        notes.remove(Pieces("code:1:aa", 1))
        notes.remove(Pieces("code:1:aa", 1))


def test_a_database_that_refuses_is_not_available(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        store = PieceStore(
            couch.transport(),
            db_name,
            Mirror(couch, db_name, Docs(), snapshot=tmp_path),
            notes=tmp_path / "n",
        )
        with pytest.raises(ServiceUnavailable):
            await store.put(Pieces("code:1:aa", 1), b"x")
        assert not await store.remove(Pieces("code:1:aa", 1))
        assert store.notes.all() == [Pieces("code:1:aa", 1)]

    asked(couch_server, work)
