"""Another server's refusals become errors of our own family, each once and with its own words."""

from __future__ import annotations

import json

import pytest

from couchgrass.couch.answers import decoded, refusal
from couchgrass.errors import (
    CouchgrassError,
    Forbidden,
    MissingStub,
    NotFound,
    NotImplementedHere,
    PeerLost,
    StorageFull,
    TooLarge,
    Unauthorized,
)


def told(status: int, error: str, reason: str = "why") -> bytes:
    return json.dumps({"error": error, "reason": reason}).encode()


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, "unauthorized", Unauthorized),
        (403, "forbidden", Forbidden),
        (404, "not_found", NotFound),
        (412, "missing_stub", MissingStub),
        (413, "document_too_large", TooLarge),
        (501, "not_implemented", NotImplementedHere),
        (507, "insufficient_storage", StorageFull),
    ],
)
def test_a_couchdb_s_own_refusal_keeps_its_words(
    status: int, error: str, kind: type[CouchgrassError]
) -> None:
    refused = refusal(status, told(status, error), "peer")
    assert type(refused) is kind
    assert (refused.status, refused.error, refused.reason) == (status, error, "why")


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 520])
def test_a_server_that_failed_is_lost(status: int) -> None:
    for text in (told(status, "internal_server_error"), b"<html>sorry</html>", b"", b"\xff\xfe"):
        refused = refusal(status, text, "peer")
        assert isinstance(refused, PeerLost)
        assert refused.reason.startswith(f"peer: answered {status}")


@pytest.mark.parametrize("text", [b"<html>no</html>", b"", b"[]", b'"text"', b"{}", b'{"error"', b"\xff"])
def test_a_refusal_that_no_couchdb_gave_is_told_by_its_status(text: bytes) -> None:
    refused = refusal(403, text, "peer")
    assert isinstance(refused, Forbidden)
    assert (refused.error, refused.reason) == ("peer_error", "peer: answered 403")


def test_words_of_another_kind_are_still_words() -> None:
    refused = refusal(403, b'{"error": 7, "reason": {"a": null}}', "peer")
    assert (refused.error, refused.reason) == ("7", "{'a': None}")
    assert refusal(403, b'{"error": "x"}', "peer").reason == ""


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_says_what_to_do_and_not_where_to(status: int) -> None:
    refused = refusal(status, b"", "peer", "https://jan:s3cr3t@elsewhere/")
    assert (refused.error, refused.reason) == ("redirected", "peer redirects to another place: use its URL")
    assert not isinstance(refused, PeerLost)


def test_an_answer_that_can_not_be_read_did_not_come_whole() -> None:
    assert decoded(b'{"a":[1.0,null]}', "peer") == {"a": [1.0, None]}
    for text in (b'{"a":', b"", b"<html>", b'"\xff"', b"[" * 100_000, b'{"a":1} {"b":2}'):
        with pytest.raises(PeerLost, match="peer: "):
            decoded(text, "peer")
