"""Keys: their form, their file, and who has one."""

from __future__ import annotations

import base64
import os
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass import json
from couchgrass.functions import keys

RANDOM = bytes(range(keys.RANDOM_BYTES))
KEY, SUBJECT = keys.new_key("ns", random=RANDOM, created_at="2026-01-01T00:00:00+00:00")
SECRET = KEY.apikey.partition(":")[2]


def test_a_key_file_has_what_ibms_had() -> None:
    file = json.decode(json.encode(KEY))
    assert list(file) == ["name", "description", "apikey", "createdAt", "uuid"]
    assert file["apikey"] == f"{file['uuid']}:{SECRET}" and len(SECRET) == 64 and SECRET.isalnum()
    own = uuid.UUID(file["uuid"])
    assert (str(own), own.version, own.variant) == (SUBJECT.uuid, 4, uuid.RFC_4122)


def test_a_secret_is_neither_stored_nor_shown() -> None:
    text = json.encode(keys.document(SUBJECT)).decode()
    assert SECRET not in text + repr(KEY) + repr(SUBJECT)
    assert keys.read_document(keys.document(SUBJECT)) == SUBJECT


def test_two_keys_differ() -> None:
    a, b = (keys.new_key("ns", random=os.urandom(keys.RANDOM_BYTES), created_at="")[0] for _ in "ab")
    assert a.apikey != b.apikey


@given(st.text(max_size=40).filter(lambda text: ":" not in text), st.text(max_size=40))
def test_a_header_gives_back_what_was_put_in(name: str, secret: str) -> None:
    coded = base64.b64encode(f"{name}:{secret}".encode()).decode()
    assert keys.read_basic(f"Basic {coded}") == keys.read_basic(f" bASIC  {coded} ") == (name, secret)


@given(st.none() | st.text() | st.binary().map(lambda some: f"Basic {base64.b64encode(some).decode()}"))
def test_any_header_is_read_or_is_nobodys(header: str | None) -> None:
    found = keys.read_basic(header)
    assert found is None or ":" not in found[0]


def test_a_bearer_token_and_an_endless_header_are_nobodys() -> None:
    assert keys.read_basic(None) is None and keys.read_basic("Bearer YTpi") is None
    assert keys.read_basic("Basic " + "YTpi" * 1000) is None


def test_the_own_and_the_internal_secret_fit_and_no_other() -> None:
    inner = keys.internal_secret("region", SUBJECT.uuid)
    assert len(inner) == 64
    assert keys.fits(SUBJECT, SECRET, "region") and keys.fits(SUBJECT, inner, "region")
    for secret in (
        "",
        SECRET[:-1],
        inner[:-1],
        SUBJECT.hash,
        keys.internal_secret("other", SUBJECT.uuid),
        "é",
    ):
        assert not keys.fits(SUBJECT, secret, "region")
    assert not keys.fits(None, keys.internal_secret("region", ""), "region")


def test_a_document_of_another_form_is_nobodys() -> None:
    assert keys.read_document({"_id": "x"}) is None


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("23bc46b1-71f6-4ed5-8c54-816aa4f8c502", True),
        ("23BC46B171F64ED58C54816AA4F8C502", True),
        ("admin", False),
        ("23bc46b1-71f6-4ed5-8c54-816aa4f8c502\n", False),
    ],
)
def test_a_key_is_told_from_a_password(name: str, is_one: bool) -> None:
    assert keys.is_key(_basic(name, "secret")) is is_one
    assert not keys.is_key(f"Bearer {name}")
