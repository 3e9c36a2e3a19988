"""Requests as real clients send them: packed, chunked, expecting, too large, or plainly wrong."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from couchgrass.docdb.access import ANONYMOUS, UserCtx
from couchgrass.docdb.http import request as request_module
from couchgrass.docdb.http.request import TRUSTED_USER, Request
from couchgrass.testing.asgi import Asked, asking, basic, receiving, refusal
from couchgrass.testing.call import Reply, call
from couchgrass.testing.server import ServerProcess, running

Ask = Callable[..., Reply]

DOC = b'{"text":"' + b"hello " * 500 + b'"}'
TOO_LARGE = (413, "too_large", "the request entity is too large")


def raw(server: ServerProcess, *parts: bytes) -> list[bytes]:
    """Sends bytes over a socket of its own; what came back to each part, the last until the end."""
    came = []
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        for part in parts[:-1]:
            connection.sendall(part)
            came.append(connection.recv(65536))
        connection.sendall(parts[-1])
        rest = b""
        while data := connection.recv(65536):
            rest += data
        came.append(rest)
    return came


def head(server: ServerProcess, line: str, *fields: str) -> bytes:
    """A request's head that closes the connection after the answer."""
    signed = "Authorization: " + basic(server.user, server.password)
    fields = (f"Host: 127.0.0.1:{server.port}", "Connection: close", signed, *fields)
    return "\r\n".join([f"{line} HTTP/1.1", *fields, "", ""]).encode()


# gzip


@pytest.mark.parametrize("name", ["gzip", "GZIP", "x-gzip"])
def test_a_packed_body_is_taken_for_what_it_holds(ask: Ask, name: str) -> None:
    assert ask("PUT", "/doc", gzip.compress(DOC), content_encoding=name).status == 201
    assert ask("GET", "/doc").json()["text"] == "hello " * 500


def test_gzip_members_in_a_row_are_one_body(ask: Ask) -> None:
    assert (
        ask("PUT", "/doc", gzip.compress(DOC[:9]) + gzip.compress(DOC[9:]), content_encoding="gzip").status
        == 201
    )
    assert ask("GET", "/doc").json()["text"] == "hello " * 500


def test_what_follows_a_packed_body_is_refused_at_once_and_not_kept(couch_server: ServerProcess) -> None:
    body = ("Content-Type: application/json", "Content-Encoding: gzip", "Transfer-Encoding: chunked")
    start = head(couch_server, "POST /_session", *body)
    packed = gzip.compress(b"{}") + b"no member"
    (answer,) = raw(couch_server, start + b"%x\r\n%b\r\n" % (len(packed), packed) + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Request body is not properly gzipped." in answer


def test_identity_is_no_encoding(ask: Ask) -> None:
    assert ask("PUT", "/doc", DOC, content_encoding="identity").status == 201


def test_packed_and_plain_are_the_same_document(ask: Ask) -> None:
    packed = ask("PUT", "/a", gzip.compress(DOC), content_encoding="gzip").json()["rev"]
    assert ask("PUT", "/b", DOC).json()["rev"] == packed


@pytest.mark.parametrize(
    "body", [b"", b"abc", DOC, gzip.compress(DOC)[:-9], gzip.compress(DOC)[:20], zlib.compress(DOC)]
)
def test_what_is_not_whole_gzip_is_refused(ask: Ask, body: bytes) -> None:
    reply = ask("PUT", "/doc", body, content_encoding="gzip")
    assert refusal(reply) == (400, "bad_request", "Request body is not properly gzipped.")
    assert ask("GET", "/doc").status == 404


@pytest.mark.parametrize("name", ["br", "deflate", "gzip, gzip"])
def test_other_encodings_are_refused(ask: Ask, name: str) -> None:
    reply = ask("PUT", "/doc", DOC, content_encoding=name)
    assert refusal(reply) == (415, "bad_content_type", f"{name} is not a supported content encoding.")


# Chunked, Expect, no body


@pytest.mark.parametrize("size", [1, 7, 1000, 100_000])
def test_a_chunked_body_is_put_together(
    ask: Ask, couch_server: ServerProcess, db_name: str, size: int
) -> None:
    doc = json.dumps({"text": "é" * 3000}, ensure_ascii=False).encode()
    pieces = [doc[at : at + size] for at in range(0, len(doc), size)]
    connection = http.client.HTTPConnection("127.0.0.1", couch_server.port, timeout=60)
    headers = {"Authorization": basic(couch_server.user, couch_server.password)}
    connection.request("PUT", f"/{db_name}/doc", iter(pieces), headers, encode_chunked=True)
    assert connection.getresponse().status == 201
    connection.close()
    assert ask("GET", "/doc").json()["text"] == "é" * 3000


def test_who_expects_100_is_told_to_go_on(ask: Ask, couch_server: ServerProcess, db_name: str) -> None:
    line = f"PUT /{db_name}/doc"
    fields = ("Expect: 100-continue", f"Content-Length: {len(DOC)}")
    going, answer = raw(couch_server, head(couch_server, line, *fields), DOC)
    assert going.startswith(b"HTTP/1.1 100 ")
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert ask("GET", "/doc").status == 200


def test_who_expects_100_may_be_refused_instead(ask: Ask, couch_server: ServerProcess, db_name: str) -> None:
    line = f"POST /{db_name}/_bulk_docs"
    fields = ("Expect: 100-continue", "Content-Type: text/plain", "Content-Length: 10000000")
    (answer,) = raw(couch_server, head(couch_server, line, *fields))
    assert answer.startswith(b"HTTP/1.1 415 ")


def test_no_body_at_all_is_told_from_an_empty_one(
    ask: Ask, couch_server: ServerProcess, db_name: str
) -> None:
    (answer,) = raw(couch_server, head(couch_server, f"PUT /{db_name}/doc"))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b'{"error":"bad_request","reason":"Missing request body"}\n')
    assert refusal(ask("PUT", "/doc", b"")) == (400, "bad_request", "invalid UTF-8 JSON")


def test_a_body_of_get_and_delete_is_ignored(ask: Ask) -> None:
    rev = ask("PUT", "/doc", {"v": 1}).json()["rev"]
    assert ask("GET", "/doc", b"nonsense").json()["v"] == 1
    assert ask("DELETE", f"/doc?rev={rev}", b"nonsense").status == 200


def test_many_requests_share_a_connection_even_when_some_are_refused(
    ask: Ask, couch_server: ServerProcess, db_name: str
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", couch_server.port, timeout=60)
    headers = {"Authorization": basic(couch_server.user, couch_server.password)}
    seen = []
    sent = [("PUT", b"{}"), ("PUT", b"{"), ("PATCH", b"x" * 5000), ("GET", None), ("HEAD", None)]
    for method, body in sent:
        connection.request(method, f"/{db_name}/doc", body, headers)
        answer = connection.getresponse()
        answer.read()
        seen.append(answer.status)
    connection.close()
    assert seen == [201, 400, 405, 200, 200]


# Options


@pytest.mark.parametrize(
    ("text", "key"),
    [("%22a+b%22", "a b"), ("%22a%20b%22", "a b"), ("%22a%2Bb%22", "a+b"), ("%22%C3%A9%22", "é")],
)
def test_options_are_decoded_as_forms_are(ask: Ask, text: str, key: str) -> None:
    ask("POST", "/_bulk_docs", {"docs": [{"_id": "a b"}, {"_id": "a+b"}, {"_id": "é"}]})
    assert [row["id"] for row in ask("GET", f"/_all_docs?key={text}").json()["rows"]] == [key]


def test_of_an_option_twice_the_last_counts(ask: Ask) -> None:
    assert ask("GET", "/_all_docs?limit=x&limit=1").status == 200


@pytest.mark.parametrize("target", ["/_all_docs?key=%FF", "/_all_docs?%FF=1", "/%FF", "/_local/%FF"])
def test_what_is_not_utf8_is_refused(ask: Ask, target: str) -> None:
    reply = ask("GET", target)
    assert (reply.status, reply.json()["error"]) == (400, "bad_request")


@pytest.mark.parametrize("target", ["/doc%", "/doc%4", "/doc%zz", "/doc?rev=%", "/_all_docs?key=%2"])
def test_a_percent_sign_that_escapes_nothing_is_refused(ask: Ask, target: str) -> None:
    assert refusal(ask("GET", target)) == (400, "bad_request", "invalid_url_encoding")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("limit=a", 'Invalid value for integer: "a"'),
        ("limit=1.5", 'Invalid value for integer: "1.5"'),
        ("skip=-1", 'Invalid value for positive integer: "-1"'),
        ("descending=maybe", 'Invalid boolean parameter: "maybe"'),
    ],
)
def test_options_of_a_wrong_type_are_refused(ask: Ask, query: str, reason: str) -> None:
    assert refusal(ask("GET", f"/_all_docs?{query}")) == (400, "query_parse_error", reason)


# Limits, by CouchDB's names


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose settings are changed, with a database."""
    with running(tmp_path_factory.mktemp("limits") / "data") as server:
        assert call(server.auth_url, "PUT", "/db").status == 201
        yield server


@contextmanager
def limit(server: ServerProcess, key: str, value: object) -> Iterator[None]:
    path = f"/_node/_local/_config/{key}"
    assert call(server.auth_url, "PUT", path, str(value)).status == 200
    try:
        yield
    finally:
        assert call(server.auth_url, "DELETE", path).status == 200


def text_of(size: int) -> dict[str, Any]:
    """A document whose body is so many bytes as JSON."""
    return {"t": "x" * (size - len('{"t":""}'))}


def test_max_document_size_counts_the_body(own: ServerProcess) -> None:
    def put(doc_id: str, size: int) -> Reply:
        return call(own.auth_url, "PUT", f"/db/{doc_id}", text_of(size))

    with limit(own, "couchdb/max_document_size", 100):
        assert put("fits", 100).status == 201
        assert refusal(put("large", 101)) == (413, "document_too_large", "large")
        many = {"docs": [{"_id": "one"}, {"_id": "two", **text_of(101)}]}
        reply = call(own.auth_url, "POST", "/db/_bulk_docs", many)
        assert refusal(reply) == (413, "document_too_large", "two")
        assert call(own.auth_url, "GET", "/db/one").status == 404
    assert put("large", 101).status == 201


def test_max_attachment_size_counts_inline_and_standalone_bytes(own: ServerProcess) -> None:
    inline = {"_attachments": {"a": {"content_type": "image/png", "data": "YWJjZGU="}}}
    with limit(own, "couchdb/max_attachment_size", 4):
        wanted = (413, "attachment_too_large", "a")
        assert refusal(call(own.auth_url, "PUT", "/db/inline", inline)) == wanted
        assert refusal(call(own.auth_url, "PUT", "/db/alone/a", b"abcde")) == wanted
        assert call(own.auth_url, "PUT", "/db/alone/a", b"abcd").status == 201
    assert call(own.auth_url, "PUT", "/db/inline", inline).status == 201


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_max_http_request_size_counts_what_comes_and_what_it_holds(
    own: ServerProcess, packed: bool, chunked: bool
) -> None:
    body = json.dumps(text_of(2000)).encode()
    fields = ["Content-Type: application/json"]
    if packed:
        body = gzip.compress(body)
        fields.append("Content-Encoding: gzip")
    if chunked:
        fields.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    else:
        fields.append(f"Content-Length: {len(body)}")
    sent = head(own, "POST /db", *fields) + body
    with limit(own, "chttpd/max_http_request_size", 1000):
        (answer,) = raw(own, sent)
        assert answer.startswith(b"HTTP/1.1 413 ")
        told = json.loads(answer.split(b"\r\n\r\n", 1)[1])
        assert told == {"error": TOO_LARGE[1], "reason": TOO_LARGE[2]}
    (answer,) = raw(own, sent)
    assert answer.startswith(b"HTTP/1.1 201 ")


def test_max_document_id_length_counts_bytes(own: ServerProcess) -> None:
    with limit(own, "couchdb/max_document_id_length", 4):
        assert call(own.auth_url, "PUT", "/db/abcd", {}).status == 201
        wanted = (400, "illegal_docid", "Document id is too long")
        assert refusal(call(own.auth_url, "PUT", "/db/abcde", {})) == wanted
        assert refusal(call(own.auth_url, "POST", "/db", {"_id": "ééé"})) == wanted
        assert refusal(call(own.auth_url, "POST", "/db/_bulk_docs", {"docs": [{"_id": "abcde"}]})) == wanted


def test_max_uri_length_counts_path_and_options(own: ServerProcess) -> None:
    with limit(own, "chttpd/max_uri_length", 60):
        assert call(own.auth_url, "GET", "/db?" + "x" * 56).status == 200
        reply = call(own.auth_url, "GET", "/db?" + "x" * 57)
        assert refusal(reply) == (414, "too_long", "the request uri is too long")


def test_a_plus_in_a_path_is_a_space_unless_that_is_switched_off(own: ServerProcess) -> None:
    assert call(own.auth_url, "PUT", "/db/plus+1", {}).json()["id"] == "plus 1"
    assert call(own.auth_url, "PUT", "/db/plus%2B1", {}).json()["id"] == "plus+1"
    reply = call(own.auth_url, "COPY", "/db/plus+1", headers={"Destination": "plus+2"})
    assert reply.json()["id"] == "plus 2"
    with limit(own, "chttpd/decode_plus_to_space", "false"):
        assert call(own.auth_url, "PUT", "/db/plus+3", {}).json()["id"] == "plus+3"


def test_limits_outlive_the_server(server_data: Path) -> None:
    with running(server_data) as server:
        path = "/_node/_local/_config/couchdb/max_document_size"
        assert call(server.auth_url, "PUT", path, "50").status == 200
        server.stop()
        server.start()
        assert call(server.auth_url, "PUT", "/db").status == 201
        reply = call(server.auth_url, "PUT", "/db/doc", text_of(51))
        assert refusal(reply) == (413, "document_too_large", "doc")


# what is left of a refused body


@pytest.mark.parametrize(
    ("pieces", "read", "drained"),
    [
        ([2000, 500, 1], 1, True),
        ([1000, 2000, 1], 1, False),
        ([500, 1], 0, True),
        ([1000, 1], 0, False),
    ],
)
def test_a_refusal_waits_for_the_rest_of_a_body_if_that_is_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces: list[int], read: int, drained: bool
) -> None:
    """A client that only writes until it is done shall still read why it was refused."""
    monkeypatch.setattr(request_module, "DRAINED_MAX", 1000)
    left = [b"x" * size for size in pieces]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def work(server: Asked) -> None:
        request = Request(server.server, scope_of(sum(pieces)), receive)
        chunks = request.raw_chunks()
        for _ in range(read):
            await anext(chunks)
        await request.drain()
        assert (left == []) is drained

    asking(tmp_path / "data", work)


def test_a_refusal_of_a_whole_body_waits_for_nothing(tmp_path: Path) -> None:
    async def receive() -> dict[str, Any]:
        assert not received.is_set(), "there is no more to come"
        received.set()
        return {"type": "http.request", "body": b"{}", "more_body": False}

    received = asyncio.Event()

    async def work(server: Asked) -> None:
        request = Request(server.server, scope_of(2), receive)
        await anext(request.raw_chunks())
        await request.drain()

    asking(tmp_path / "data", work)


def scope_of(length: int) -> dict[str, Any]:
    return {
        "method": "PUT", "raw_path": b"/db/doc", "query_string": b"", "client": None,
        "headers": [(b"content-length", b"%d" % length)],
    }  # fmt: skip


# callers in the process


def test_a_caller_in_the_process_is_believed_who_it_asks_for(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        assert (await server.who(UserCtx("anna", ("gardener",))))["name"] == "anna"
        assert (await server.ask("GET", "/_all_dbs", user=UserCtx("x", ("_admin",)))).status == 200
        assert (await server.ask("GET", "/_all_dbs", user=UserCtx("x"))).status == 401
        assert (await server.ask("GET", "/_all_dbs", user=ANONYMOUS)).status == 401
        server.set("chttpd", require_valid_user="true")
        assert (await server.who(UserCtx("anna")))["roles"] == []
        trusted = await server.ask("GET", "/_session", user=UserCtx("anna"), authorization=basic("x", "y"))
        assert trusted.json()["userCtx"]["name"] == "anna"

    asking(tmp_path / "data", work)


@pytest.mark.parametrize("user", ["admin", b"admin", {"name": "x", "roles": ["_admin"]}, True])
def test_nothing_but_a_user_of_ours_is_believed(tmp_path: Path, user: object) -> None:
    async def work(server: Asked) -> None:
        statuses: list[int] = []

        async def send(message: dict[str, Any]) -> None:
            statuses.append(message.get("status", 0))

        scope = {
            "type": "http", "method": "GET", "raw_path": b"/_all_dbs", "query_string": b"", "headers": [],
            "client": None, TRUSTED_USER: user,
        }  # fmt: skip
        await server.app(scope, receiving(b"", asyncio.Event()), send)
        assert statuses[0] == 401

    asking(tmp_path / "data", work)


@pytest.mark.parametrize(
    "field",
    [
        "couchgrass.user: admin",
        'Couchgrass.User: {"name":"admin","roles":["_admin"]}',
        "X-Couchgrass.User: admin",
        "state: couchgrass.user=admin",
        "extensions: couchgrass.user",
        "X-Auth-CouchDB-Roles: _admin",
    ],
)
def test_nobody_is_believed_over_a_socket(couch_server: ServerProcess, field: str) -> None:
    for target in ("/_all_dbs", "/_all_dbs?couchgrass.user=admin"):
        sent = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{field}\r\n\r\n"
        (answer,) = raw(couch_server, sent.encode())
        assert answer.startswith(b"HTTP/1.1 401 ")
