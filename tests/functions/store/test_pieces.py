"""Large code in the database: in pieces, whole again, swept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import NotFound, ServiceUnavailable
from couchgrass.functions.documents import AGE_MS_MIN, PIECE_BYTES, Pieces, new_pieces
from couchgrass.functions.store import pieces as module
from couchgrass.functions.store.mirror import Mirror
from couchgrass.functions.store.pieces import PieceStore
from couchgrass.testing.server import ServerProcess
from tests.functions.store.shelf import asked
from tests.functions.store.test_mirror import Docs


async def stored(couch: CouchServer, db: str, folder: Path) -> PieceStore:
    await couch.ask("PUT", path(db))
    return PieceStore(couch.transport(), db, Mirror(couch, db, Docs(), snapshot=folder / "s"))


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


def test_old_pieces_that_no_action_has_are_swept_and_no_others(
    couch_server: ServerProcess, db_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEP_ROWS", 2)

    async def work(couch: CouchServer) -> None:
        store = await stored(couch, db_name, tmp_path)
        for lead in ("code:1:aa", "code:2:bb", "code:3:cc", "code:9:dd"):
            await store.put(Pieces(lead, 1), b"x")
        await couch.ask("PUT", path(db_name, "ns/a"), {})
        assert await store.sweep(["code:2:bb"], now_ms=AGE_MS_MIN + 5) == 2
        assert await ids(couch, db_name) == ["code:2:bb:0", "code:9:dd:0", "ns/a"]

    asked(couch_server, work)


def test_a_database_that_refuses_is_not_available(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        store = PieceStore(couch.transport(), db_name, Mirror(couch, db_name, Docs(), snapshot=tmp_path))
        with pytest.raises(ServiceUnavailable):
            await store.put(Pieces("code:1:aa", 1), b"x")
        await store.remove(Pieces("code:1:aa", 1))

    asked(couch_server, work)
