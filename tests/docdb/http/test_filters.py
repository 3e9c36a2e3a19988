"""``_changes`` through the functions of design documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from couchgrass.testing.asgi import ADMIN, Asked, asking, with_settings
from couchgrass.testing.server import ServerProcess

from .conftest import Ask

DDOC = {
    "filters": {
        "even": "function (doc) { return doc.n % 2 == 0; }",
        "asked": "function (doc, req) { return req.query.id == doc._id; }",
        "fails": "function (doc) { return doc.n.x.y; }",
        "throws": "function (doc) { throw({forbidden: 'x'}); }",
        "broken": "function (",
        "lib": "function (doc) { return require('lib/even').is(doc.n); }",
        "tell": "function (doc, req) { if (doc._id == 'n1') throw({error: 'told', reason: req}); }",
        "gone": "function (doc) { return doc._deleted; }",
        "history": "function (doc) { return doc._revisions && doc._revisions.ids.length == 2; }",
    },
    "lib": {"even": "exports.is = function (n) { return n % 2 == 0; }"},
    "views": {"odd": {"map": "function (doc) { if (doc.n % 2) emit(null); }"}},
}


@pytest.fixture
def filled(ask: Ask) -> Ask:
    assert ask("PUT", "/_design/d", DDOC).status == 201
    docs = [{"_id": f"n{number}", "n": number} for number in range(10)]
    assert ask("POST", "/_bulk_docs", {"docs": docs}).status == 201
    return ask


def ids(ask: Ask, options: str, body: Any = None) -> list[str]:
    answer = ask("GET" if body is None else "POST", f"/_changes?{options}", body)
    assert answer.status == 200, answer.body
    return [row["id"] for row in answer.json()["results"]]


EVEN = ["n0", "n2", "n4", "n6", "n8"]


@pytest.mark.parametrize("feed", ["normal", "longpoll"])
@pytest.mark.parametrize("name", ["even", "lib"])
def test_a_filter_function_says_what_is_shown(filled: Ask, feed: str, name: str) -> None:
    assert ids(filled, f"filter=d/{name}&feed={feed}") == EVEN
    assert ids(filled, f"filter=d/{name}&feed={feed}", {}) == EVEN


def test_a_limit_and_the_direction_count_after_the_filter(filled: Ask) -> None:
    assert ids(filled, "filter=d/even&limit=2") == EVEN[:2]
    assert ids(filled, "filter=d/even&limit=2&descending=true") == EVEN[:2:-1]
    first = filled("GET", "/_changes?filter=d/even&limit=2").json()["last_seq"]
    assert ids(filled, f"filter=d/even&since={first}") == EVEN[2:]


def test_a_view_may_filter(filled: Ask) -> None:
    assert ids(filled, "filter=_view&view=d/odd") == ["n1", "n3", "n5", "n7", "n9"]


def test_a_filter_sees_deletions_and_histories(filled: Ask) -> None:
    row = filled("GET", "/n3").json()
    filled("DELETE", f"/n3?rev={row['_rev']}")
    assert ids(filled, "filter=d/gone") == ["n3"]
    assert ids(filled, "filter=d/history") == ["n3"]


def test_documents_are_included_as_without_a_filter(filled: Ask) -> None:
    rows = filled("GET", "/_changes?filter=d/even&include_docs=true&limit=1").json()["results"]
    assert rows[0]["doc"] == filled("GET", "/n0").json()


def test_with_all_leaves_each_is_asked_about(filled: Ask) -> None:
    docs = [{"_id": "c", "_rev": f"1-{name}", "n": number} for number, name in enumerate("abcd")]
    filled("POST", "/_bulk_docs", {"docs": docs, "new_edits": False})
    rows = filled("GET", "/_changes?filter=d/even&style=all_docs").json()["results"]
    assert [leaf["rev"] for leaf in rows[-1]["changes"]] == ["1-c", "1-a"]
    assert ids(filled, "filter=d/even") == EVEN


def test_many_documents_are_filtered_in_steps(ask: Ask) -> None:
    ask("PUT", "/_design/d", DDOC)
    docs = [{"_id": f"n{number}", "n": number} for number in range(3000)]
    ask("POST", "/_bulk_docs", {"docs": docs})
    assert ids(ask, "filter=d/even") == [f"n{number}" for number in range(0, 3000, 2)]


def test_a_filter_function_sees_the_request_but_no_credentials(
    filled: Ask, couch_server: ServerProcess, db_name: str
) -> None:
    path = "/_changes?filter=d/tell&key=%5B1%5D&x=y%20z"
    answer = filled("GET", path, user_agent="test/1", cookie="other=x")
    assert (answer.status, answer.json()["error"]) == (500, "told")
    seen = answer.json()["reason"]
    assert seen["query"] == {"filter": "d/tell", "key": [1], "x": "y z"}
    assert (seen["method"], seen["path"]) == ("GET", [db_name, "_changes"])
    assert seen["raw_path"] == f"/{db_name}{path}"
    assert seen["userCtx"] == {"db": db_name, "name": couch_server.user, "roles": ["_admin"]}
    assert (seen["headers"]["User-Agent"], seen["id"], seen["peer"]) == ("test/1", None, "127.0.0.1")
    assert (seen["info"]["db_name"], seen["body"]) == (db_name, "undefined")
    assert not {"authorization", "cookie"} & {name.lower() for name in seen["headers"]}
    posted = filled("POST", "/_changes?filter=d/tell", {"a": 1}).json()["reason"]
    assert json.loads(posted["body"]) == {"a": 1}


def test_a_filter_function_does_not_see_the_token_of_a_proxy_whatever_its_header_is_called(
    tmp_path: Path,
) -> None:
    async def work(server: Asked) -> None:
        await server.admin("PUT", "/db")
        await server.admin("PUT", "/db/_design/d", DDOC)
        await server.admin("PUT", "/db/n1", {})
        asked = "/db/_changes?filter=d/tell"
        told = await server.ask("GET", asked, user=ADMIN, x_proof="a proof", x_other="shown")
        assert b"shown" in told.body
        assert b"a proof" not in told.body

    asking(tmp_path / "data", work, with_settings(chttpd_auth={"x_auth_token": "X-Proof"}))


@pytest.mark.parametrize("feed", ["normal", "longpoll", "continuous", "eventsource"])
@pytest.mark.parametrize(
    ("options", "status", "error", "reason"),
    [
        ("filter=none/x", 404, "not_found", "missing"),
        ("filter=d/none", 404, "not_found", "missing json key: none"),
        ("filter=_view&view=d/none", 404, "not_found", "missing json key: none"),
        ("filter=d/broken", 500, "compilation_error", None),
        ("filter=d/fails", 500, "TypeError", None),
        ("filter=d/throws", 500, "unnamed_error", '{"forbidden":"x"}'),
    ],
)
def test_a_filter_that_can_not_be_run_is_an_error(
    filled: Ask, feed: str, options: str, status: int, error: str, reason: str | None
) -> None:
    answer = filled("GET", f"/_changes?{options}&feed={feed}")
    assert (answer.status, answer.json()["error"]) == (status, error)
    assert reason is None or answer.json()["reason"] == reason
