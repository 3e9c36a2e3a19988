"""Attachments of their own: GET, HEAD, PUT and DELETE of ``/db/doc/name``."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from couchgrass.testing.asgi import basic
from couchgrass.testing.call import Reply
from couchgrass.testing.server import ServerProcess

Ask = Callable[..., Reply]

CHUNK = 256 * 1024
TEXT = b"the quick brown fox jumps over the lazy dog. " * 100
MIB = 1024 * 1024


def noise(size: int) -> bytes:
    """Bytes that do not compress, the same each time."""
    block = b"".join(hashlib.sha512(b"%d" % number).digest() for number in range(CHUNK // 64))
    return (block * (size // len(block) + 1))[:size]


def digest(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def put(ask: Ask, path: str, data: bytes, content_type: str = "image/png", **headers: str) -> str:
    """Stores an attachment; the new revision."""
    reply = ask("PUT", path, data, content_type=content_type, **headers)
    assert reply.status == 201, reply
    return str(reply.json()["rev"])


# Storing.


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, CHUNK, 2 * CHUNK, 2 * CHUNK + 1, 5 * CHUNK - 1])
def test_what_is_put_comes_back_whatever_its_size(ask: Ask, size: int) -> None:
    data = noise(size)
    rev = put(ask, "/doc/a.png", data)
    reply = ask("GET", "/doc/a.png")
    assert (reply.status, reply.body) == (200, data)
    assert reply.headers["content-type"] == "image/png"
    assert reply.headers["content-length"] == str(size)
    assert reply.headers["etag"] == f'"{digest(data)}"'
    assert ask("GET", "/doc").json() == {
        "_id": "doc",
        "_rev": rev,
        "_attachments": {
            "a.png": {
                "content_type": "image/png",
                "revpos": 1,
                "digest": "md5-" + digest(data),
                "length": size,
                "stub": True,
            }
        },
    }


def test_put_without_a_revision_makes_the_document_and_says_where(
    ask: Ask, couch_server: ServerProcess
) -> None:
    reply = ask("PUT", "/doc/a%20b", b"x")
    assert reply.status == 201
    assert reply.json()["ok"] is True
    assert reply.json()["id"] == "doc"
    assert reply.headers["location"].startswith(couch_server.url + "/")
    assert reply.headers["location"].endswith("/doc/a%20b")
    assert ask("GET", "/doc/a%20b").headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("way", ["query", "if_match"])
def test_put_keeps_the_body_and_the_other_attachments(ask: Ask, way: str) -> None:
    rev = ask("PUT", "/doc", {"n": 1.0, "big": 2**70, "_attachments": {"old": {"data": "Zm9v"}}}).json()[
        "rev"
    ]
    if way == "query":
        rev = put(ask, f"/doc/new?rev={rev}", b"bar")
    else:
        rev = put(ask, "/doc/new", b"bar", if_match=f'"{rev}"')
    body = ask("GET", "/doc").body
    assert b'"n":1.0,"big":1180591620717411303424,' in body
    assert ask("GET", "/doc/old").body == b"foo"
    assert ask("GET", "/doc/new").body == b"bar"
    found = ask("GET", "/doc").json()["_attachments"]
    assert (found["old"]["revpos"], found["new"]["revpos"]) == (1, 2)
    assert put(ask, f"/doc/new?rev={rev}", b"baz").startswith("3-")
    assert ask("GET", "/doc/new").body == b"baz"


@pytest.mark.parametrize(
    ("path", "error", "reason"),
    [
        ("/doc/a", "conflict", "Document update conflict."),
        ("/doc/a?rev={old}", "conflict", "Document update conflict."),
        ("/doc/a?rev=7-abc", "not_found", "missing_rev"),
        ("/other/a?rev=7-abc", "not_found", "missing_rev"),
    ],
)
def test_put_on_anything_but_a_leaf_is_a_conflict_and_changes_nothing(
    ask: Ask, path: str, error: str, reason: str
) -> None:
    old = ask("PUT", "/doc", {}).json()["rev"]
    rev = ask("PUT", f"/doc?rev={old}", {}).json()["rev"]
    for size in (5, 300_000):
        reply = ask("PUT", path.format(old=old), noise(size))
        assert (reply.status, reply.json()) == (409, {"error": error, "reason": reason})
    assert ask("GET", "/doc").json() == {"_id": "doc", "_rev": rev}
    assert ask("GET", "/other").status == 404


def test_revisions_that_differ_are_refused(ask: Ask) -> None:
    rev = ask("PUT", "/doc", {}).json()["rev"]
    reply = ask("PUT", f"/doc/a?rev={rev}", b"x", if_match="9-abc")
    assert (reply.status, reply.json()["error"]) == (400, "bad_request")
    assert ask("PUT", "/doc/a?rev=nonsense", b"x").json()["reason"] == "Invalid rev format"


def test_put_over_a_tombstone_makes_an_empty_document_with_the_attachment(ask: Ask) -> None:
    rev = ask("PUT", "/doc", {"n": 1, "_attachments": {"old": {"data": ""}}}).json()["rev"]
    ask("DELETE", f"/doc?rev={rev}")
    assert put(ask, "/doc/a", b"x").startswith("3-")
    found = ask("GET", "/doc").json()
    assert set(found) == {"_id", "_rev", "_attachments"}
    assert set(found["_attachments"]) == {"a"}


def test_put_on_a_losing_leaf_keeps_that_leafs_body(ask: Ask) -> None:
    for rev, number in (("1-a", 1), ("1-b", 2)):
        assert ask("PUT", "/doc?new_edits=false", {"_rev": rev, "n": number}).status == 201
    rev = put(ask, "/doc/a?rev=1-a", b"x")
    assert ask("GET", f"/doc?rev={rev}").json()["n"] == 1


@pytest.mark.parametrize("name", ["a/b/c.txt", "über.txt", "a+b", "%", "a b"])
def test_names_may_hold_slashes_and_anything_else(ask: Ask, name: str) -> None:
    from urllib.parse import quote

    put(ask, f"/doc/{quote(name)}", b"x")
    assert list(ask("GET", "/doc").json()["_attachments"]) == [name]
    assert ask("GET", f"/doc/{quote(name, safe='')}").body == b"x"


def test_names_must_not_start_with_an_underscore_or_be_something_else_than_utf8(ask: Ask) -> None:
    reply = ask("PUT", "/doc/_a", b"x")
    assert reply.status == 400
    assert reply.json()["reason"] == "Attachment name '_a' starts with prohibited character '_'"
    assert ask("PUT", "/doc/%ff", b"x").status == 400
    assert ask("GET", "/doc").status == 404


def test_design_documents_hold_attachments_and_local_ones_do_not(ask: Ask) -> None:
    put(ask, "/_design/d/i/index.html", b"<p>", "text/html")
    assert ask("GET", "/_design/d/i/index.html").body == b"<p>"
    assert ask("PUT", "/_local/d/a", b"x").status == 400


def test_equal_puts_make_equal_revisions(ask: Ask) -> None:
    assert put(ask, "/doc/a", noise(300_000)) == "1-" + put(ask, "/doc2/a", noise(300_000))[2:]
    assert put(ask, "/doc3/a", noise(300_001)) != put(ask, "/doc4/a", noise(300_000))


def test_a_body_with_content_encoding_gzip_is_stored_as_what_it_decodes_to(ask: Ask) -> None:
    for name, data, kind in (("a", TEXT, "text/plain"), ("b", noise(700_000), "image/png")):
        put(ask, f"/{name}/x", gzip.compress(data), kind, content_encoding="gzip")
        assert ask("GET", f"/{name}/x").body == data
        assert ask("GET", f"/{name}").json()["_attachments"]["x"]["length"] == len(data)


def test_a_body_that_is_not_the_gzip_it_says_is_refused(ask: Ask) -> None:
    for body in (b"plain", gzip.compress(TEXT)[:-4]):
        assert ask("PUT", "/doc/a", body, content_encoding="gzip").status == 400
    assert ask("PUT", "/doc/a", b"x", content_encoding="br").status == 415
    assert ask("GET", "/doc").status == 404


def test_a_body_that_does_not_have_its_content_md5_is_refused(ask: Ask) -> None:
    put(ask, "/doc/a", noise(300_000), content_md5=digest(noise(300_000)))
    reply = ask("PUT", "/doc2/a", noise(300_000), content_md5=digest(b"x"))
    assert (reply.status, reply.json()["error"]) == (400, "content_md5_mismatch")
    assert ask("GET", "/doc2").status == 404


def test_a_chunked_body_is_stored(couch_server: ServerProcess, db_name: str, ask: Ask) -> None:
    pieces = [noise(100_000)] * 5
    signed = {"Authorization": basic(couch_server.user, couch_server.password)}
    with closing(http.client.HTTPConnection("127.0.0.1", couch_server.port, timeout=60)) as wire:
        wire.request("PUT", f"/{db_name}/doc/a", iter(pieces), signed, encode_chunked=True)
        assert wire.getresponse().read().startswith(b'{"ok":true')
    assert ask("GET", "/doc/a").body == b"".join(pieces)


# Reading.


def test_a_compressible_type_is_stored_as_gzip_and_sent_as_the_client_takes_it(ask: Ask) -> None:
    put(ask, "/doc/a", TEXT, "text/plain")
    plain = ask("GET", "/doc/a")
    assert (plain.body, plain.headers["content-length"]) == (TEXT, str(len(TEXT)))
    assert "content-encoding" not in plain.headers
    packed = ask("GET", "/doc/a", accept_encoding="gzip, deflate")
    assert gzip.decompress(packed.body) == TEXT
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-length"] == str(len(packed.body))
    assert plain.headers["etag"] == packed.headers["etag"] == f'"{digest(packed.body)}"'
    assert plain.headers["accept-ranges"] == packed.headers["accept-ranges"] == "none"
    assert ask("GET", "/doc/a", accept_encoding="identity;q=0").status == 406


def test_a_large_compressed_attachment_is_unpacked_on_the_fly(ask: Ask) -> None:
    data = noise(MIB) * 4
    put(ask, "/doc/a", data, "application/json")
    assert ask("GET", "/doc/a").body == data


def test_head_has_the_headers_of_get_and_no_body(ask: Ask) -> None:
    put(ask, "/doc/a", noise(300_000))
    get, head = ask("GET", "/doc/a"), ask("HEAD", "/doc/a")
    assert (head.status, head.body) == (200, b"")
    kept = ("etag", "content-type", "content-length", "accept-ranges", "content-security-policy")
    assert [head.headers[name] for name in kept] == [get.headers[name] for name in kept]
    assert get.headers["content-security-policy"] == "sandbox"
    assert get.headers["cache-control"] == "must-revalidate"


def test_a_client_that_has_it_gets_304(ask: Ask) -> None:
    put(ask, "/doc/a", b"x")
    etag = ask("GET", "/doc/a").headers["etag"]
    for asked in (etag, f'"other", {etag}', "*"):
        reply = ask("GET", "/doc/a", if_none_match=asked)
        assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", etag)
    assert ask("GET", "/doc/a", if_none_match='"other"').status == 200


def test_an_older_revision_has_its_own_attachment(ask: Ask) -> None:
    first = put(ask, "/doc/a", b"one")
    second = put(ask, f"/doc/a?rev={first}", b"two")
    assert ask("GET", f"/doc/a?rev={first}").body == b"one"
    assert ask("GET", f"/doc/a?rev={second}").body == b"two"
    assert ask("GET", f"/doc/a?rev={first}&latest=true").body == b"two"
    assert ask("GET", "/doc/a?rev=9-abc").json() == {"error": "not_found", "reason": "missing"}


def test_what_is_not_there_is_404_with_couchdbs_reason(ask: Ask) -> None:
    rev = put(ask, "/doc/a", b"x")
    assert ask("GET", "/doc/b").json() == {"error": "not_found", "reason": "Document is missing attachment"}
    assert ask("GET", "/none/b").json()["reason"] == "missing"
    ask("DELETE", f"/doc?rev={rev}")
    reply = ask("GET", "/doc/a")
    assert (reply.status, reply.json()["reason"]) == (404, "deleted")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        (f"bytes={CHUNK - 1}-{CHUNK}", CHUNK - 1, CHUNK),
        (f"bytes={CHUNK}-", CHUNK, 3 * CHUNK + 4),
        ("bytes=-10", 3 * CHUNK - 5, 3 * CHUNK + 4),
        ("bytes=5-99999999", 5, 3 * CHUNK + 4),
    ],
)
def test_a_range_is_cut_from_the_stored_chunks(ask: Ask, asked: str, first: int, last: int) -> None:
    data = noise(3 * CHUNK + 5)
    put(ask, "/doc/a", data)
    reply = ask("GET", "/doc/a", range=asked)
    assert (reply.status, reply.body) == (206, data[first : last + 1])
    assert reply.headers["content-range"] == f"bytes {first}-{last}/{len(data)}"
    assert reply.headers["content-length"] == str(last + 1 - first)
    assert reply.headers["accept-ranges"] == "bytes"


def test_several_ranges_come_as_multipart(ask: Ask) -> None:
    data = noise(2 * CHUNK)
    put(ask, "/doc/a", data)
    reply = ask("GET", "/doc/a", range=f"bytes=1-3,{CHUNK - 2}-{CHUNK + 1}")
    kind, _, boundary = reply.headers["content-type"].partition("; boundary=")
    assert (reply.status, kind) == (206, "multipart/byteranges")
    mark = b"--" + boundary.strip('"').encode()
    _, one, two, end = reply.body.split(mark)
    assert (
        one == b"\r\nContent-Type: image/png\r\nContent-Range: bytes 1-3/524288\r\n\r\n" + data[1:4] + b"\r\n"
    )
    assert two.endswith(b"\r\n\r\n" + data[CHUNK - 2 : CHUNK + 2] + b"\r\n")
    assert end == b"--"
    assert reply.headers["content-length"] == str(len(reply.body))


def test_a_range_outside_is_416_and_one_of_packed_bytes_is_ignored(ask: Ask) -> None:
    put(ask, "/doc/a", b"12345")
    reply = ask("GET", "/doc/a", range="bytes=5-9")
    assert (reply.status, reply.json()["error"]) == (416, "requested_range_not_satisfiable")
    put(ask, "/packed/a", TEXT, "text/plain")
    assert ask("GET", "/packed/a", range="bytes=1-2").body == TEXT


def test_a_content_type_can_not_forge_headers(ask: Ask) -> None:
    member = {"content_type": "text/x\r\nx-forged: 1\x01\x7f", "data": ""}
    assert ask("PUT", "/doc", {"_attachments": {"a": member}}).status == 201
    reply = ask("GET", "/doc/a")
    assert reply.headers["content-type"] == "text/x%0D%0Ax-forged: 1%01%7F"
    assert "x-forged" not in reply.headers


# Deleting.


def test_delete_takes_one_attachment_and_leaves_the_rest(ask: Ask) -> None:
    rev = ask("PUT", "/doc", {"n": 1, "_attachments": {"a": {"data": ""}, "b": {"data": ""}}}).json()["rev"]
    reply = ask("DELETE", f"/doc/a?rev={rev}")
    assert reply.status == 200
    found = ask("GET", "/doc").json()
    assert reply.json() == {"ok": True, "id": "doc", "rev": found["_rev"]}
    assert (found["n"], set(found["_attachments"])) == (1, {"b"})
    assert ask("DELETE", "/doc/b", if_match=f'"{found["_rev"]}"').status == 200
    assert "_attachments" not in ask("GET", "/doc").json()


def test_delete_of_what_is_not_there_is_404_and_without_the_revision_409(ask: Ask) -> None:
    rev = put(ask, "/doc/a", b"x")
    missing = {"error": "not_found", "reason": "Document is missing attachment"}
    assert ask("DELETE", f"/doc/b?rev={rev}").json() == missing
    assert ask("DELETE", "/doc/b").json() == missing
    assert ask("DELETE", "/none/b").status == 404
    assert ask("DELETE", "/doc/a").status == 409
    assert ask("DELETE", "/doc/a?rev=1-abc").json() == {"error": "not_found", "reason": "missing_rev"}
    assert ask("GET", "/doc").json()["_rev"] == rev


def test_other_methods_are_not_allowed(ask: Ask) -> None:
    reply = ask("POST", "/doc/a", b"x")
    assert reply.status == 405
    assert sorted(reply.headers["allow"].split(",")) == ["DELETE", "GET", "HEAD", "PUT"]


# Memory.


def resident_bytes(server: ServerProcess) -> int:
    text = Path(f"/proc/{server.pid}/statm").read_text()
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_bytes(server: ServerProcess) -> int:
    """The most that the process had resident since `forget_peak`."""
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def forget_peak(server: ServerProcess) -> None:
    Path(f"/proc/{server.pid}/clear_refs").write_text("5")


def test_a_large_attachment_goes_up_and_down_in_little_memory(
    ask: Ask, couch_server: ServerProcess, db_name: str
) -> None:
    block, blocks = noise(MIB), 64
    put(ask, "/warm/a", block)
    forget_peak(couch_server)
    before = resident_bytes(couch_server)
    path = f"/{db_name}/doc/a"
    signed = {"Authorization": basic(couch_server.user, couch_server.password)}
    told = {**signed, "Content-Length": str(blocks * MIB), "Content-Type": "image/png"}
    with closing(http.client.HTTPConnection("127.0.0.1", couch_server.port, timeout=60)) as wire:
        wire.request("PUT", path, (block for _ in range(blocks)), told)
        with wire.getresponse() as answer:
            assert (answer.status, answer.read()[:5]) == (201, b'{"ok"')
        wire.request("GET", path, headers=signed)
        received, seen = 0, hashlib.md5()
        with wire.getresponse() as answer:
            while data := answer.read(65536):
                received += len(data)
                seen.update(data)
    assert received == blocks * MIB
    assert seen.digest() == hashlib.md5(block * blocks).digest()
    assert peak_bytes(couch_server) - before < 32 * MIB
