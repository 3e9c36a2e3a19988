"""Whose a replication's document is, for whom it may run, and what others see of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.access import ANONYMOUS, Security, UserCtx
from couchgrass.docdb.replicator_doc import (
    check_form,
    check_may_change,
    check_user_ctx,
    is_replicator_db,
    owner_of,
    sees_all,
    visible,
    with_user_ctx,
)  # fmt: skip
from couchgrass.errors import BadRequest, Forbidden

ANNA = UserCtx("anna", ("gardener",))
BOB = UserCtx("bob")
CAROL = UserCtx("carol")
ADMIN = UserCtx("root", ("_admin",))
REPLICATOR = UserCtx(None, ("_replicator",))
CAROLS = Security({}, admin_names=frozenset({"carol"}))


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("_replicator", True), ("app/_replicator", True), ("a/b/_replicator", True), ("a_replicator", False),
     ("_replicator/a", False), ("_users", False)],
)  # fmt: skip
def test_a_replicator_database_is_told_by_the_last_segment_of_its_name(name: str, is_one: bool) -> None:
    assert is_replicator_db(name) is is_one


def test_admins_of_the_database_and_the_replicator_see_all() -> None:
    seen = [ctx for ctx in (ANNA, CAROL, ADMIN, REPLICATOR, ANONYMOUS) if sees_all(ctx, CAROLS)]
    assert seen == [CAROL, ADMIN, REPLICATOR]


@pytest.mark.parametrize(
    ("old", "ctx", "may"),
    [
        ({"owner": "anna"}, ANNA, True),
        ({"owner": "anna"}, BOB, False),
        ({"owner": "anna"}, ANONYMOUS, False),
        ({"owner": None}, ANONYMOUS, True),
        ({"owner": None}, ANNA, False),
        ({}, ANNA, False),
        ({}, ANONYMOUS, False),
    ],
)
def test_a_document_is_its_owners(old: Mapping[str, Any], ctx: UserCtx, may: bool) -> None:
    if may:
        check_may_change(old, ctx)
    else:
        with pytest.raises(Forbidden, match="from other users"):
            check_may_change(old, ctx)


@pytest.mark.parametrize(
    ("new", "ctx", "owner"),
    [
        ({}, ANNA, "anna"),
        ({}, ANONYMOUS, None),
        ({}, ADMIN, "root"),
        ({"owner": "anna"}, ANNA, "anna"),
        ({"owner": "anna"}, CAROL, "anna"),
        ({"owner": None}, CAROL, "carol"),
        ({"owner": "bob"}, ANNA, Forbidden),
        ({"owner": None}, ANNA, Forbidden),
        ({"owner": 7}, ANNA, Forbidden),
    ],
)
def test_who_writes_a_document_owns_it_and_only_admins_name_others(
    new: Mapping[str, Any], ctx: UserCtx, owner: Any
) -> None:
    if owner is Forbidden:
        with pytest.raises(Forbidden):
            owner_of(new, ctx, CAROLS)
    else:
        assert owner_of(new, ctx, CAROLS) == owner


@pytest.mark.parametrize(
    "named",
    [None, {}, {"name": None}, {"name": "anna"}, {"name": "anna", "roles": ["gardener"]}, {"roles": []}],
)
def test_a_replication_may_run_for_its_writer_with_roles_that_he_has(named: Any) -> None:
    check_user_ctx({"user_ctx": named}, ANNA)
    check_user_ctx({}, ANNA)


@pytest.mark.parametrize(
    "named",
    ["anna", {"name": "eve"}, {"name": 7}, {"name": "anna", "roles": ["_admin"]}, {"roles": "gardener"},
     {"roles": [["gardener"]]}, {"name": "carol", "roles": ["gardener"]}],
)  # fmt: skip
def test_nobody_else_and_no_other_roles_unless_a_server_admin_says_so(named: Any) -> None:
    for ctx in (ANNA, BOB):
        with pytest.raises(Forbidden):
            check_user_ctx({"user_ctx": named}, ctx)
    check_user_ctx({"user_ctx": named}, ADMIN)


def test_an_admin_of_the_database_cant_give_himself_a_servers_rights() -> None:
    with pytest.raises(Forbidden, match="_admin"):
        check_user_ctx({"user_ctx": {"name": "carol", "roles": ["_admin"]}}, CAROL)


def test_a_document_says_as_whom_it_runs_unless_a_server_admin_wrote_it() -> None:
    for unsaid in ({}, {"user_ctx": None}):
        doc: dict[str, Any] = dict(unsaid)
        assert with_user_ctx(doc, ANNA)
        assert doc["user_ctx"] == {"name": "anna", "roles": list(ANNA.roles)}
        assert not with_user_ctx(doc, ANNA)
        assert not with_user_ctx(dict(unsaid), ADMIN)


def test_what_describes_no_replication_is_forbidden_unless_it_failed_already() -> None:
    def check(doc: Mapping[str, Any]) -> None:
        raise BadRequest("no source")

    with pytest.raises(Forbidden, match="no source"):
        check_form({}, check)
    with pytest.raises(Forbidden):
        check_form({"_replication_state": "completed"}, check)
    check_form({"_replication_state": "failed"}, check)


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("https://foo:bar@host/db", "https://host/db"),
        ("http://foo@host:5984/db", "http://host:5984/db"),
        ("http://foo:b@r@host/db", "http://host/db"),
        ("http://foo:b/r@host/db", "http://host/db"),
        ("http://foo:b?r@host/db", "http://host/db"),
        ("http://foo:5/r@host/db", "http://foo:5/r@host/db"),
        ("http://host:5984/db?x=a@b", "http://host:5984/db?x=a@b"),
        ("http://host/a@b", "http://host/a@b"),
        ("socks5://u:p@host", "socks5://host"),
        ("local-db", "local-db"),
        (7, 7),
        (None, None),
        (
            {
                "url": "http://u:p@host/db",
                "headers": {"X": "x"},
                "auth": {"basic": {}},
                "more": 1,
            },
            {"url": "http://host/db", "more": 1},
        ),
    ],
)
def test_credentials_are_taken_out(value: Any, seen: Any) -> None:
    for member in ("source", "target", "proxy"):
        assert visible({member: value, "owner": "anna"}, BOB) == {member: seen, "owner": "anna"}


@given(
    user=st.text(st.characters(exclude_characters="/?#@:", codec="ascii"), min_size=1),
    password=st.text(st.characters(exclude_characters="/?#@", codec="ascii")),
    path=st.text(st.characters(exclude_characters="?#@:", codec="ascii")),
)
def test_of_any_url_only_what_stands_before_the_host_goes(user: str, password: str, path: str) -> None:
    seen = visible({"source": f"http://{user}:{password}@host/{path}"}, BOB)
    assert seen == {"source": f"http://host/{path}"}


def test_an_owner_sees_his_document_as_it_is_but_nobody_owns_one_without_a_name() -> None:
    doc = {"owner": "anna", "source": "http://u:p@host/db"}
    assert visible(doc, ANNA) is doc
    assert visible({**doc, "owner": None}, ANONYMOUS)["source"] == "http://host/db"
