"""Cloudant's API keys."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.access import ANONYMOUS, Right, UserCtx, parse_security, rights
from couchgrass.docdb.apikey import OK, RANDOM_BYTES, ApiKey, merge_security, new_key, user_doc
from couchgrass.docdb.password import validate_user_doc, verify_password
from couchgrass.docdb.settings import ChttpdAuth
from couchgrass.errors import BadRequest

AUTH = ChttpdAuth(iterations=2, password_regexp=(("[A-Z]", "An upper-case letter."),))
ADMIN = UserCtx("root", ("_admin",))


def test_a_key_is_told_as_cloudant_tells_it() -> None:
    key = new_key(bytes(range(RANDOM_BYTES)))
    assert key.answer() == {
        "password": "101112131415161718191a1b1c1d1e1f20212223",
        "ok": True,
        "key": "apikey-000102030405060708090a0b0c0d0e0f",
    }


def test_a_key_s_password_is_not_shown_by_accident() -> None:
    assert "secret" not in f"{ApiKey('apikey-1', 'secret')!r} {ApiKey('apikey-1', 'secret')}"


@given(st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES))
def test_a_key_is_a_valid_user_without_roles_whose_password_verifies(random: bytes) -> None:
    key = new_key(random)
    doc = user_doc(key, "salt", AUTH)
    validate_user_doc(doc, None, ADMIN, parse_security({}))
    assert (doc["_id"], doc["roles"]) == (f"org.couchdb.user:{key.name}", [])
    assert "password" not in doc
    assert key.password not in str(doc)
    assert verify_password(key.password, doc, AUTH)


def test_putting_cloudant_s_rights_keeps_the_rest() -> None:
    current = {
        "admins": {"names": ["bob"]},
        "members": {"roles": ["_admin"]},
        "cloudant": {"old": ["_reader"]},
    }
    merged = merge_security(current, {"_id": "_security", "cloudant": {"apikey-1": ["_reader"]}})
    assert merged == {**current, "cloudant": {"apikey-1": ["_reader"]}}
    security = parse_security(merged)
    assert rights(UserCtx("apikey-1"), security) & Right.READ
    assert rights(UserCtx("old"), security) == rights(ANONYMOUS, security) == 0


def test_putting_cloudant_s_rights_may_change_the_rest() -> None:
    body = {"cloudant": {}, "members": {"names": ["x"]}, "couchdb_auth_only": True}
    assert merge_security({"members": {}}, body) == body


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"admins": {}},
        {"cloudant": None},
        {"cloudant": {"k": ["_read"]}},
        {"cloudant": {}, "admins": 1},
    ],
)
def test_a_malformed_body_changes_nothing(body: Any) -> None:
    current = {"cloudant": {"k": ["_reader"]}}
    with pytest.raises(BadRequest):
        merge_security(current, body)
    assert current == {"cloudant": {"k": ["_reader"]}}


def test_the_answer_to_putting_rights_is_ok() -> None:
    assert OK == {"ok": True}
