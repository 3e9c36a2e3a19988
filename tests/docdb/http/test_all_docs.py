"""Lists of documents over real HTTP, against a model that is a plain sorted list."""

from __future__ import annotations

import base64
import json
import random
import uuid
from typing import Any
from urllib.parse import quote

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from couchgrass.testing.server import ServerProcess

IDS = [
    "",
    "A",
    "B b",
    "a",
    "a\x00b",
    "aa",
    "b/c+d",
    "z",
    "é",
    "日本",
    "\U0001f600",
    "_design/a",
    "_design/z",
][1:]
DELETED = ["aa", "gone"]
KEYS = [*IDS, "gone", "missing", "_local/one", "_local/none", "m", "~"]


class Database:
    """One database with `IDS`, one of which has conflicts, and what its rows must be."""

    def __init__(self, server: ServerProcess, name: str) -> None:
        self.url = f"{server.auth_url}/{name}"
        self.session = requests.Session()
        self.session.put(self.url).raise_for_status()

    def get(self, name: str = "_all_docs", **options: Any) -> Any:
        query = "&".join(f"{key}={quote(json.dumps(value), safe='')}" for key, value in options.items())
        answer = self.session.get(f"{self.url}/{name}?{query}")
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        answer = self.session.post(f"{self.url}/{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    def bulk(self, docs: list[dict[str, Any]], **members: Any) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self.post("_bulk_docs", {"docs": docs, **members})
        assert not [row for row in answer if "error" in row]
        return answer


@pytest.fixture(scope="module")
def small(couch_server: ServerProcess) -> Database:
    db = Database(couch_server, f"small{uuid.uuid4().hex}")
    for row in db.bulk([{"_id": doc_id, "n": 1} for doc_id in [*IDS, "gone"]]):
        if row["id"] in DELETED:
            db.bulk([{"_id": row["id"], "_rev": row["rev"], "_deleted": True}])
    forks = [{"_id": "a", "_rev": f"1-{number}", "n": number} for number in (0, 1)]
    db.bulk(forks, new_edits=False)
    db.session.put(f"{db.url}/_local/one", json={"n": 1}).raise_for_status()
    return db


@pytest.fixture(scope="module")
def rows(small: Database) -> dict[str, dict[str, Any]]:
    """The row of each document with its content, read one by one."""
    found = {}
    for doc_id in [*IDS, "gone"]:
        doc = small.session.get(f"{small.url}/{quote(doc_id, safe='')}").json()
        if "error" in doc:
            url = f"{small.url}/{quote(doc_id, safe='')}?open_revs=all"
            revs = small.session.get(url, headers={"accept": "application/json"}).json()
            rev, value, doc = revs[0]["ok"]["_rev"], {"deleted": True}, None
        else:
            rev, value = doc["_rev"], {}
        found[doc_id] = {"id": doc_id, "key": doc_id, "value": {"rev": rev, **value}, "doc": doc}
    local = small.session.get(f"{small.url}/_local/one").json()
    found["_local/one"] = {"id": "_local/one", "key": "_local/one", "value": {"rev": "0-1"}, "doc": local}
    return found


ANY_KEY: st.SearchStrategy[Any] = st.sampled_from(KEYS) | st.sampled_from([None, 0, [], {}])
RANGES = st.fixed_dictionaries(
    {},
    optional={
        "startkey": ANY_KEY,
        "endkey": ANY_KEY,
        "inclusive_end": st.booleans(),
        "descending": st.booleans(),
        "skip": st.integers(0, 5),
        "limit": st.integers(0, 5),
        "include_docs": st.booleans(),
        "conflicts": st.booleans(),
        "update_seq": st.booleans(),
    },
)


def expected(rows: dict[str, dict[str, Any]], space: str, options: dict[str, Any]) -> dict[str, Any]:
    """What a range must give: total_rows, offset and rows."""
    down = options.get("descending", False)
    live = [
        doc_id for doc_id, row in rows.items() if "deleted" not in row["value"] and doc_id[:6] != "_local"
    ]
    live.sort(key=str.encode, reverse=down)

    def order(doc_id: str, key: Any) -> int:
        """-1, 0, 1: `doc_id` comes before `key` in the list's direction, is it, comes after it."""
        if not isinstance(key, str):
            return -1 if down else 1
        left, right = doc_id.encode(), key.encode()
        return ((left > right) - (left < right)) * (-1 if down else 1)

    members = [doc_id for doc_id in live if space == "_all_docs" or doc_id.startswith("_design/")]
    found = members
    start = 0
    if "startkey" in options:
        found = [doc_id for doc_id in found if order(doc_id, options["startkey"]) >= 0]
    if "endkey" in options:
        last = 0 if options.get("inclusive_end", True) else -1
        found = [doc_id for doc_id in found if order(doc_id, options["endkey"]) <= last]
    edge = options.get("startkey", "")
    if space == "_design_docs":
        first, beyond = ("_design0", "_design0") if down else ("_design/", "_design/")
        if "startkey" not in options or order(first, edge) > 0:
            edge = beyond
        start = sum(order(doc_id, edge) < 0 for doc_id in live)
    elif "startkey" in options:
        start = sum(order(doc_id, edge) < 0 for doc_id in live)
    skip = options.get("skip", 0)
    found = found[skip:][: options.get("limit", len(found))]
    return {
        "total_rows": len(members),
        "offset": min(len(members), start + skip),
        "rows": [with_doc(rows[doc_id], options) for doc_id in found],
    }


def with_doc(row: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    row = dict(row)
    if not options.get("include_docs"):
        del row["doc"]
    elif options.get("conflicts") and row["id"] == "a":
        row["doc"] = {**row["doc"], "_conflicts": ["1-1", "1-0"]}
    return row


@given(
    space=st.sampled_from(["_all_docs", "_design_docs"]), options=RANGES, how=st.sampled_from(["get", "post"])
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_range_gives_the_rows_between_its_ends(
    small: Database, rows: dict[str, dict[str, Any]], space: str, options: dict[str, Any], how: str
) -> None:
    answer = small.get(space, **options) if how == "get" else small.post(space, options)
    if answer.pop("update_seq", None) is not None:
        assert options["update_seq"]
    assert answer == expected(rows, space, options)
    (again,) = small.post(f"{space}/queries", {"queries": [options]})["results"]
    again.pop("update_seq", None)
    assert again == answer


@given(
    keys=st.lists(st.sampled_from(KEYS) | st.sampled_from([1, None, ["a"]]), max_size=8),
    options=st.fixed_dictionaries(
        {},
        optional={
            "descending": st.booleans(),
            "skip": st.integers(0, 5),
            "limit": st.integers(0, 5),
            "include_docs": st.booleans(),
            "conflicts": st.booleans(),
        },
    ),
    space=st.sampled_from(["_all_docs", "_design_docs", "_local_docs"]),
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_keys_give_a_row_each_in_their_order(
    small: Database, rows: dict[str, dict[str, Any]], keys: list[Any], options: dict[str, Any], space: str
) -> None:
    wanted = keys[::-1] if options.get("descending") else keys
    wanted = wanted[options.get("skip", 0) :][: options.get("limit", len(keys))]
    prefix = {"_all_docs": "", "_design_docs": "_design/", "_local_docs": "_local/"}[space]
    if prefix:
        wanted = [key for key in wanted if isinstance(key, str) and key.startswith(prefix)]
    found = []
    for key in wanted:
        row = rows.get(key) if isinstance(key, str) else None
        found.append({"key": key, "error": "not_found"} if row is None else with_doc(row, options))
    total = {"_all_docs": len(IDS) - 1, "_design_docs": 2, "_local_docs": None}[space]
    answer = {"total_rows": total, "offset": None, "rows": found}
    assert small.get(space, keys=keys, **options) == answer
    assert small.post(space, {"keys": keys, **options}) == answer


def test_the_text_is_couchdbs_to_the_line_end(couch_server: ServerProcess, db_name: str) -> None:
    db = Database(couch_server, db_name)
    empty = db.session.get(f"{db.url}/_all_docs").text
    assert empty == '{"total_rows":0,"offset":0,"rows":[\r\n\r\n]}\n'
    first, second = (row["rev"] for row in db.bulk([{"_id": "a"}, {"_id": "b", "v": 1.0}]))
    a = f'{{"id":"a","key":"a","value":{{"rev":"{first}"}}}}'
    b = f'{{"id":"b","key":"b","value":{{"rev":"{second}"}}}}'
    assert db.session.get(f"{db.url}/_all_docs").text == (
        f'{{"total_rows":2,"offset":0,"rows":[\r\n{a},\r\n{b}\r\n]}}\n'
    )
    doc = b[:-1] + f',"doc":{{"_id":"b","_rev":"{second}","v":1.0}}}}'
    asked = f"{db.url}/_all_docs?include_docs=true&key=%22b%22"
    assert db.session.get(asked).text == f'{{"total_rows":2,"offset":1,"rows":[\r\n{doc}\r\n]}}\n'
    queries: Any = {"queries": [{"limit": 1}, {"keys": ["x", "y"], "update_seq": True}]}
    assert db.session.post(f"{db.url}/_all_docs/queries", json=queries).text == (
        f'{{"results":[\r\n{{"total_rows":2,"offset":0,"rows":[\r\n{a}\r\n]}},\r\n'
        '{"total_rows":2,"offset":null,"update_seq":null,"rows":[\r\n{"key":"x","error":"not_found"},\r\n'
        '{"key":"y","error":"not_found"}\r\n]}\r\n]}\n'
    )
    assert db.session.post(f"{db.url}/_all_docs/queries", json={"queries": []}).text == '{"results":[\r\n]}\n'


def test_update_seq_is_the_databases(couch_server: ServerProcess, db_name: str) -> None:
    db = Database(couch_server, db_name)
    db.bulk([{"_id": "a"}])
    assert db.get(update_seq=True)["update_seq"] == db.session.get(db.url).json()["update_seq"]
    assert db.get("_local_docs", update_seq=True)["update_seq"] is None


def test_local_documents_are_listed_without_totals(small: Database) -> None:
    answer = small.get("_local_docs", include_docs=True)
    row = {"id": "_local/one", "key": "_local/one", "value": {"rev": "0-1"}}
    doc = {"_id": "_local/one", "_rev": "0-1", "n": 1}
    assert answer == {"total_rows": None, "offset": None, "rows": [{**row, "doc": doc}]}
    assert small.get("_local_docs", startkey="_local/p")["rows"] == []


@pytest.fixture(scope="module")
def large(couch_server: ServerProcess) -> Database:
    """1,500 documents of a kilobyte: several times what one part of a list holds."""
    db = Database(couch_server, f"large{uuid.uuid4().hex}")
    db.bulk([{"_id": f"d{number:05}", "text": "x" * random.randint(500, 1500)} for number in range(1500)])
    return db


@pytest.mark.parametrize("how", ["plain", "conflicts", "keys"])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("skip", "limit"), [(0, 1500), (700, 1500), (1, 1400), (1499, 5), (1500, 1)])
def test_a_list_of_many_parts_has_each_row_once_and_in_order(
    large: Database, how: str, descending: bool, skip: int, limit: int
) -> None:
    ids = [f"d{number:05}" for number in range(1500)]
    body: dict[str, Any] = {"descending": descending, "skip": skip, "limit": limit, "include_docs": True}
    if how == "conflicts":
        body["conflicts"] = True
    if how == "keys":
        body["keys"] = ids
    answer = large.post("_all_docs", body)
    wanted = (ids[::-1] if descending else ids)[skip : skip + limit]
    assert [row["id"] for row in answer["rows"]] == wanted
    assert [row["doc"]["_id"] for row in answer["rows"]] == wanted


@pytest.mark.parametrize("how", ["range", "keys"])
def test_attachments_are_inline_when_asked_for(couch_server: ServerProcess, db_name: str, how: str) -> None:
    db = Database(couch_server, db_name)
    held = {name: random.Random(name).randbytes(400_000) for name in ("a", "b")}
    for name, data in held.items():
        inline = {"content_type": "image/png", "data": base64.b64encode(data).decode()}
        text = {"content_type": "text/plain", "data": base64.b64encode(b"text " * 1000).decode()}
        db.bulk([{"_id": name, "_attachments": {"x": inline, "t": text}}, {"_id": name + "1"}])
    options: dict[str, Any] = {"keys": ["b", "a1", "a"]} if how == "keys" else {}
    answer = db.post("_all_docs", {"include_docs": True, "attachments": True, **options})
    docs = {row["id"]: row["doc"] for row in answer["rows"]}
    assert set(docs) == set(options.get("keys", ["a", "a1", "b", "b1"]))
    for name, data in held.items():
        assert base64.b64decode(docs[name]["_attachments"]["x"]["data"]) == data
        assert base64.b64decode(docs[name]["_attachments"]["t"]["data"]) == b"text " * 1000
    stubs = db.get(include_docs=True, key="a")["rows"][0]["doc"]["_attachments"]
    assert stubs["t"]["stub"] is True and "encoding" not in stubs["t"]
    packed = db.get(include_docs=True, key="a", att_encoding_info=True)["rows"][0]["doc"]["_attachments"]["t"]
    assert packed["encoding"] == "gzip" and packed["encoded_length"] < packed["length"] == 5000


@pytest.mark.parametrize("path", ["_all_docs", "_design_docs", "_local_docs"])
def test_head_answers_like_get_without_a_body(small: Database, path: str) -> None:
    answer = small.session.head(f"{small.url}/{path}?include_docs=true")
    assert (answer.status_code, answer.text) == (200, "")
    assert answer.headers["content-type"] == "application/json"
    assert small.session.head(f"{small.url}/{path}?limit=x").status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "_all_docs?limit=x", 400, "query_parse_error"),
        ("GET", "_all_docs?keys=1", 400, "bad_request"),
        ("GET", "_all_docs?startkey=a", 400, "bad_request"),
        ("POST", "_all_docs", 415, "bad_content_type"),
        ("PUT", "_all_docs", 405, "method_not_allowed"),
        ("GET", "_all_docs/queries", 405, "method_not_allowed"),
        ("POST", "_all_docs/queries", 400, "bad_request"),
    ],
)
def test_what_is_wrong_is_refused(small: Database, method: str, path: str, status: int, error: str) -> None:
    answer = small.session.request(method, f"{small.url}/{path}", data="{}" if method != "GET" else None)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
