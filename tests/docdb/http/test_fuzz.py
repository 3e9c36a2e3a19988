"""Any request gets an answer below 500, soon, and changes nothing that it should not change.

The endpoints are fuzzed by someone who may do nothing (anonymous), by a reader, and by the admin; half-sent
requests come over a raw socket. A database stands by whose documents must stay as they are.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from couchgrass.testing.server import ServerProcess

pytestmark = pytest.mark.timeout(600)

NOT_IMPLEMENTED = 501
TIMEOUT_S = 60

METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE", "COPY", "OPTIONS", "PATCH", "PROPFIND"]
SEGMENTS = [
    "", "_all_docs", "_changes", "_bulk_docs", "_bulk_get", "_revs_diff", "_missing_revs", "_security",
    "_revs_limit", "_purged_infos_limit", "_purge", "_ensure_full_commit", "_compact", "_view_cleanup",
    "_design_docs", "_local_docs", "_design/d", "_design/d/_info", "_design/d/_view/v", "_local/l",
    "_local", "_design", "_all_docs/queries", "doc", "doc/att", "doc/a/b", "new", "%00", "%ff", "%C3%A9",
    "_nothing", "_design%2Fd", "a%2Fb", "%", "_shards", "_design/d/att", "_find", "_index", "_explain",
]  # fmt: skip
SERVER_PATHS = [
    "", "_up", "_uuids", "_all_dbs", "_dbs_info", "_active_tasks", "_membership", "_db_updates", "_session",
    "_cluster_setup", "_utils", "_utils/", "_node/_local", "_node/_local/_stats",
    "_node/_local/_prometheus", "_node/_local/_system", "_node/_local/_config/fuzz/key",
    "_node/_local/_config/log/nothing", "_api/v2/api_keys", "_api/v2/db/fuzz/_security", "_nothing",
    "Illegal!", "%2F", "//", "_replicate", "favicon.ico",
]  # fmt: skip
OPTIONS = [
    "rev", "revs", "revs_info", "open_revs", "latest", "conflicts", "deleted_conflicts", "local_seq",
    "meta", "att_encoding_info", "atts_since", "attachments", "batch", "new_edits", "since", "limit",
    "descending", "include_docs", "style", "heartbeat", "timeout", "seq_interval", "last-event-id",
    "filter", "doc_ids", "startkey", "endkey", "key", "keys", "inclusive_end", "skip", "update_seq",
    "count", "feed", "view", "w", "q", "partitioned", "reduce", "group", "group_level",
]  # fmt: skip
TEXTS = [
    "true", "false", "0", "1", "-1", "1.5", "99999999999999999999", "null", '"doc"', '"', "[]", '["1-x"]',
    "{}", "now", "all", "all_docs", "main_only", "ok", "normal", "_doc_ids", "_selector", "_design",
    "_view", "x/y", "1-967a00dff5e02add41819138abb3284d", "3-x", "\x00", "é", "[[", '{"a":', "NaN",
    '[1,"a",null]', "",
]  # fmt: skip
HEADERS = {
    "Content-Type": [
        "application/json",
        "text/plain",
        "multipart/related",
        'multipart/related; boundary="x"',
        "a",
        "",
    ],
    "Content-Encoding": ["gzip", "identity", "br"],
    "Accept": ["*/*", "text/html", "multipart/mixed", "multipart/related", "application/json", ";;"],
    "If-Match": ['"1-x"', "x", "*"],
    "If-None-Match": ['"1-x"', "*", ""],
    "Range": ["bytes=0-1", "bytes=9-1", "bytes=-0", "x", "bytes=0-0,2-3"],
    "Destination": ["copy", "copy?rev=1-x", "http://elsewhere/x", "_design/", "%ff"],
    "Cookie": ["AuthSession=x", "AuthSession=YTpiOmM", ";;;", "AuthSession="],
    "X-HTTP-Method-Override": ["PUT", "DELETE", "NOPE"],
    "Origin": ["http://elsewhere"],
    "Last-Event-ID": ["x", "1-y"],
    "X-Couch-Full-Commit": ["false", "x"],
    "Authorization": ["Basic", "Basic: eDp5", "Bearer x.y.z", "Negotiate", "Basic !!!!", "\xff"],
}

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=8)
)
member_names = st.sampled_from(
    [
    "_id", "_rev", "_deleted", "_attachments", "_revisions", "docs", "keys", "doc_ids", "selector",
    "queries", "new_edits", "id", "rev", "admins", "members", "names", "roles", "cloudant", "start", "ids",
    "data", "stub", "follows", "content_type", "length", "name", "password", "$or", "$gt", "a", "_x",
    "type", "views", "w",
    ]
)  # fmt: skip
values = st.recursive(
    st.one_of(scalars, st.sampled_from(["doc", "1-x", "_reader", "_admin", "eHg="])),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(member_names, inner, max_size=4)),
    max_leaves=14,
)
bodies = st.one_of(
    st.none(),
    st.binary(max_size=40),
    values.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(member_names, values, max_size=5).map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [
            b"{",
            b'{"a":"\xff"}',
            b"[" * 5000,
            b"--x\r\n\r\n{}\r\n--x--",
            b"\x1f\x8b\x08",
            b'{"docs":[{},{},1]}',
        ]
    ),
)


def ended(options: dict[str, str]) -> dict[str, str]:
    """The options without those that keep a feed open."""
    if options.get("feed") in ("continuous", "live", "eventsource", "longpoll"):
        options = {**options, "feed": "normal"}
    return {name: text for name, text in options.items() if name != "heartbeat"}


query_options = st.dictionaries(
    st.sampled_from(OPTIONS), st.one_of(st.sampled_from(TEXTS), st.text(max_size=6)), max_size=4
).map(ended)
some_headers = st.dictionaries(st.sampled_from(sorted(HEADERS)), st.integers(0, 9), max_size=3).map(
    lambda picks: {name: HEADERS[name][number % len(HEADERS[name])] for name, number in picks.items()}
)


@dataclass
class Target:
    """The server, the database to fuzz, the one that must stay, and who comes."""

    server: ServerProcess
    reader: tuple[str, str]

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        who: str = "admin",
    ) -> tuple[int, bytes]:
        name, password = (self.server.user, self.server.password) if who == "admin" else self.reader
        sent = dict(headers or {})
        if who != "anonymous" and "Authorization" not in sent:
            sent["Authorization"] = "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def json(self, method: str, path: str, value: Any = None) -> Any:
        body = None if value is None else json.dumps(value).encode()
        return json.loads(self.ask(method, path, body, {"Content-Type": "application/json"})[1])

    def listing(self, name: str) -> Any:
        return self.json("GET", f"/{name}/_all_docs?include_docs=true&conflicts=true")["rows"]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    server = ServerProcess(tmp_path_factory.mktemp("fuzz") / "data")
    server.start()
    target = Target(server, ("", ""))
    for name in ("fuzz", "kept"):
        assert target.json("PUT", f"/{name}") == {"ok": True}
        target.json("PUT", f"/{name}/doc", {"a": 1, "_attachments": {"att": {"data": "aGVsbG8="}}})
        target.json("PUT", f"/{name}/_design/d", {"a": 1})
        target.json("PUT", f"/{name}/_local/l", {"a": 1})
    key = target.json("POST", "/_api/v2/api_keys")
    target.reader = (key["key"], key["password"])
    assert target.json("PUT", "/_api/v2/db/kept/_security", {"cloudant": {key["key"]: ["_reader"]}}) == {
        "ok": True
    }
    yield target
    server.stop()


def url(path: str, options: dict[str, str]) -> str:
    query = "&".join(f"{name}={http_quoted(text)}" for name, text in options.items())
    return f"/{path}?{query}" if query else f"/{path}"


def http_quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))


def check_answer(method: str, status: int, body: bytes) -> None:
    assert status < 500 or status == NOT_IMPLEMENTED, body
    if status >= 400 and method != "HEAD" and body:
        said = json.loads(body)
        assert said["error"]
        assert isinstance(said["reason"], str)


@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.sampled_from(METHODS), st.sampled_from(SEGMENTS), query_options, some_headers, bodies,
    st.sampled_from(["admin", "admin", "reader", "anonymous"]),
)  # fmt: skip
def test_any_request_to_a_database_is_answered_well(
    target: Target,
    method: str,
    segment: str,
    options: dict[str, str],
    headers: dict[str, str],
    body: bytes | None,
    who: str,
) -> None:
    if segment == "" and "DELETE" in (method, headers.get("X-HTTP-Method-Override")) and who == "admin":
        who = "reader"  # the database is still needed
    status, answer = target.ask(method, url(f"fuzz/{segment}", options), body, headers, who)
    check_answer(method, status, answer)


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.sampled_from(METHODS), st.sampled_from(SERVER_PATHS), query_options, some_headers, bodies,
    st.sampled_from(["admin", "reader", "anonymous"]),
)  # fmt: skip
def test_any_request_to_the_server_is_answered_well(
    target: Target,
    method: str,
    path: str,
    options: dict[str, str],
    headers: dict[str, str],
    body: bytes | None,
    who: str,
) -> None:
    status, answer = target.ask(method, url(path, options), body, headers, who)
    check_answer(method, status, answer)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.sampled_from(METHODS), st.sampled_from(SEGMENTS), query_options, some_headers, bodies,
    st.sampled_from(["reader", "anonymous"]),
)  # fmt: skip
def test_who_may_only_read_changes_nothing(
    target: Target,
    method: str,
    segment: str,
    options: dict[str, str],
    headers: dict[str, str],
    body: bytes | None,
    who: str,
) -> None:
    before = target.listing("kept")
    status, answer = target.ask(method, url(f"kept/{segment}", options), body, headers, who)
    check_answer(method, status, answer)
    assert target.listing("kept") == before
    assert target.ask("GET", "/kept/_local/l")[1] == b'{"_id":"_local/l","_rev":"0-1","a":1}\n'


_HEAD = b" HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %b\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CUT_REQUESTS = [
    b"PUT /kept/doc2" + _HEAD + b'Content-Length: 100\r\n\r\n{"a":1}',
    b"PUT /kept/doc2" + _CHUNKED + b'5\r\n{"a":',
    b"PUT /kept/doc2" + _CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    b"POST /kept/_bulk_docs" + _HEAD + b"Content-Type: application/json\r\n"
    b'Content-Length: 1000\r\n\r\n{"docs":[{"_id":"doc2"}]}',
    b"PUT /kept/doc/att2?rev=1-x" + _HEAD + b"Content-Length: 9999999\r\n\r\nabc",
    b"GET /kept/doc" + _HEAD,
    b"GARBAGE\r\n\r\n%b",
    b"GET /kept/doc HTTP/9.9\r\nA: %b\r\n\r\n",
    b"\x16\x03\x01\x02%b",
]


@pytest.mark.parametrize("number", range(len(CUT_REQUESTS)))
@pytest.mark.parametrize("shut", [True, False])
def test_a_half_sent_request_changes_nothing_and_holds_nothing_up(
    target: Target, number: int, shut: bool
) -> None:
    before = target.listing("kept")
    credentials = base64.b64encode(f"{target.server.user}:{target.server.password}".encode())
    with socket.create_connection(("127.0.0.1", target.server.port), timeout=TIMEOUT_S) as connection:
        connection.sendall(CUT_REQUESTS[number].replace(b"%b", credentials))
        if shut:
            with suppress(OSError):  # what can't be a request was hung up on already
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
    assert target.listing("kept") == before
    assert target.ask("GET", "/_up")[0] == 200


def test_expect_100_continue_is_answered_before_the_body(target: Target) -> None:
    credentials = base64.b64encode(f"{target.server.user}:{target.server.password}".encode())
    with socket.create_connection(("127.0.0.1", target.server.port), timeout=TIMEOUT_S) as connection:
        connection.sendall(
            b"PUT /fuzz/expected HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
            b"Authorization: Basic " + credentials + b"\r\n\r\n"
        )
        assert connection.recv(25).startswith(b"HTTP/1.1 100 Continue\r\n")
        connection.sendall(b"{}")
        answer = b""
        while more := connection.recv(65536):
            answer += more
    assert b"201 Created" in answer


def test_a_body_over_the_limit_is_refused_before_it_is_read(target: Target) -> None:
    credentials = base64.b64encode(f"{target.server.user}:{target.server.password}".encode())
    with socket.create_connection(("127.0.0.1", target.server.port), timeout=TIMEOUT_S) as connection:
        connection.sendall(
            b"PUT /fuzz/large HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic " + credentials
            + b"\r\nContent-Length: 99999999999\r\n\r\n{"
        )  # fmt: skip
        assert b" 413 " in connection.recv(65536)
