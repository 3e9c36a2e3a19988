"""Reading a document: which revision, and what beside its content."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw
import pytest

from couchgrass.docdb.document import parse_document
from couchgrass.docdb.http import doc_read
from couchgrass.docdb.rev import Rev
from couchgrass.docdb.sqlite.edits import Write, write_one
from couchgrass.docdb.sqlite.store import Store
from couchgrass.testing.call import Reply
from tests.docdb.sqlite.conftest import with_store

Ask = Callable[..., Reply]

ABSENT = ["conflicts", "deleted_conflicts"]


def graft(ask: Ask, *ids: str, deleted: bool = False) -> None:
    """Puts a leaf into "doc"; `ids` newest first, each with its generation."""
    start = int(ids[0].split("-")[0])
    revisions = {"start": start, "ids": [rev.split("-")[1] for rev in ids]}
    body = {"_revisions": revisions, "v": ids[0], **({"_deleted": True} if deleted else {})}
    assert ask("PUT", "/doc?new_edits=false", body).status in (200, 201)


@pytest.fixture
def forked(ask: Ask) -> Ask:
    """Document "doc": 3-w wins over 2-l and over the deleted 4-d."""
    graft(ask, "3-w", "2-a", "1-r")
    graft(ask, "2-l", "1-r")
    graft(ask, "4-d", "3-x", "2-l2", "1-r", deleted=True)
    return ask


def get(ask: Ask, query: str = "", **headers: str) -> Any:
    reply = ask("GET", f"/doc{query}", **headers)
    assert reply.status == 200, reply
    return reply.json()


def open_revs(ask: Ask, asked: Any, more: str = "") -> list[tuple[str, str]]:
    """(ok or missing, revision) of the rows, in their order."""
    text = asked if asked == "all" else quote(json.dumps(asked))
    rows = get(ask, f"?open_revs={text}{more}", accept="application/json")
    return [("ok", row["ok"]["_rev"]) if "ok" in row else ("missing", row["missing"]) for row in rows]


def test_the_winner_is_the_live_leaf_with_the_longest_history(forked: Ask) -> None:
    assert get(forked) == {"_id": "doc", "_rev": "3-w", "v": "3-w"}


@pytest.mark.parametrize("rev", ["3-w", "2-l", "4-d"])
def test_any_leaf_is_read_by_its_revision(forked: Ask, rev: str) -> None:
    found = get(forked, f"?rev={rev}")
    deleted = {"_deleted": True} if rev == "4-d" else {}
    assert found == {"_id": "doc", "_rev": rev, "v": rev, **deleted}


@pytest.mark.parametrize("rev", ["2-a", "1-r", "9-z", "3-W"])
def test_a_revision_without_content_is_missing(forked: Ask, rev: str) -> None:
    reply = forked("GET", f"/doc?rev={rev}")
    assert (reply.status, reply.json()) == (404, {"error": "not_found", "reason": "missing"})


@pytest.mark.parametrize("rev", ["", "x", "1", "-a", "a-1", "1-" + "g" * 32])
@pytest.mark.parametrize("path", ["/doc", "/none"])
def test_what_is_no_revision_is_refused(forked: Ask, path: str, rev: str) -> None:
    reply = forked("GET", f"{path}?rev={rev}")
    assert (reply.status, reply.json()) == (400, {"error": "bad_request", "reason": "Invalid rev format"})


def test_hexadecimal_revisions_are_read_in_either_case(ask: Ask) -> None:
    rev = ask("PUT", "/doc", {"v": 1}).json()["rev"]
    assert get(ask, f"?rev={rev.upper()}")["_rev"] == rev


def test_a_replaced_revision_is_there_until_compaction(ask: Ask) -> None:
    first = ask("PUT", "/doc", {"v": 1}).json()["rev"]
    second = ask("PUT", "/doc", {"v": 2, "_rev": first}).json()["rev"]
    assert get(ask, f"?rev={first}") == {"_id": "doc", "_rev": first, "v": 1}
    infos = [{"rev": second, "status": "available"}, {"rev": first, "status": "available"}]
    assert get(ask, "?revs_info=true")["_revs_info"] == infos


def test_revs_tell_the_history_of_the_revision_asked_for(forked: Ask) -> None:
    assert get(forked, "?revs=true")["_revisions"] == {"start": 3, "ids": ["w", "a", "r"]}
    assert get(forked, "?rev=2-l&revs=true")["_revisions"] == {"start": 2, "ids": ["l", "r"]}
    found = get(forked, "?rev=4-d&revs=true")["_revisions"]
    assert found == {"start": 4, "ids": ["d", "x", "l2", "r"]}


def test_revs_info_says_which_revisions_can_be_read(forked: Ask) -> None:
    assert get(forked, "?revs_info=true")["_revs_info"] == [
        {"rev": "3-w", "status": "available"},
        {"rev": "2-a", "status": "missing"},
        {"rev": "1-r", "status": "missing"},
    ]


def test_revs_info_knows_deletions(ask: Ask) -> None:
    first = ask("PUT", "/doc", {}).json()["rev"]
    gone = ask("DELETE", f"/doc?rev={first}").json()["rev"]
    again = ask("PUT", "/doc", {}).json()["rev"]
    assert get(ask, "?revs_info=true")["_revs_info"] == [
        {"rev": again, "status": "available"},
        {"rev": gone, "status": "deleted"},
        {"rev": first, "status": "available"},
    ]


def test_conflicts_are_the_leaves_that_lost(forked: Ask) -> None:
    graft(forked, "2-m", "1-r")
    assert get(forked, "?conflicts=true")["_conflicts"] == ["2-m", "2-l"]
    assert get(forked, "?deleted_conflicts=true")["_deleted_conflicts"] == ["4-d"]


def test_meta_is_all_three(forked: Ask) -> None:
    found = get(forked, "?meta=true")
    assert list(found) == ["_id", "_rev", "v", "_revs_info", "_conflicts", "_deleted_conflicts"]
    assert (found["_conflicts"], found["_deleted_conflicts"]) == (["2-l"], ["4-d"])


def test_without_conflicts_there_is_no_such_member(ask: Ask) -> None:
    rev = ask("PUT", "/doc", {"v": 1}).json()["rev"]
    assert get(ask, "?conflicts=true&deleted_conflicts=true") == {"_id": "doc", "_rev": rev, "v": 1}


def test_local_seq_is_the_number_of_the_last_change(ask: Ask) -> None:
    rev = ask("PUT", "/doc", {}).json()["rev"]
    assert get(ask, "?local_seq=true")["_local_seq"] == 1
    ask("PUT", "/other", {})
    ask("PUT", "/doc", {"_rev": rev})
    assert get(ask, "?local_seq=true")["_local_seq"] == 3


@pytest.mark.parametrize("text", ["false", "1", "TRUE", "", "yes"])
@pytest.mark.parametrize("name", ["revs", "revs_info", "conflicts", "local_seq", "meta", "latest"])
def test_only_true_turns_an_option_on(forked: Ask, name: str, text: str) -> None:
    assert get(forked, f"?{name}={text}") == {"_id": "doc", "_rev": "3-w", "v": "3-w"}


def test_options_that_nobody_knows_are_ignored(forked: Ask) -> None:
    assert get(forked, "?r=1&w=2&nonsense=%7B") == get(forked)


# open_revs


def test_open_revs_all_are_the_leaves(forked: Ask) -> None:
    assert sorted(open_revs(forked, "all")) == [("ok", "2-l"), ("ok", "3-w"), ("ok", "4-d")]


def test_open_revs_answers_each_revision_asked_for(forked: Ask) -> None:
    found = open_revs(forked, ["2-l", "9-z", "2-a"])
    assert found == [("ok", "2-l"), ("missing", "9-z"), ("missing", "2-a")]


def test_open_revs_with_latest_follows_a_revision_to_its_leaves(forked: Ask) -> None:
    assert open_revs(forked, ["2-a"], "&latest=true") == [("ok", "3-w")]
    assert sorted(open_revs(forked, ["1-r"], "&latest=true")) == sorted(open_revs(forked, "all"))
    assert open_revs(forked, ["9-z", "2-l"], "&latest=true") == [("missing", "9-z"), ("ok", "2-l")]


def test_open_revs_take_the_other_options_too(forked: Ask) -> None:
    rows = get(forked, "?open_revs=%5B%222-l%22%5D&revs=true", accept="application/json")
    ids = {"start": 2, "ids": ["l", "r"]}
    assert rows == [{"ok": {"_id": "doc", "_rev": "2-l", "v": "2-l", "_revisions": ids}}]


def test_open_revs_of_no_document(ask: Ask) -> None:
    reply = ask("GET", "/none?open_revs=all", accept="application/json")
    assert (reply.status, reply.json()) == (404, {"error": "not_found", "reason": "missing"})
    reply = ask("GET", "/none?open_revs=%5B%221-a%22%5D", accept="application/json")
    assert (reply.status, reply.json()) == (200, [{"missing": "1-a"}])


def test_open_revs_without_any_is_the_document(forked: Ask) -> None:
    assert get(forked, "?open_revs=%5B%5D") == get(forked)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("nonsense", "invalid UTF-8 JSON"),
        ("1", "Invalid list of revisions"),
        ('"1-a"', "Invalid list of revisions"),
        ("[1]", "Invalid rev format"),
        ('["x"]', "Invalid rev format"),
    ],
)
def test_bad_open_revs_are_refused(forked: Ask, asked: str, reason: str) -> None:
    reply = forked("GET", f"/doc?open_revs={quote(asked)}", accept="application/json")
    assert (reply.status, reply.json()) == (400, {"error": "bad_request", "reason": reason})


def test_latest_follows_the_revision_to_the_leaf_that_descends_from_it(forked: Ask) -> None:
    assert get(forked, "?rev=2-l2&latest=true")["_rev"] == "4-d"
    assert get(forked, "?rev=1-r&latest=true")["_rev"] == "3-w"
    assert get(forked, "?rev=2-l&latest=true")["_rev"] == "2-l"
    assert forked("GET", "/doc?rev=9-z&latest=true").status == 404


# ETags


@pytest.mark.parametrize("query", ["", "?revs=true", "?rev=3-w", "?att_encoding_info=true"])
def test_the_etag_is_the_revision_and_spares_the_body(forked: Ask, query: str) -> None:
    assert forked("GET", f"/doc{query}").headers["etag"] == '"3-w"'
    reply = forked("GET", f"/doc{query}", if_none_match='"3-w"')
    assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", '"3-w"')
    assert forked("GET", f"/doc{query}", if_none_match='"2-l"').status == 200


@pytest.mark.parametrize("option", ["revs_info", "local_seq", "conflicts", "deleted_conflicts", "meta"])
def test_what_changes_without_the_revision_has_no_etag(forked: Ask, option: str) -> None:
    reply = forked("GET", f"/doc?{option}=true", if_none_match='"3-w"')
    assert (reply.status, "etag" in reply.headers) == (200, False)


@pytest.mark.parametrize("option", ABSENT)
def test_where_no_conflict_is_the_etag_stands(ask: Ask, option: str) -> None:
    etag = ask("PUT", "/doc", {}).headers["etag"]
    assert ask("GET", f"/doc?{option}=true").headers["etag"] == etag
    assert ask("GET", f"/doc?{option}=true", if_none_match=etag).status == 304


@pytest.mark.parametrize(("other", "option"), [("2-l", "deleted_conflicts"), ("4-d", "conflicts")])
def test_only_the_kind_of_conflict_asked_for_takes_the_etag(ask: Ask, other: str, option: str) -> None:
    graft(ask, "3-w", "2-a", "1-r")
    graft(ask, other, deleted=other == "4-d")
    assert ask("GET", f"/doc?{option}=true").headers["etag"] == '"3-w"'
    shown = {"conflicts", "deleted_conflicts"} - {option}
    assert "etag" not in ask("GET", f"/doc?{shown.pop()}=true").headers


@pytest.mark.parametrize(
    "query", ["", "?revs=true", "?meta=true", "?rev=2-l", "?rev=9-z", "?open_revs=all", "?rev=x"]
)
def test_head_is_get_without_a_body(forked: Ask, query: str) -> None:
    told, head = (forked(method, f"/doc{query}", accept="application/json") for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (told.status, b"")
    own = {"date", "x-couch-request-id", "transfer-encoding"}
    assert {name: text for name, text in head.headers.items() if name not in own} == {
        name: text for name, text in told.headers.items() if name not in own
    }


LOSER, WINNER = Rev(1, "a" * 32), Rev(1, "b" * 32)
Read = Callable[[apsw.Connection], Any]


@pytest.mark.parametrize(
    "read",
    [
        lambda connection: [doc_read.open_doc(connection, "doc", LOSER)],
        lambda connection: doc_read.open_revs(connection, "doc", None, doc_read.PLAIN),
    ],
)
def test_a_leaf_that_wins_while_it_is_read_is_not_missing(tmp_path: Path, read: Read) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        loop = asyncio.get_running_loop()

        async def graft(doc: dict[str, Any]) -> Rev:
            return await db.submit(
                write_one(Write(parse_document({"_id": "doc", **doc})), new_edits=False, revs_limit=1000)
            )

        def reading(connection: apsw.Connection) -> Any:
            def before(cursor: apsw.Cursor, sql: str, bindings: apsw.Bindings | None) -> bool:
                if "FROM leaves" in sql:
                    connection.exec_trace = None
                    ending = {"_revisions": {"start": 2, "ids": ["c" * 32, WINNER.id]}, "_deleted": True}
                    asyncio.run_coroutine_threadsafe(graft(ending), loop).result()
                return True

            connection.exec_trace = before
            return read(connection)

        await graft({"_rev": str(LOSER)})
        await graft({"_rev": str(WINNER)})
        found = await db.scan(reading)
        assert db.totals.seq == 3
        assert str(LOSER) in [one.leaf.rev for one in found if not isinstance(one, Rev)]

    with_store(tmp_path / "data", work)


@pytest.mark.parametrize("branched", [False, True])
def test_a_replaced_revision_has_its_own_history_not_the_winners(ask: Ask, branched: bool) -> None:
    revs = [ask("PUT", "/doc", {"v": 1}).json()["rev"]]
    for number in (2, 3, 4):
        revs.append(ask("PUT", "/doc", {"v": number, "_rev": revs[-1]}).json()["rev"])
    if branched:
        graft(ask, "1-other")
    expected = {"start": 2, "ids": [revs[1].split("-")[1], revs[0].split("-")[1]]}
    found = ask("GET", f"/doc?rev={revs[1]}&revs=true", accept="application/json").json()
    assert (found["v"], found["_revisions"]) == (2, expected)
    listed = quote(json.dumps([revs[1]]))
    ((opened),) = ask("GET", f"/doc?open_revs={listed}&revs=true", accept="application/json").json()
    assert opened["ok"]["_revisions"] == expected
    bulk = ask("POST", "/_bulk_get?revs=true", {"docs": [{"id": "doc", "rev": revs[1]}]}).json()
    assert bulk["results"][0]["docs"][0]["ok"]["_revisions"] == expected
    infos = ask("GET", f"/doc?rev={revs[1]}&revs_info=true", accept="application/json").json()["_revs_info"]
    assert [info["rev"] for info in infos] == [revs[1], revs[0]]
