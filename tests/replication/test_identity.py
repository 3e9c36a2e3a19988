"""When two replications are the same."""

from __future__ import annotations

import re
from typing import Any

import pytest

from couchgrass.replication.identity import replication_id
from couchgrass.replication.spec import Defaults, parse

ENDS: dict[str, Any] = {"source": "http://foo.example/a", "target": "b"}


def base(server: str = "server", code: str | None = None, **members: Any) -> str:
    return replication_id(server, parse(ENDS | members, Defaults()), code).base


def test_an_id_never_changes_between_versions() -> None:
    """Else every replication starts from nothing after an upgrade."""
    assert base() == "e083d6bce5b6e716d684259087be93f6"
    assert re.fullmatch("[0-9a-f]{32}", base())


def test_each_user_has_ids_of_their_own() -> None:
    wanted = parse(ENDS, Defaults())
    users = (None, "", "anna", "bob")
    assert len({replication_id("server", wanted, user=user).base for user in users}) == len(users)


@pytest.mark.parametrize(
    ("members", "extension"),
    [
        ({}, ""),
        ({"continuous": True}, "+continuous"),
        ({"create_target": True}, "+create_target"),
        ({"create_target": True, "continuous": True}, "+continuous+create_target"),
    ],
)
def test_how_long_it_runs_is_in_the_extension_only(members: dict[str, Any], extension: str) -> None:
    found = replication_id("server", parse(ENDS | members, Defaults()))
    assert (found.base, found.extension) == (base(), extension)
    assert str(found) == base() + extension


DIFFERENT: tuple[dict[str, Any], ...] = (
    {},
    {"source": "http://foo.example/b"},
    {"source": "http://bar.example/a"},
    {"source": "http://foo.example:1/a"},
    {"source": "http://user:p@foo.example/a"},
    {"source": {"url": "http://foo.example/a", "headers": {"X-Tenant": "1"}}},
    {"source": "a"},
    {"source": "b", "target": "http://foo.example/a"},
    {"target": "c"},
    {"target": "http://foo.example/b"},
    {"winning_revs_only": True},
    {"since_seq": 5},
    {"since_seq": "5"},
    {"doc_ids": []},
    {"doc_ids": ["a"]},
    {"doc_ids": ["a,b"]},
    {"doc_ids": ["a", "b"]},
    {"selector": {}},
    {"selector": {"a": 1}},
    {"selector": {"a": 1.0}},
    {"selector": {"a": "1"}},
    {"filter": "d/f"},
    {"filter": "d/g"},
    {"filter": "d/f", "query_params": {"a": "1"}},
    {"filter": "_view", "query_params": {"view": "d/v"}},
)


def test_whatever_changes_what_is_copied_changes_the_id() -> None:
    found = [base(**members) for members in DIFFERENT]
    assert len(set(found)) == len(found)
    assert base("another server") not in found


@pytest.mark.parametrize(
    "members",
    [
        {"source": "https://foo.example/a/"},
        {"source": "http://foo.example:5984/a"},
        {"source": "http://foo.example:80/a"},
        {"source": "https://foo.example:443/a"},
        {"source": "http://FOO.example/a"},
        {"source": {"url": "http://foo.example/a", "headers": {"Accept": "application/json"}}},
        {"source": {"url": "http://foo.example/a", "headers": {"Authorization": "Bearer 1"}}},
        {"winning_revs_only": False},
        *({"worker_processes": 1}, {"checkpoint_interval": 1}, {"use_checkpoints": False}, {"_id": "x"}),
        {"user_ctx": {"name": "bob"}},
    ],
)
def test_what_does_not_change_what_is_copied_does_not_change_the_id(members: dict[str, Any]) -> None:
    assert base(**members) == base()


def test_a_password_changes_without_the_id() -> None:
    ends = [f"http://user:{password}@foo.example/a" for password in ("old", "new")]
    named = {"url": "http://foo.example/a", "auth": {"basic": {"username": "user", "password": "third"}}}
    assert len({base(source=end) for end in (*ends, named)}) == 1
    assert base(source=ends[0]) != base()


def test_the_order_of_keys_and_ids_means_nothing() -> None:
    assert base(selector={"a": 1, "b": {"c": 2, "d": 3}}) == base(selector={"b": {"d": 3, "c": 2}, "a": 1})
    params = {"a": "1", "b": "2"}
    assert base(filter="d/f", query_params=params) == base(
        filter="d/f", query_params=dict(reversed(params.items()))
    )
    assert base(doc_ids=["a", "b"]) == base(doc_ids=["b", "a", "b"])
    headers = {"X-A": "1", "x-b": "2"}
    one = {"url": "http://h/a", "headers": headers}
    other = {"url": "http://h/a", "headers": {"X-B": "2", "x-a": "1"}}
    assert base(source=one) == base(source=other)


def test_a_filter_is_known_by_its_code() -> None:
    assert base(code="function(doc) {}", filter="d/f") == base(code=" function(doc) {}\n", filter="d/g")
    assert base(code="function(doc) {}", filter="d/f") != base(code="function(d) {}", filter="d/f")
    assert base(code="d/f", filter="d/f") != base(filter="d/f")
