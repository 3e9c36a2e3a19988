"""A database of a CouchDB that is odd, old, busy or broken: asked again, asked otherwise, or told apart."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from couchgrass.couch import database as couch_database
from couchgrass.couch.database import CouchDatabase
from couchgrass.couch.transport import HttpTransport
from couchgrass.docdb.feed_filter import Filter
from couchgrass.docdb.wire import ZERO, Fetched, NotThere, Wanted
from couchgrass.errors import (
    BadRequest,
    Conflict,
    CouchgrassError,
    Forbidden,
    NotFound,
    PeerLost,
    TooLarge,
)
from couchgrass.testing.scripted import Exchange, Play, Scripted, answers, hangs_up
from tests.couch.asking import closed_port, database, transport_to, with_plays

INFO = answers(200, {"db_name": "db", "update_seq": "7-x", "instance_start_time": "17"})
NO_DATABASE = answers(404, {"error": "not_found", "reason": "Database does not exist."})


def doc(doc_id: str, rev: str, past: tuple[str, ...] = (), **members: Any) -> dict[str, Any]:
    """A leaf as a server gives it; `past` are the digests before its own."""
    start, _, digest = rev.partition("-")
    return {
        "_id": doc_id,
        "_rev": rev,
        "_revisions": {"start": int(start), "ids": [digest, *past]},
        **members,
    }


def bulk(*results: tuple[str, list[dict[str, Any]]]) -> Play:
    return answers(200, {"results": [{"id": doc_id, "docs": docs} for doc_id, docs in results]})


def asked_of(answer: Fetched | NotThere) -> tuple[str, str, str]:
    """An answer in short: id, the revision asked for, and the one that came or an error."""
    if isinstance(answer, Fetched):
        return answer.id, answer.rev, json.loads(answer.doc)["_rev"]
    return answer.id, answer.rev, answer.error


A1, A2, B1 = Wanted("a", "1-a"), Wanted("a", "2-b"), Wanted("b", "1-x")


def bulk_get(
    expected: list[tuple[str, str, str]], *plays: Play, wanted: tuple[Wanted, ...] = (A1, A2, B1)
) -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        found = await database(transport).bulk_get(wanted)
        assert sorted(map(asked_of, found)) == sorted(expected)

    with_plays(work, *plays)


# --- asked again -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        hangs_up,
        answers(500, b"<html>"),
        answers(502),
        answers(503, {"error": "x", "reason": "y"}),
        answers(504),
        answers(429),
        answers(408),
    ],
)
def test_a_request_whose_answer_does_not_come_is_repeated(broken: Play) -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        info = await database(transport).info()
        assert (info.instance_start_time, bytes(info.update_seq)) == ("17", b'"7-x"')
        assert len(peer.seen) == 3

    with_plays(work, broken, broken, INFO)


def test_and_given_up_after_so_many() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(PeerLost, match="answered 500"):
            await database(transport, retries=2).info()
        assert len(peer.seen) == 3

    with_plays(work, answers(500))


@pytest.mark.parametrize("status", [401, 403, 404, 412, 413, 501, 507])
def test_a_refusal_is_not_repeated(status: int) -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(CouchgrassError) as refused:
            await database(transport).info()
        assert refused.value.status == status
        assert len(peer.seen) == 1

    with_plays(work, answers(status, b"<html>no</html>"))


def test_a_server_that_is_down_is_not_asked_again() -> None:
    async def run() -> None:
        async with transport_to(f"http://127.0.0.1:{closed_port()}") as transport:
            with pytest.raises(PeerLost) as lost:
                await database(transport, retry_s=60.0).info()
            assert lost.value.is_down

    asyncio.run(run())


def test_redirects_are_refused_with_what_to_do() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(CouchgrassError, match="/db redirects to another place: use its URL"):
            await database(transport).info()
        assert len(peer.seen) == 1

    with_plays(work, answers(301, location="https://elsewhere.invalid/db"))


@pytest.mark.parametrize("text", [b"\xff\xfe", b"[]", b"{", b"null", b"<html>hello</html>", b""])
def test_an_answer_that_can_not_be_understood_is_lost(text: bytes) -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        peered = database(transport, retries=0)
        asked: list[Any] = [
            peered.info(),
            peered.changes(ZERO, Filter(), 10),
            peered.revs_diff({"a": ["1-a"]}),
            peered.bulk_get([A1]),
            peered.document("a"),
            peered.put_local("a", {}),
            peered.commit(),
        ]
        for one in asked:
            with pytest.raises(PeerLost, match="/db: an answer can't be understood"):
                await one

    with_plays(work, answers(200, text))


# --- names -------------------------------------------------------------------------------------------


def test_names_and_ids_are_one_segment_of_the_path() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        odd = database(transport, "a/b+c$(d)")
        assert odd.name == f"{peer.url}/a%2Fb%2Bc%24%28d%29"
        for doc_id in ("x/y?z#1 +%2F", "_design/a/b", "_local/é"):
            await odd.document(doc_id)
        await odd.local("a/b")
        assert [seen.path.partition("/a%2Fb%2Bc%24%28d%29/")[2] for seen in peer.seen] == [
            "x%2Fy%3Fz%231%20%2B%252F",
            "_design/a%2Fb",
            "_local/%C3%A9",
            "_local/a%2Fb",
        ]

    with_plays(work, answers(200, {}))


# --- single requests ---------------------------------------------------------------------------------


def test_a_database_that_is_there_is_made() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        await database(transport).create({"q": 2, "partitioned": True, "placement": "a b"})
        assert peer.seen[0].query == {"q": "2", "partitioned": "true", "placement": "a b"}
        await database(transport).create({})
        with pytest.raises(Forbidden):
            await database(transport).create({})

    there = answers(412, {"error": "file_exists", "reason": "The file already exists."})
    with_plays(work, answers(201, {"ok": True}), there, answers(403, {"error": "forbidden"}))


@pytest.mark.parametrize(
    ("play", "found"),
    [
        (answers(200, {"_id": "_local/x", "a": 1}), {"_id": "_local/x", "a": 1}),
        (answers(404, {"error": "not_found", "reason": "missing"}), None),
        (answers(404, {"error": "not_found", "reason": "deleted"}), None),
        (answers(200, b"[1]"), None),
        (answers(200, b'{"broken'), None),
    ],
)
def test_a_local_document_or_none(play: Play, found: Any) -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        assert await database(transport).local("x") == found

    with_plays(work, play)


def test_a_database_that_is_not_there_has_no_local_documents() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(NotFound):
            await database(transport).local("x")

    with_plays(work, NO_DATABASE)


def test_writing_a_local_document_gives_its_revision_or_a_conflict() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        assert await database(transport).put_local("x", {"a": 1}) == "0-2"
        with pytest.raises(Conflict):
            await database(transport).put_local("x", {"a": 1})

    refused = answers(409, {"error": "conflict", "reason": "Document update conflict."})
    with_plays(work, answers(201, {"ok": True, "id": "_local/x", "rev": "0-2"}), refused)


@pytest.mark.parametrize(
    ("page", "pending"),
    [
        ({"results": [], "last_seq": 7}, None),
        ({"results": [], "last_seq": [7, "x"], "pending": 5}, 5),
        ({"results": [], "last_seq": "7-x", "pending": None}, None),
        (
            {"results": [{"seq": None, "id": "a", "changes": []}], "last_seq": 0, "pending": 5},
            6,
        ),
    ],
)
def test_pages_of_changes_of_all_makes(page: dict[str, Any], pending: int | None) -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        peered = database(transport, idle_s=30.0)
        found = await peered.changes(ZERO, Filter(doc_ids=("a",)), 100, seq_interval=50)
        assert json.loads(bytes(found.last_seq)) == page["last_seq"]
        [seen] = peer.seen
        assert (seen.method, seen.query["limit"], seen.query["seq_interval"]) == ("POST", "100", "50")
        assert seen.query["timeout"] == "10000", "a long search is not silent for too long"
        assert await database(transport).pending(ZERO, Filter()) == pending

    with_plays(work, answers(200, page))


def test_refusals_of_single_documents_are_told_apart_from_the_rest() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        [refusal] = await database(transport).bulk_docs([b'{"_id":"a"}', b'{"_id":"b"}'])
        assert (refusal.id, refusal.rev, refusal.error, refusal.reason) == ("b", "1-x", "forbidden", "no")
        for kind in (PeerLost, BadRequest, TooLarge):
            with pytest.raises(kind):
                await database(transport, retries=0).bulk_docs([b"{}"])

    rows = [{"id": "a", "ok": True}, {"id": "b", "rev": "1-x", "error": "forbidden", "reason": "no"}]
    with_plays(
        work,
        answers(201, rows),
        answers(201, {"not": "rows"}),
        answers(400, {"error": "bad_request", "reason": "invalid UTF-8 JSON"}),
        answers(413, b"<html>nginx</html>"),
    )


@pytest.mark.parametrize(
    ("plays", "expected"),
    [
        ((answers(201, {"ok": True, "instance_start_time": "17"}),), "17"),
        ((answers(201, {"ok": True, "instance_start_time": 17}),), "17"),
        ((answers(201, {"ok": True}), INFO), "17"),
        ((answers(404, b"<html>"), INFO), "17"),
        ((answers(405, {"error": "method_not_allowed"}), INFO), "17"),
    ],
)
def test_a_commit_says_which_database_it_is(plays: tuple[Play, ...], expected: str) -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        assert await database(transport).commit() == expected

    with_plays(work, *plays)


# --- bulk_get ----------------------------------------------------------------------------------------

ALL = [("a", "1-a", "1-a"), ("a", "2-b", "2-b"), ("b", "1-x", "1-x")]


def ok(*args: Any, **members: Any) -> dict[str, Any]:
    return {"ok": doc(*args, **members)}


def test_leaves_come_one_result_for_each_as_couchdb_gives_them() -> None:
    bulk_get(ALL, bulk(("a", [ok("a", "1-a")]), ("a", [ok("a", "2-b")]), ("b", [ok("b", "1-x")])))


def test_leaves_come_grouped_by_document_as_pouchdb_gives_them() -> None:
    bulk_get(ALL, bulk(("a", [ok("a", "2-b"), ok("a", "1-a")]), ("b", [ok("b", "1-x")])))


def test_leaves_come_in_another_order() -> None:
    bulk_get(ALL, bulk(("b", [ok("b", "1-x")]), ("a", [ok("a", "2-b")]), ("a", [ok("a", "1-a")])))


def test_what_is_left_out_is_not_there() -> None:
    bulk_get(
        [("a", "1-a", "not_found"), ("a", "2-b", "2-b"), ("b", "1-x", "not_found")],
        bulk(("a", [ok("a", "2-b")])),
    )
    bulk_get([("a", "1-a", "not_found")], bulk(), wanted=(A1,))
    bulk_get([("a", "1-a", "not_found")], bulk(("a", [])), wanted=(A1,))


def test_a_successor_answers_for_the_leaf_that_it_replaced() -> None:
    bulk_get([("a", "1-a", "3-d")], bulk(("a", [ok("a", "3-d", ("c", "a"))])), wanted=(A1,))
    bulk_get(
        [("a", "1-a", "3-d"), ("a", "2-b", "not_found"), ("b", "1-x", "1-x")],
        bulk(("b", [ok("b", "1-x")]), ("a", [ok("a", "3-d", ("c", "a"))])),
    )


def test_several_successors_all_come() -> None:
    bulk_get(
        [("a", "1-a", "2-c"), ("a", "1-a", "2-d")],
        bulk(("a", [ok("a", "2-c", ("a",)), ok("a", "2-d", ("a",))])),
        wanted=(A1,),
    )


def test_an_error_is_told_with_its_words() -> None:
    error = {"error": {"id": "a", "rev": "1-a", "error": "forbidden", "reason": "not yours"}}

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        found = await database(transport).bulk_get([A1])
        assert found == [NotThere("a", "1-a", "forbidden", "not yours")]

    with_plays(work, bulk(("a", [error])))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, False),
        ({"text": '"_attachments"'}, False),
        ({"_attachments": {}}, False),
        ({"_attachments": {"f": {"stub": True, "length": 1}}}, True),
    ],
)
def test_a_document_with_attachments_is_known_by_them(members: dict[str, Any], expected: bool) -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        [found] = await database(transport).bulk_get([A1])
        assert isinstance(found, Fetched) and found.has_attachments is expected

    with_plays(work, bulk(("a", [ok("a", "1-a", **members)])))


def test_text_that_is_no_utf8_is_not_passed_on() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(PeerLost):
            await database(transport, retries=0).bulk_get([A1])

    text = b'{"results":[{"id":"a","docs":[{"ok":{"_id":"a","_rev":"1-a","x":"\xff"}}]}]}'
    with_plays(work, answers(200, text))


def test_more_than_is_held_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couch_database, "ANSWER_BYTES_MAX", 1000)
    answer = bulk(("a", [ok("a", "1-a", text="x" * 1000)]), ("b", [ok("b", "1-x")]))

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(TooLarge):
            await database(transport).bulk_get([A1, B1])
        [alone] = await database(transport).bulk_get([A1])
        assert isinstance(alone, Fetched), "one document alone may be larger"

    with_plays(work, answer, bulk(("a", [ok("a", "1-a", text="x" * 1000)])))


# --- without bulk_get --------------------------------------------------------------------------------


def old_server(status: int, leaves: dict[str, list[dict[str, Any]]]) -> Play:
    """One without ``_bulk_get``; `leaves` are the answers to ``open_revs`` by document id."""

    async def play(exchange: Exchange) -> None:
        await exchange.body()
        doc_id = exchange.path.rpartition("/")[2]
        if doc_id == "_bulk_get":
            await exchange.answer(status, {"error": "x", "reason": "unknown"})
        elif doc_id not in leaves:
            await exchange.answer(404, {"error": "not_found", "reason": "missing"})
        else:
            [rev] = json.loads(exchange.query["open_revs"])
            revs = {one.get("missing") or one["ok"]["_rev"]: one for one in leaves[doc_id]}
            await exchange.answer(200, [revs[rev]])

    return play


@pytest.mark.parametrize("status", [400, 404, 405, 501])
def test_a_peer_without_bulk_get_is_asked_for_each(status: int) -> None:
    play = old_server(status, {"a": [ok("a", "1-a"), {"missing": "2-b"}], "b": [ok("b", "1-x")]})
    gone = Wanted("gone", "1-z")

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        peered = database(transport)
        for _ in range(2):
            found = await peered.bulk_get([A1, A2, B1, gone])
            assert list(map(asked_of, found)) == [
                ("a", "1-a", "1-a"),
                ("a", "2-b", "not_found"),
                ("b", "1-x", "1-x"),
                ("gone", "1-z", "not_found"),
            ]
        assert [seen.path for seen in peer.seen].count("/db/_bulk_get") == 1

    with_plays(work, play)


def test_a_database_that_is_not_there_is_no_missing_endpoint_and_no_missing_leaf() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        for bulk_get in (True, False):
            with pytest.raises(NotFound):
                await database(transport, bulk_get=bulk_get).bulk_get([A1, B1])

    with_plays(work, NO_DATABASE)


@pytest.mark.parametrize(("play", "kind"), [(hangs_up, PeerLost), (answers(403), Forbidden)])
def test_what_fails_for_one_of_many_fails_as_itself(play: Play, kind: type[CouchgrassError]) -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        before = asyncio.all_tasks()
        with pytest.raises(kind):
            await database(transport, retries=0, bulk_get=False).bulk_get([A1, A2, B1])
        while [task for task in asyncio.all_tasks() - before if "Scripted.serve" not in repr(task)]:
            await asyncio.sleep(0)

    with_plays(work, play)


def test_many_single_answers_are_too_large_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couch_database, "ANSWER_BYTES_MAX", 1000)
    leaves = {name: [ok(name, "1-x", text="x" * 800)] for name in ("a", "b")}

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        peered = CouchDatabase(transport, "db", bulk_get=False)
        with pytest.raises(TooLarge):
            await peered.bulk_get([Wanted("a", "1-x"), Wanted("b", "1-x")])
        assert len(await peered.bulk_get([Wanted("a", "1-x")])) == 1

    with_plays(work, old_server(404, leaves))


# --- rules -------------------------------------------------------------------------------------------


def test_what_may_not_be_read_of_the_rules_counts_as_that() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        peered = database(transport, retries=0)
        first, second = await peered.rules(), await peered.rules()
        assert first == second
        assert await peered.rules() != first
        with pytest.raises(PeerLost):
            await peered.rules()

    rows = answers(200, {"total_rows": 1, "offset": 0, "rows": []})
    no = answers(403, {"error": "forbidden"})
    with_plays(work, rows, no, rows, no, no, no, hangs_up)
