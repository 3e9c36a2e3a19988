"""Attachments: storage, JSON out, JSON in, and what becomes of one in a revision."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from couchgrass.docdb import attachment as att
from couchgrass.docdb.attachment import (
    Attachment,
    Follows,
    Inline,
    Stub,
    check_md5,
    check_name,
    check_size,
    content_md5,
    make_ready,
    parse_encoding,
    parse_incoming,
    resolve_stub,
    stored_stubs,
)
from couchgrass.docdb.attachment_bytes import Base64
from couchgrass.errors import (
    BadContentType,
    BadRequest,
    CouchgrassError,
    DocValidation,
    MissingStub,
    TooLarge,
)

PLAIN = Attachment("a.txt", "text/plain", 2, "md5-rL0Y20zC+Fzt72VPzMSk2A==", 3, 3, "identity", 7)
PACKED = Attachment('ä"b', "text/plain", 1, "md5-xxxxxxxxxxxxxxxxxxxxxx==", 300, 30, "gzip", 8)
MD5_FOO = hashlib.md5(b"foo").digest()

ATTACHMENTS = st.builds(
    Attachment,
    name=st.text(max_size=9),
    content_type=st.text(max_size=9),
    revpos=st.integers(0, 2**40),
    digest=st.binary(min_size=16, max_size=16).map(lambda md5: "md5-" + base64.b64encode(md5).decode()),
    length=st.integers(0, 2**60),
    encoded_length=st.integers(0, 2**60),
    encoding=st.sampled_from(["identity", "gzip"]),
    blob=st.integers(0, 2**62),
)


def member(text: bytes) -> Any:
    """One JSON member's name and value."""
    ((name, value),) = json.loads(b"{" + text + b"}").items()
    return name, value


# Storage.


@given(st.dictionaries(st.text(max_size=5), ATTACHMENTS, max_size=5))
def test_attachments_come_back_from_storage_in_their_order(found: dict[str, Attachment]) -> None:
    attachments = {each.name: each for each in found.values()}
    assert list(att.decode(att.encode(attachments)).items()) == list(attachments.items())


def test_no_attachments_need_no_storage() -> None:
    assert att.encode({}) == b""
    assert att.decode(b"") == {}


def test_the_etag_is_the_quoted_digest() -> None:
    assert PLAIN.etag == '"rL0Y20zC+Fzt72VPzMSk2A=="'


# JSON out.


def test_a_stub_has_couchdbs_members_in_couchdbs_order() -> None:
    assert att.stub_json(PLAIN, encoding_info=True) == (
        b'"a.txt":{"content_type":"text/plain","revpos":2,"digest":"md5-rL0Y20zC+Fzt72VPzMSk2A==",'
        b'"length":3,"stub":true}'
    )


def test_encoding_info_is_shown_when_asked_for_and_the_bytes_are_encoded() -> None:
    name, plain = member(att.stub_json(PACKED))
    assert name == 'ä"b'
    assert list(plain) == ["content_type", "revpos", "digest", "length", "stub"]
    assert list(member(att.stub_json(PACKED, encoding_info=True))[1].items())[5:] == [
        ("encoding", "gzip"),
        ("encoded_length", 30),
    ]


def test_follows_has_the_identity_length_and_the_encoding() -> None:
    assert att.follows_json(PACKED).endswith(
        b'"length":300,"follows":true,"encoding":"gzip","encoded_length":30}'
    )
    assert att.follows_json(PLAIN).endswith(b'"length":3,"follows":true}')


def test_inline_has_the_bytes_and_no_length() -> None:
    _, value = member(att.inline_json(PACKED, b"foo", encoding_info=True))
    assert list(value) == ["content_type", "revpos", "digest", "data", "encoding", "encoded_length"]
    assert value["data"] == "Zm9v"


def test_an_empty_digest_is_left_out() -> None:
    assert b"digest" not in att.stub_json(Attachment("a", "b", 1, "", 0, 0, "identity", 0))


def test_members_are_joined_and_none_leave_nothing() -> None:
    text = att.attachments_json([att.stub_json(PLAIN), att.stub_json(PACKED)])
    assert list(member(text)[1]) == ["a.txt", 'ä"b']
    assert att.attachments_json([]) == b""


@given(st.lists(st.binary(max_size=20), max_size=6))
def test_streamed_inline_equals_inline(chunks: list[bytes]) -> None:
    coder = Base64()
    head, tail = att.inline_frame(PLAIN)
    text = b"".join([head, *map(coder.write, chunks), coder.finish(), tail])
    assert text == att.inline_json(PLAIN, b"".join(chunks))


@given(ATTACHMENTS)
def test_whatever_we_show_we_take_back(shown: Attachment) -> None:
    properties = {"a": member(att.follows_json(shown))[1], "b": member(att.stub_json(shown))[1]}
    follows, stub = parse_incoming(properties).values()
    md5 = base64.b64decode(shown.digest[4:])
    encoded_length = shown.length if shown.encoding == "identity" else shown.encoded_length
    assert follows == Follows(
        shown.content_type, shown.revpos, md5, shown.length, encoded_length, shown.encoding
    )
    assert stub == Stub(shown.revpos, md5)


# JSON in.


def test_stub_goes_before_follows_and_follows_before_data() -> None:
    both = {"stub": True, "follows": True, "data": "Zm9v"}
    assert parse_incoming({"a": both}) == {"a": Stub(None, b"")}
    assert parse_incoming({"a": both | {"stub": False}}) == {
        "a": Follows("application/octet-stream", 0, b"", None, None, "identity")
    }
    assert parse_incoming({"a": both | {"stub": 1, "follows": "yes", "revpos": 3}}) == {
        "a": Inline("application/octet-stream", 3, b"foo")
    }


@pytest.mark.parametrize("data", ["Zm9v", "Zm9\n v", "Zm\r\n9v\t"])
def test_base64_may_hold_white_space(data: str) -> None:
    assert parse_incoming({"a": {"data": data}}) == {"a": Inline("application/octet-stream", 0, b"foo")}


@pytest.mark.parametrize(
    "data",
    ["!Base64Encoded$", "Zm9", "Zm9v=", "Zm9v====", "Zm==9v==", "Zm9vé", "Zm-_", "=", 7, None, ["Zm9v"]],
)
def test_bad_base64_is_refused_in_couchdbs_words(data: object) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_incoming({"a.txt": {"data": data}})
    assert refused.value.reason == "Invalid attachment data for a.txt"


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ("text", "Invalid attachment data for a"),
        (None, "Invalid attachment data for a"),
        ({}, "Invalid attachment data for a"),
        ({"data": "", "content_type": 1}, "Invalid attachment data for a: content_type is not a string"),
        ({"stub": True, "revpos": "1"}, "Invalid attachment data for a: revpos is not a whole number"),
        ({"stub": True, "revpos": True}, "Invalid attachment data for a: revpos is not a whole number"),
        ({"follows": True, "length": -1}, "Invalid attachment data for a: length is not a whole number"),
        ({"stub": True, "digest": "md5-?"}, "Invalid attachment data for a: digest is not valid base64"),
    ],
)
def test_members_of_the_wrong_type_are_refused(properties: object, reason: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_incoming({"a": properties})
    assert refused.value.reason == reason


@pytest.mark.parametrize("wrong", [None, [], "x", 1, True])
def test_attachments_that_are_no_object_are_refused(wrong: object) -> None:
    with pytest.raises(DocValidation, match="Bad special document member: _attachments"):
        parse_incoming(wrong)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
FIELDS = [
    "stub",
    "follows",
    "data",
    "digest",
    "length",
    "revpos",
    "encoding",
    "encoded_length",
    "content_type",
]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON | st.just(True) | st.just("md5-x")))
def test_any_member_parses_or_is_refused_with_a_4xx(properties: dict[str, object]) -> None:
    try:
        (found,) = parse_incoming({"a": properties}).values()
    except CouchgrassError as refused:
        assert 400 <= refused.status < 500
    else:
        assert isinstance(found, Stub | Inline | Follows)


def test_a_digest_of_another_kind_is_ignored() -> None:
    assert parse_incoming({"a": {"stub": True, "digest": "sha1-xyz"}}) == {"a": Stub(None, b"")}


def test_names_must_not_begin_with_an_underscore() -> None:
    with pytest.raises(BadRequest) as refused:
        parse_incoming({"_foo.txt": {"data": ""}})
    assert refused.value.reason == "Attachment name '_foo.txt' starts with prohibited character '_'"


@pytest.mark.parametrize("name", [b"\xff", b"\xed\xa0\x80", "\ud800"])
def test_names_must_be_utf8(name: str | bytes) -> None:
    with pytest.raises(BadRequest, match="Attachment name is not UTF-8 encoded"):
        check_name(name)


@pytest.mark.parametrize("name", ["", "a/b c.txt", "Kолян.txt", "a_"])
def test_all_other_names_are_good(name: str) -> None:
    assert check_name(name) == check_name(name.encode()) == name


def test_only_identity_and_gzip_are_encodings() -> None:
    assert [parse_encoding(" GZip "), parse_encoding("identity")] == ["gzip", "identity"]
    for other in ("deflate", "", None, 1):
        with pytest.raises(BadContentType, match="Only gzip and identity content-encodings are supported"):
            parse_encoding(other)


@pytest.mark.parametrize("revpos", [None, 2])
def test_a_stub_stands_for_the_parents_attachment_of_its_name_and_revpos(revpos: int | None) -> None:
    assert resolve_stub("d", "a.txt", Stub(revpos, b""), {"a.txt": PLAIN}) is PLAIN


def test_a_stub_without_its_attachment_is_missing() -> None:
    with pytest.raises(MissingStub, match=r"Invalid attachment stub in d for a\.txt"):
        resolve_stub("d", "a.txt", Stub(1, b""), {"a.txt": PLAIN})
    with pytest.raises(MissingStub, match="Invalid attachment stub in d for b"):
        resolve_stub("d", "b", Stub(None, b""), {"a.txt": PLAIN})
    with pytest.raises(MissingStub, match="Previous revision missing for document d"):
        resolve_stub("d", "b", Stub(None, b""), None)


def test_a_size_over_the_limit_is_refused_with_the_name() -> None:
    check_size("a", 10, 10)
    with pytest.raises(TooLarge) as refused:
        check_size("a", 11, 10)
    assert (refused.value.status, refused.value.error, refused.value.reason) == (
        413,
        "attachment_too_large",
        "a",
    )


@pytest.mark.parametrize("header", ["rL0Y20zC+Fzt72VPzMSk2A=", "Zm9vYmFyIQ==", "", "?", "é"])
def test_a_content_md5_that_does_not_fit_is_refused(header: str) -> None:
    with pytest.raises(BadRequest) as refused:
        check_md5(MD5_FOO, content_md5(header))
    assert (refused.value.error, refused.value.reason) == (
        "content_md5_mismatch",
        "Possible message corruption.",
    )


def test_a_content_md5_that_fits_or_is_not_there_is_good() -> None:
    check_md5(MD5_FOO, content_md5(" rL0Y20zC+Fzt72VPzMSk2A== "))
    check_md5(MD5_FOO, content_md5(None))


# From what a client sends to what a revision holds.


@pytest.mark.parametrize(
    ("content_type", "level", "encoding"),
    [("text/plain", 8, "gzip"), ("text/plain", 0, "identity"), ("image/png", 8, "identity")],
)
def test_inline_bytes_are_made_ready_compressed_if_their_type_is_on_the_list(
    content_type: str, level: int, encoding: str
) -> None:
    text = b"to be or not " * 50
    fresh = make_ready(Inline(content_type, 3, text), level=level)
    assert (fresh.content_type, fresh.revpos, fresh.blob) == (content_type, 3, 0)
    assert fresh.data is not None
    assert (gzip.decompress(fresh.data) if encoding == "gzip" else fresh.data) == text
    assert fresh.stored.encoding == encoding
    assert (fresh.stored.length, fresh.stored.encoded_length) == (len(text), len(fresh.data))
    assert fresh.stored.received_md5 == hashlib.md5(text).digest()


def test_fresh_bytes_become_a_member_under_the_name_generation_and_blob_they_are_given() -> None:
    fresh = make_ready(Inline("image/png", 1, b"foo"))
    assert fresh.attachment("a.png", 4, 9) == Attachment(
        "a.png", "image/png", 4, "md5-rL0Y20zC+Fzt72VPzMSk2A==", 3, 3, "identity", 9
    )


@given(ATTACHMENTS, st.text(max_size=5))
def test_an_attachment_can_be_held_by_another_document_too(stored: Attachment, name: str) -> None:
    again = att.as_ready(stored)
    assert again.data is None
    assert again.attachment(name, stored.revpos, again.blob) == structs.replace(stored, name=name)


@given(st.dictionaries(st.text(max_size=5), ATTACHMENTS, max_size=5), st.randoms())
def test_the_fingerprint_does_not_depend_on_the_order(found: dict[str, Attachment], random: Random) -> None:
    names = list(found)
    random.shuffle(names)
    assert att.fingerprint({name: found[name] for name in names}) == att.fingerprint(found)


def test_the_fingerprint_is_of_name_type_and_digest_and_of_nothing_else() -> None:
    def of(**changed: Any) -> bytes:
        one = structs.replace(PLAIN, **changed)
        return att.fingerprint({one.name: one})

    assert att.fingerprint({}) == b""
    assert of(revpos=9, blob=8, length=7, encoded_length=6) == of()
    assert len({of(), of(name="b"), of(content_type="b"), of(digest="md5-b"), b""}) == 5


def test_a_rows_column_becomes_stubs_for_splicing() -> None:
    text = stored_stubs(att.encode({PLAIN.name: PLAIN, PACKED.name: PACKED}))
    assert text.startswith(',"_attachments":{')
    assert member(text[1:].encode())[1] == dict(member(att.stub_json(one)) for one in (PLAIN, PACKED))
