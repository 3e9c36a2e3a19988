"""What decides about a view's rows, and that they follow the documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from couchgrass.docdb.http.view_index import View, Views, view_of
from couchgrass.errors import NotFound
from couchgrass.testing.in_process import Served, served

MAP = "function (doc) { emit(doc.n, null); }"


def rows_of(answer: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(row["id"], row["key"]) for row in answer["rows"]]


def test_views_with_the_same_rows_have_the_same_signature() -> None:
    ddoc = {"views": {"a": {"map": MAP, "reduce": "_sum"}, "b": {"map": MAP}, "c": {"map": MAP + " "}}}
    a, b, c = (view_of(ddoc, name) for name in "abc")
    assert a.signature == b.signature != c.signature
    for change in ({"lib": {"x": "1"}}, {"a": {"map": MAP, "options": {"collation": "raw"}}}):
        assert view_of({"views": ddoc["views"] | change}, "a").signature != a.signature
    for option in ("include_design", "local_seq"):
        assert view_of({**ddoc, "options": {option: True}}, "a").signature != a.signature


@pytest.mark.parametrize("views", [None, [], {}, {"lib": {"map": MAP}}, {"v": 1}, {"v": {}}])
def test_a_view_that_is_not_there_is_not_found(views: Any) -> None:
    with pytest.raises(NotFound) as refused:
        view_of({"views": views}, "lib" if views and "lib" in views else "v")
    assert refused.value.reason == "missing_named_view"


def test_keys_are_ordered_as_the_view_says() -> None:
    assert View("v", MAP).sort_key("b") > View("v", MAP).sort_key("A")
    raw = View("v", MAP, collation="raw").sort_key
    assert raw("b") > raw("A")
    assert raw("a") > raw("B")
    assert raw([]) < raw("")


async def ready(server: Served) -> None:
    await server.json("PUT", "/db")
    await server.json("PUT", "/db/_design/d", {"views": {"v": {"map": MAP}}})


def test_documents_are_mapped_once_and_views_are_let_go_when_there_is_no_room(tmp_path: Path) -> None:
    import asyncio

    async def work() -> None:
        async with served(tmp_path / "data") as server:
            await ready(server)
            await server.put_docs("db", 2500)
            assert (await server.json("GET", "/db/_design/d/_view/v?limit=1"))["total_rows"] == 2500
            views, db = server.server.views, server.server.store.get("db")
            view = View("v", MAP)
            first = views.kept(db, view)
            assert first is not None
            await server.put_docs("db", 1, "more")
            assert (await server.json("GET", "/db/_design/d/_view/v?limit=1"))["total_rows"] == 2501
            assert views.kept(db, view) is first
            views._bytes_max = first.rows.bytes + 20_000
            await server.json("PUT", "/db/_design/e", {"views": {"w": {"map": MAP.replace("null", "1")}}})
            assert (await server.json("GET", "/db/_design/e/_view/w?limit=1"))["total_rows"] == 2501
            assert views.kept(db, view) is None

    asyncio.run(work())


def test_a_view_that_alone_takes_too_much_is_refused(tmp_path: Path) -> None:
    import asyncio

    async def work() -> None:
        async with served(tmp_path / "data") as server:
            server.server.views = Views(server.server.javascript, bytes_max=100_000)
            await ready(server)
            await server.put_docs("db", 5000)
            async with server.session.get(f"{server.url}/db/_design/d/_view/v") as answer:
                found = await answer.json()
                assert (answer.status, found["error"]) == (507, "insufficient_storage")
                assert "stored indexes come later" in found["reason"]

    asyncio.run(work())


def test_the_views_of_a_deleted_database_are_forgotten(tmp_path: Path) -> None:
    import asyncio

    async def work() -> None:
        async with served(tmp_path / "data") as server:
            await ready(server)
            await server.put_docs("db", 3)
            assert len((await server.json("GET", "/db/_design/d/_view/v"))["rows"]) == 3
            await server.json("DELETE", "/db")
            await ready(server)
            assert (await server.json("GET", "/db/_design/d/_view/v"))["rows"] == []
            assert len(server.server.views._kept) == 1

    asyncio.run(work())
