"""Keys in security objects: exactly the rights they need, nobody shut out, nobody let in."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass.docdb.access import Right, UserCtx, parse_security, rights
from couchgrass.linking.security import Grant, KeyKind, is_open, key_kind, with_key, without_keys

CLOSED: dict[str, Any] = {"members": {"roles": ["_admin"]}, "admins": {"roles": ["_admin"]}}
NAMED: dict[str, Any] = {
    "members": {"names": ["anna"], "roles": []},
    "admins": {"names": ["root"], "roles": []},
}
CLOUDANT: dict[str, Any] = {"cloudant": {"anna": ["_reader"]}}
OBJECTS = [
    {},
    CLOSED,
    NAMED,
    CLOUDANT,
    {**NAMED, **CLOUDANT},
    {"readers": {"names": ["anna"]}},
    {"cloudant": {}},
]

READS = Grant(KeyKind.USER, write=False, design=True, is_ours=True)
WRITES = Grant(KeyKind.USER, write=True, design=False, is_ours=True)
DESIGNS = Grant(KeyKind.USER, write=True, design=True, is_ours=True)
GRANTS = [
    Grant(kind, write=write, design=design, is_ours=True)
    for kind in KeyKind
    for write in (False, True)
    for design in (False, True)
]


def may(security: Any, name: str | None) -> int:
    return rights(UserCtx(name), parse_security(security))


@pytest.mark.parametrize("security", OBJECTS)
@pytest.mark.parametrize("grant", GRANTS)
def test_a_key_gets_what_it_needs_and_nobody_else_gains_or_loses(security: Any, grant: Grant) -> None:
    granted = with_key(security, "key", grant)
    needs = Right.READ | Right.REPLICATE | (Right.WRITE if grant.write else 0)
    needs |= Right.DB_ADMIN if grant.write and grant.design else 0
    assert may(granted, "key") & needs == needs
    assert (grant.write and grant.design) or not may(granted, "key") & Right.DB_ADMIN
    for other in ("anna", "root", "somebody", None):
        assert may(granted, other) == may(security, other)
    assert with_key(granted, "key", grant) is granted


@pytest.mark.parametrize("security", OBJECTS)
@pytest.mark.parametrize("grant", GRANTS)
def test_taking_a_key_out_leaves_everyone_s_rights_as_they_were(security: Any, grant: Grant) -> None:
    back = without_keys(with_key(security, "key", grant), ["key", "unknown"], is_ours=True)
    for name in ("anna", "root", "somebody", "key", None):
        assert may(back, name) == may(security, name)
    assert without_keys(back, ["key"], is_ours=True) is back


@pytest.mark.parametrize("grant", GRANTS)
def test_a_usual_database_s_security_is_the_same_again(grant: Grant) -> None:
    assert without_keys(with_key(CLOSED, "key", grant), ["key"], is_ours=True) == CLOSED


@pytest.mark.parametrize("grant", GRANTS)
def test_the_rights_of_a_key_are_changed_to_what_it_needs_now(grant: Grant) -> None:
    for earlier in GRANTS:
        corrected = with_key(with_key(CLOSED, "key", earlier), "key", grant)
        assert may(corrected, "key") == may(with_key(CLOSED, "key", grant), "key")


def test_cloudant_s_rights_are_no_more_than_needed() -> None:
    api = Grant(KeyKind.API_KEY, write=False, design=True, is_ours=False)
    assert with_key({}, "key", api) == {"cloudant": {"key": ["_reader", "_replicator"]}}
    writing = Grant(KeyKind.API_KEY, write=True, design=False, is_ours=False)
    assert with_key({}, "key", writing) == {"cloudant": {"key": ["_reader", "_replicator", "_writer"]}}
    admin = Grant(KeyKind.API_KEY, write=True, design=True, is_ours=False)
    assert "_admin" in with_key({}, "key", admin)["cloudant"]["key"]


def test_couchdb_s_reader_is_a_member_and_a_writer_of_designs_an_admin() -> None:
    assert with_key(CLOSED, "key", READS)["members"] == {"roles": ["_admin"], "names": ["key"]}
    assert with_key(CLOSED, "key", DESIGNS)["admins"] == {"roles": ["_admin"], "names": ["key"]}
    assert with_key(CLOSED, "key", DESIGNS)["members"] == {"roles": ["_admin"]}
    assert with_key({"readers": {"names": ["anna"]}}, "key", WRITES) == {
        "readers": {"names": ["anna", "key"]}
    }


def test_an_open_database_is_not_closed_by_naming_a_key() -> None:
    assert is_open({}) and not is_open(CLOSED) and not is_open(CLOUDANT)
    assert with_key({}, "key", READS) == {}


def test_a_database_is_not_opened_by_taking_its_last_member_out() -> None:
    assert without_keys({"members": {"names": ["key"]}}, ["key"], is_ours=False) == {
        "members": {"roles": ["_admin"]}
    }


def test_api_keys_are_for_where_they_are_known() -> None:
    assert key_kind({}, has_api_keys=True) is KeyKind.API_KEY
    assert key_kind({}, has_api_keys=False) is KeyKind.USER
    assert key_kind({"couchdb_auth_only": True}, has_api_keys=True) is KeyKind.USER
