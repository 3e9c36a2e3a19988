"""Documents with their attachments' bytes as multipart, in and out, and the form upload."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest

from couchgrass.testing.call import Reply
from couchgrass.testing.server import ServerProcess
from tests.docdb.http.multipart_answers import content, parts_of

Ask = Callable[..., Reply]

RELATED = 'multipart/related; boundary="b0"'
FORM = "multipart/form-data; boundary=b0"
NOISE = b"".join(hashlib.sha512(b"%d" % number).digest() for number in range(10_000))
TEXT = b"the quick brown fox\r\n--b" * 1000


def body(*parts: tuple[str, bytes], end: bytes = b"\r\n--b0--") -> bytes:
    """A multipart body of (header lines, content)."""
    return b"".join(b"\r\n--b0\r\n%b\r\n%b" % (head.encode(), data) for head, data in parts) + end


def related(document: Any, *contents: bytes, end: bytes = b"\r\n--b0--") -> bytes:
    text = json.dumps(document).encode()
    heads = [("Content-Type: application/json\r\n", text)]
    return body(*heads, *(("", content) for content in contents), end=end)


def member(data: bytes | None, **changed: Any) -> dict[str, Any]:
    told = {"content_type": "image/png", "follows": True}
    return told | ({} if data is None else {"length": len(data)}) | changed


# In.


def test_the_bytes_follow_in_the_order_of_the_members(ask: Ask) -> None:
    document = {
        "n": 1.0,
        "_attachments": {
            "small": member(b"foo"),
            "inline": {"content_type": "text/plain", "data": "YmFy"},
            "large": member(NOISE),
            "text": member(TEXT, content_type="text/plain"),
            "empty": member(b""),
        },
    }
    reply = ask("PUT", "/doc", related(document, b"foo", NOISE, TEXT, b""), content_type=RELATED)
    assert reply.status == 201
    assert reply.json() == {"ok": True, "id": "doc", "rev": ask("GET", "/doc").json()["_rev"]}
    assert reply.headers["etag"] == f'"{reply.json()["rev"]}"'
    assert reply.headers["location"].endswith("/doc")
    found = ask("GET", "/doc").json()
    assert b'"n":1.0' in ask("GET", "/doc").body
    assert list(found["_attachments"]) == ["small", "inline", "large", "text", "empty"]
    sent = {"small": b"foo", "inline": b"bar", "large": NOISE, "text": TEXT, "empty": b""}
    for name, data in sent.items():
        assert ask("GET", f"/doc/{name}").body == data
        assert found["_attachments"][name]["length"] == len(data)


def test_a_multipart_edit_and_an_inline_edit_make_the_same_revision(ask: Ask) -> None:
    document: dict[str, Any] = {"_attachments": {"a": member(TEXT, content_type="text/plain")}}
    streamed = ask("PUT", "/doc1", related(document, TEXT), content_type=RELATED).json()["rev"]
    document["_attachments"]["a"] = {"content_type": "text/plain", "data": base64.b64encode(TEXT).decode()}
    assert ask("PUT", "/doc2", document).json()["rev"] == streamed


def test_stubs_stay_beside_what_follows(ask: Ask) -> None:
    rev = ask("PUT", "/doc", {"_attachments": {"old": {"data": "Zm9v"}}}).json()["rev"]
    document: dict[str, Any] = {"_attachments": {"old": {"stub": True, "revpos": 1}, "new": member(NOISE)}}
    reply = ask("PUT", f"/doc?rev={rev}", related(document, NOISE), content_type=RELATED)
    assert reply.json()["rev"].startswith("2-")
    assert (ask("GET", "/doc/old").body, ask("GET", "/doc/new").body) == (b"foo", NOISE)
    document["_rev"] = reply.json()["rev"]
    document["_attachments"]["absent"] = {"stub": True}
    assert ask("PUT", "/doc", related(document, NOISE), content_type=RELATED).status == 412


def test_a_replicated_document_keeps_its_revision_and_its_gzip(ask: Ask) -> None:
    packed = gzip.compress(TEXT, mtime=0)
    digest = "md5-" + base64.b64encode(hashlib.md5(packed).digest()).decode()
    told = {
        "content_type": "text/plain", "revpos": 2, "follows": True, "digest": digest,
        "length": 1, "encoding": "gzip", "encoded_length": len(packed),
    }  # fmt: skip
    document = {"_revisions": {"start": 2, "ids": ["b", "a"]}, "_attachments": {"a": told}}
    reply = ask("PUT", "/doc?new_edits=false", related(document, packed), content_type=RELATED)
    assert (reply.status, reply.json()["rev"]) == (201, "2-b")
    info = ask("GET", "/doc?att_encoding_info=true").json()["_attachments"]["a"]
    assert (info["length"], info["encoded_length"], info["revpos"]) == (len(TEXT), len(packed), 2)
    assert info["digest"] == digest
    assert ask("GET", "/doc/a").body == TEXT
    unnamed = ask("PUT", "/doc?new_edits=false", related({}), content_type=RELATED)
    assert (unnamed.status, unnamed.json()["error"]) == (400, "bad_request")


GOOD = {"_attachments": {"a": member(b"foo"), "b": member(NOISE)}}


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (related(GOOD, b"fo", NOISE), "attachment shorter than expected"),
        (related(GOOD, b"fooo", NOISE), "attachment longer than expected"),
        (related(GOOD, b"foo", NOISE[:-1]), "attachment shorter than expected"),
        (related(GOOD, b"foo", NOISE + b"x"), "attachment longer than expected"),
        (related(GOOD, b"foo"), "The part with the bytes of attachment b is missing"),
        (related(GOOD, b"foo", NOISE, b"bar"), "The request has more parts than attachments that follow"),
        (related({"n": 1}, b"foo"), "The request has more parts than attachments that follow"),
        (related(GOOD, b"foo", NOISE, end=b""), "multipart body ends in the body of a part"),
        (related(GOOD, b"foo", NOISE, end=b"\r\n--b0"), "multipart body ends in the headers of a part"),
        (related(GOOD, end=b"")[:30], "multipart body ends in the headers of a part"),
        (b"", "multipart body ends before its first boundary"),
        (body(("Content-Type: application/json\r\n", b"{")), "invalid UTF-8 JSON"),
        (body(("Content-Type: application/json\r\n", b"[]")), "Document must be a JSON object"),
        (related({"_attachments": {"_a": member(b"")}}, b""), None),
        (
            related({"_attachments": {"a": member(b"foo", digest="md5-" + "A" * 22 + "==")}}, b"foo"),
            "Possible message corruption.",
        ),
    ],
)
def test_a_body_that_is_not_what_it_says_is_refused_and_nothing_is_written(
    ask: Ask, sent: bytes, reason: str | None
) -> None:
    reply = ask("PUT", "/doc", sent, content_type=RELATED)
    assert reply.status == 400
    assert reason is None or reply.json()["reason"] == reason
    assert ask("GET", "/doc").status == 404


def test_the_first_part_must_be_json_and_the_boundary_usable(ask: Ask) -> None:
    for head in ("", "Content-Type: text/plain\r\n"):
        reply = ask("PUT", "/doc", body((head, b"{}")), content_type=RELATED)
        assert (reply.status, reply.json()["error"]) == (415, "bad_content_type")
        assert reply.json()["reason"] == "Content-Type must be application/json"
    assert ask("PUT", "/doc", body(("", b"{}")), content_type="multipart/related").status == 400


def test_lengths_need_not_be_told(ask: Ask) -> None:
    sent = related({"_attachments": {"a": member(None), "b": member(None)}}, NOISE, b"foo")
    assert ask("PUT", "/doc", sent, content_type=RELATED).status == 201
    assert (ask("GET", "/doc/a").body, ask("GET", "/doc/b").body) == (NOISE, b"foo")


def test_a_conflict_is_409_and_revisions_that_differ_400(ask: Ask) -> None:
    ask("PUT", "/doc", {})
    assert ask("PUT", "/doc", related(GOOD, b"foo", NOISE), content_type=RELATED).status == 409
    sent = related({"_rev": "1-a"})
    assert ask("PUT", "/doc?rev=1-b", sent, content_type=RELATED).status == 400
    assert ask("PUT", "/doc", sent, content_type=RELATED, if_match="1-b").status == 400


def test_a_gzip_body_is_unpacked(ask: Ask) -> None:
    sent = gzip.compress(related(GOOD, b"foo", NOISE))
    assert ask("PUT", "/doc", sent, content_type=RELATED, content_encoding="gzip").status == 201
    assert ask("GET", "/doc/b").body == NOISE


# The form.


def form_part(name: str, data: bytes, filename: str | None = None, kind: str = "") -> tuple[str, bytes]:
    file = "" if filename is None else f'; filename="{filename}"'
    return f'Content-Disposition: form-data; name="{name}"{file}\r\n{kind}', data


def post_form(ask: Ask, server: ServerProcess, path: str, *parts: tuple[str, bytes]) -> Reply:
    return ask("POST", path, body(*parts), content_type=FORM, referer=f"{server.url}/_utils/")


def test_a_form_adds_files_to_a_revision(ask: Ask, couch_server: ServerProcess) -> None:
    rev = ask("PUT", "/doc", {"n": 1, "_attachments": {"old": {"data": "Zm9v"}}}).json()["rev"]
    reply = post_form(
        ask,
        couch_server,
        "/doc",
        form_part("_attachments", NOISE, "a.png", "Content-Type: image/png\r\n"),
        form_part("other", b"passed over"),
        form_part("_attachments", b"bar", "b"),
        form_part("_attachments", b"", ""),
        form_part("_rev", rev.encode()),
    )
    assert reply.status == 201
    assert reply.headers["etag"] == f'"{reply.json()["rev"]}"'
    found = ask("GET", "/doc").json()
    assert (found["n"], found["_rev"]) == (1, reply.json()["rev"])
    types = {name: one["content_type"] for name, one in found["_attachments"].items()}
    octets = "application/octet-stream"
    assert types == {"old": octets, "a.png": "image/png", "b": octets}
    assert (ask("GET", "/doc/a.png").body, ask("GET", "/doc/b").body) == (NOISE, b"bar")


def test_a_form_may_bring_the_document(ask: Ask, couch_server: ServerProcess) -> None:
    old = {"_attachments": {"kept": {"data": "Zm9v"}, "changed": {"data": "Zm9v"}, "lost": {"data": ""}}}
    rev = ask("PUT", "/doc", old).json()["rev"]
    stubs = {"kept": {"stub": True}, "changed": {"stub": True}}
    document = json.dumps({"_rev": rev, "n": 2, "_attachments": stubs}).encode()
    parts = form_part("_doc", document), form_part("_attachments", b"bar", "changed")
    assert post_form(ask, couch_server, "/doc", *parts).status == 201
    assert ask("GET", "/doc").json()["n"] == 2
    assert (ask("GET", "/doc/kept").body, ask("GET", "/doc/changed").body) == (b"foo", b"bar")
    assert ask("GET", "/doc/lost").status == 404


def test_a_form_of_another_site_or_kind_is_refused(ask: Ask, couch_server: ServerProcess) -> None:
    sent = body(form_part("_doc", b"{}"))
    assert ask("POST", "/doc", sent, content_type=FORM).json()["reason"] == "Referer header required."
    for referer in ("http://elsewhere.example/", "http://[", "x"):
        reply = ask("POST", "/doc", sent, content_type=FORM, referer=referer)
        assert reply.json()["reason"] == "Referer header must match host."
    assert ask("POST", "/doc", b"{}", content_type="application/json", referer=couch_server.url).status == 415
    for parts in ([], [form_part("_rev", b"x")], [("", b"x")], [form_part("_attachments", b"x", "_a")]):
        assert post_form(ask, couch_server, "/doc", *parts).status == 400
    assert post_form(ask, couch_server, "/doc", form_part("_rev", b"1-a")).status == 409
    assert ask("GET", "/doc").status == 404


# Out.


def filled(ask: Ask) -> str:
    attachments = {
        "a b.png": {"content_type": "image/png", "data": base64.b64encode(NOISE).decode()},
        "t.txt": {"content_type": "text/plain", "data": base64.b64encode(TEXT).decode()},
    }
    return str(ask("PUT", "/doc", {"n": 1, "_attachments": attachments}).json()["rev"])


@pytest.mark.parametrize("accept", ["multipart/related", "*/*", "multipart/*, application/json;q=0.5"])
def test_a_document_with_its_attachments_goes_out_as_multipart_related(ask: Ask, accept: str) -> None:
    rev = filled(ask)
    reply = ask("GET", "/doc?attachments=true", accept=accept)
    assert reply.headers["content-length"] == str(len(reply.body))
    assert reply.headers["etag"] == f'"{rev}"'
    document, png, text = parts_of(reply)
    assert document.get_content_type() == "application/json"
    members = json.loads(content(document))["_attachments"]
    assert [one["follows"] for one in members.values()] == [True, True]
    assert members["t.txt"]["encoding"] == "gzip"
    assert (png.get_filename(), png.get_content_type(), content(png)) == ("a b.png", "image/png", NOISE)
    assert text["content-encoding"] == "gzip"
    assert gzip.decompress(content(text)) == TEXT
    assert text["content-length"] == str(members["t.txt"]["encoded_length"]) == str(len(content(text)))


def test_what_goes_out_can_be_put_in_again(ask: Ask) -> None:
    rev = filled(ask)
    reply = ask("GET", "/doc?attachments=true&revs=true", accept="multipart/related")
    sent, kind = reply.body.replace(b'"_id":"doc",', b""), reply.headers["content-type"]
    put = ask("PUT", "/copy?new_edits=false", sent, content_type=kind)
    assert put.json()["rev"] == rev
    first, second = ask("GET", "/doc").json(), ask("GET", "/copy").json()
    assert first["_attachments"] == second["_attachments"]
    assert ask("GET", "/copy/t.txt").body == TEXT


def test_head_of_it_has_the_length(ask: Ask) -> None:
    filled(ask)
    get = ask("GET", "/doc?attachments=true", accept="multipart/related")
    head = ask("HEAD", "/doc?attachments=true", accept="multipart/related")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(get.body)))


def test_json_is_sent_to_who_takes_no_multipart_and_without_attachments(ask: Ask) -> None:
    filled(ask)
    inline = ask("GET", "/doc?attachments=true", accept="application/json").json()["_attachments"]
    assert base64.b64decode(inline["a b.png"]["data"]) == NOISE
    assert ask("GET", "/doc", accept="multipart/related").json()["_attachments"]["t.txt"]["stub"] is True
    ask("PUT", "/plain", {"n": 1})
    assert ask("GET", "/plain?attachments=true", accept="multipart/related").json()["n"] == 1


def test_only_what_is_newer_than_the_known_revisions_is_sent(ask: Ask) -> None:
    first = ask("PUT", "/doc", {"_attachments": {"old": {"data": "Zm9v"}}}).json()["rev"]
    ask("PUT", f"/doc/new?rev={first}", b"bar")
    known = json.dumps([first]).replace('"', "%22")
    document, new = parts_of(ask("GET", f"/doc?atts_since={known}", accept="multipart/related"))
    members = json.loads(content(document))["_attachments"]
    assert (members["old"]["stub"], members["new"]["follows"]) == (True, True)
    assert (new.get_filename(), content(new)) == ("new", b"bar")


def test_open_revs_go_out_as_multipart_mixed_with_attachments_and_errors(ask: Ask) -> None:
    rev = filled(ask)
    ask("PUT", "/doc?new_edits=false", {"_rev": "1-a", "plain": True})
    asked = json.dumps([rev, "7-none", "1-a"]).replace('"', "%22").replace(" ", "")
    reply = ask("GET", f"/doc?open_revs={asked}&revs=true", accept="multipart/mixed")
    assert reply.headers["content-type"].startswith("multipart/mixed; boundary=")
    with_bytes, missing, plain = parts_of(reply)
    inner = [part for part in with_bytes.iter_parts() if isinstance(part, EmailMessage)]
    assert json.loads(content(inner[0]))["_revisions"]["start"] == 1
    assert [content(inner[1]), gzip.decompress(content(inner[2]))] == [NOISE, TEXT]
    assert missing.get_param("error") == "true"
    assert json.loads(content(missing)) == {"missing": "7-none"}
    assert plain.get_content_type() == "application/json"
    assert json.loads(content(plain))["plain"] is True


def test_open_revs_are_json_for_who_asks_for_json_only(ask: Ask) -> None:
    rev = filled(ask)
    found = ask("GET", "/doc?open_revs=all", accept="application/json").json()
    assert [one["ok"]["_rev"] for one in found] == [rev]
    assert len(parts_of(ask("GET", "/doc?open_revs=all", accept="*/*"))) == 1


def test_a_body_cut_anywhere_is_refused_and_nothing_is_written(ask: Ask) -> None:
    whole = related({"_attachments": {"a": member(None), "b": member(None)}}, b"foo", b"\r\n--b")
    for size in range(len(whole)):
        reply = ask("PUT", "/doc", whole[:size], content_type=RELATED)
        assert reply.status in (400, 415), (size, reply)
    assert ask("GET", "/doc").status == 404
    assert ask("PUT", "/doc", whole, content_type=RELATED).status == 201
