"""A database's documents in memory by id: what is written is there at once; a change is heard once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from couchgrass.couch.followed import Doc, Followed
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import Conflict, ServiceUnavailable
from couchgrass.testing.in_process import until
from couchgrass.testing.server import ServerProcess
from tests.functions.store.shelf import asked


def test_what_is_written_here_is_known_at_once_and_heard_once(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        heard: list[tuple[str, bool]] = []

        def changed(news: Mapping[str, Doc | None]) -> None:
            heard.extend((doc_id, doc is not None) for doc_id, doc in news.items())

        known = await Followed.open(couch, db_name, cache=tmp_path / "known", changed=changed, wait_s=60.0)
        first = await known.put({"_id": "one", "a": 1})
        assert known.docs["one"] == first == {"_id": "one", "_rev": first["_rev"], "a": 1}
        with pytest.raises(Conflict):
            await known.put({"_id": "one", "a": 2})
        second = await known.put({**first, "a": 2})
        assert await known.fresh("one") == second and await known.fresh("none") is None
        await couch.ask("PUT", path(db_name, "other"), {})
        await couch.ask("PUT", path(db_name, "_design/d"), {})
        await until(lambda: "other" in known.docs)
        await known.delete("one", second["_rev"])
        assert set(known.docs) == {"other"}
        await known.delete("none", "1-a")
        await couch.ask("DELETE", path(db_name))
        await until(lambda: not known.docs)
        assert heard == [("one", True), ("one", True), ("other", True), ("one", False), ("other", False)]
        await known.close()

    asked(couch_server, work)


def test_a_start_without_the_database_goes_on_with_the_file(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        known = await Followed.open(couch, db_name, cache=tmp_path / "known", wait_s=60.0)
        await known.put({"_id": "one"})
        await known.close()
        async with CouchServer(couch.base, db_name, "wrong") as refused:
            again = await Followed.open(refused, db_name, cache=tmp_path / "known", wait_s=0.05)
            assert set(again.docs) == {"one"} and not again.is_current
            with pytest.raises(ServiceUnavailable):
                await again.put({"_id": "two"})
            await again.close()
            with pytest.raises(ServiceUnavailable):
                await Followed.open(refused, db_name, cache=tmp_path / "none", wait_s=0.05)

    asked(couch_server, work)


def test_what_is_no_document_of_ours_is_left_out() -> None:
    heard: list[Any] = []
    known = Followed(heard.append)
    known.take({"_id": "_design/x"})
    known.take({"_id": "gone", "_deleted": True})
    assert not known.docs and not heard
