"""What a document or request asks for, and each thing that is refused, with CouchDB's reasons."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from couchgrass.docdb.access import UserCtx
from couchgrass.docdb.feed_filter import Filter
from couchgrass.errors import BadRequest, CouchgrassError
from couchgrass.replication.address import Address
from couchgrass.replication.spec import NOWHERE, Defaults, Replication, check_query_params, parse

ENDS: dict[str, Any] = {"source": "a", "target": "http://h/b"}
A, B = Address(database="a"), Address(url="http://h/b")


def asked(**members: Any) -> Replication:
    return parse(ENDS | members, Defaults())


def refusal(body: dict[str, Any]) -> str:
    with pytest.raises(BadRequest) as refused:
        parse(body, Defaults())
    return refused.value.reason


def test_two_ends_are_enough() -> None:
    assert parse(ENDS, Defaults()) == Replication(source=A, target=B)


def test_settings_are_for_documents_that_say_nothing() -> None:
    settings = Defaults(
        worker_processes=1,
        worker_batch_size=2,
        http_connections=3,
        connection_timeout_ms=4_000,
        retries_per_request=5,
        checkpoint_interval_ms=600,
        use_checkpoints=False,
        use_bulk_get=False,
    )
    expected = Replication(
        source=A,
        target=B,
        worker_processes=1,
        worker_batch_size=2,
        http_connections=3,
        connection_timeout_s=4.0,
        retries_per_request=5,
        checkpoint_interval_s=0.6,
        use_checkpoints=False,
        use_bulk_get=False,
    )
    assert parse(ENDS, settings) == expected
    assert parse(ENDS | {"worker_processes": 9, "use_bulk_get": True}, settings).worker_processes == 9


@pytest.mark.parametrize("missing", ["source", "target"])
def test_both_ends_must_be_there(missing: str) -> None:
    assert (
        refusal({name: end for name, end in ENDS.items() if name != missing}) == "Missing replicator database"
    )


def test_members_that_nobody_knows_are_ignored() -> None:
    more = {
        "_id": "x",
        "random": 42,
        "socket_options": "[{nodelay, true}]",
        "ibrowse_options": 5,
        "owner": "o",
    }
    assert asked(**more) == asked()


def test_each_end_gets_its_proxy_unless_it_is_here() -> None:
    both = parse({"source": "http://h/a", "target": "b", "proxy": "http://p:1"}, Defaults())
    assert (both.source.proxy, both.target.proxy) == ("http://p:1", None)


BOOLEANS = ("cancel", "create_target", "continuous", "winning_revs_only", "use_bulk_get", "use_checkpoints")


@pytest.mark.parametrize("name", BOOLEANS)
@pytest.mark.parametrize("value", ["true", 1, None])
def test_what_must_be_a_boolean_is_nothing_else(name: str, value: Any) -> None:
    assert refusal(ENDS | {name: value}) == f"parameter `{name}` must be a boolean"


@pytest.mark.parametrize("name", BOOLEANS)
def test_a_boolean_is_taken(name: str) -> None:
    assert getattr(asked(**{name: True}), name) is True
    assert getattr(asked(**{name: False}), name) is False


def test_only_winners_are_asked_for_with_winning_revs_only() -> None:
    assert asked(winning_revs_only=True).filter == Filter(all_leaves=False)
    assert asked().filter == Filter()


NUMBERS = (
    *("worker_processes", "worker_batch_size", "http_connections"),
    *("connection_timeout", "retries_per_request", "checkpoint_interval"),
)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["", "x", "1.0", 1.5, True, None, -1, [], "1_0"])
def test_what_must_be_a_number_is_nothing_else(name: str, value: Any) -> None:
    assert name in refusal(ENDS | {name: value})


@pytest.mark.parametrize("name", [name for name in NUMBERS if name != "retries_per_request"])
def test_nothing_can_be_done_with_zero_of_it(name: str) -> None:
    assert refusal(ENDS | {name: 0}) == f"parameter `{name}` must be a positive integer"


def test_numbers_may_come_as_text_and_are_cut_to_their_bounds() -> None:
    found = asked(
        worker_processes="7", worker_batch_size=10**30, http_connections="+8", retries_per_request=0
    )
    assert (found.worker_processes, found.worker_batch_size) == (7, 10_000)
    assert (found.http_connections, found.retries_per_request) == (8, 0)
    assert asked(connection_timeout=1500).connection_timeout_s == 1.5
    assert asked(checkpoint_interval="2500").checkpoint_interval_s == 2.5


# --- filters -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "filter"),
    [
        ({"doc_ids": ["b", "a", "b"]}, Filter(doc_ids=("a", "b"))),
        ({"doc_ids": []}, Filter(doc_ids=())),
        ({"doc_ids": None}, Filter()),
        ({"doc_ids": None, "filter": "d/f"}, Filter(name="d/f")),
        ({"doc_ids": ["a%2Fb", "a+b", "100%", "%ff"]}, Filter(doc_ids=("%ff", "100%", "a+b", "a/b"))),
        ({"selector": {"a": 1}}, Filter(selector={"a": 1})),
        ({"filter": "d/f/g", "query_params": {"x": "1"}}, Filter(name="d/f/g", query_params={"x": "1"})),
        ({"filter": "_design"}, Filter(name="_design")),
        (
            {"filter": "_view", "query_params": {"view": "d/v"}},
            Filter(name="_view", query_params={"view": "d/v"}),
        ),
        ({"query_params": {"x": "1"}}, Filter()),
    ],
)
def test_one_filter_is_taken(members: dict[str, Any], filter: Filter) -> None:
    assert asked(**members).filter == filter


@pytest.mark.parametrize(
    "members",
    [
        {"doc_ids": ["a"], "filter": "d/f"},
        {"doc_ids": ["a"], "selector": {}},
        {"filter": "d/f", "selector": {}},
        {"doc_ids": [], "filter": "d/f", "selector": {}},
    ],
)
def test_filters_exclude_each_other(members: dict[str, Any]) -> None:
    assert refusal(ENDS | members) == "`doc_ids`,`filter`,`selector` are mutually exclusive"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"doc_ids": "a"}, "parameter `doc_ids` must be an array"),
        ({"doc_ids": [1]}, "parameter `doc_ids` must be an array"),
        ({"selector": []}, "parameter `selector` must be a JSON object"),
        ({"selector": None}, "parameter `selector` must be a JSON object"),
        ({"query_params": 42}, "parameter `query_params` must be an object"),
        ({"create_target_params": "q=1"}, "parameter `create_target_params` must be a JSON object"),
        ({"filter": "nope"}, "Invalid filter. Must match `ddocname/filtername`."),
        ({"filter": None}, "Invalid filter. Must match `ddocname/filtername`."),
        ({"filter": "_view"}, "Invalid `view` parameter."),
        ({"filter": "_view", "query_params": {"view": "a/b/c"}}, "Invalid `view` parameter."),
        ({"replication_id": 5}, "parameter `replication_id` must be a string"),
    ],
)
def test_what_has_the_wrong_form_is_refused(members: dict[str, Any], reason: str) -> None:
    assert refusal(ENDS | members) == reason


def test_a_selector_is_checked_with_mangos_errors() -> None:
    with pytest.raises(BadRequest) as refused:
        asked(selector={"a": {"$nope": 1}})
    assert refused.value.error == "invalid_operator"


def test_the_order_of_ids_means_nothing() -> None:
    assert asked(doc_ids=["\U0001f600", "\uffff", "a"]).filter.doc_ids == ("a", "\uffff", "\U0001f600")


@pytest.mark.parametrize("value", [1, [], {}, None])
def test_a_request_has_only_strings_in_query_params(value: Any) -> None:
    check_query_params({"query_params": {"a": "x"}})
    check_query_params({})
    with pytest.raises(BadRequest, match=r"^b value must be a string\.$"):
        check_query_params({"query_params": {"a": "x", "b": value}})


# --- the rest ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"), [(5, b"5"), ("5-x", b'"5-x"'), ([1, "x"], b'[1,"x"]'), (2**70, str(2**70).encode())]
)
def test_a_sequence_to_start_from_is_any_json(value: Any, text: bytes) -> None:
    assert asked(since_seq=value).since_seq == Raw(text)


def test_no_sequence_is_none() -> None:
    assert asked().since_seq is None
    assert asked(since_seq=None).since_seq is None


@pytest.mark.parametrize(
    ("value", "user_ctx"),
    [
        (None, None),
        ({}, UserCtx()),
        ({"name": "bob", "roles": ["a", "b"], "db": "x"}, UserCtx(name="bob", roles=("a", "b"))),
    ],
)
def test_the_user_for_whom_it_runs_is_taken(value: Any, user_ctx: UserCtx | None) -> None:
    assert asked(user_ctx=value).user_ctx == user_ctx


@pytest.mark.parametrize("value", ["bob", {"name": 1}, {"roles": "admin"}, {"roles": [1]}, {"roles": None}])
def test_a_user_of_the_wrong_form_is_refused(value: Any) -> None:
    assert "user_ctx" in refusal(ENDS | {"user_ctx": value})


@pytest.mark.parametrize("name", ["replication_id", "_local_id", "id"])
def test_a_cancel_request_may_name_the_replication(name: str) -> None:
    found = parse({"cancel": True, name: "abc continuous"}, Defaults())
    assert (found.cancel, found.rep_id) == (True, "abc+continuous")
    assert found.source == found.target == NOWHERE


def test_a_cancel_request_without_an_id_names_the_ends() -> None:
    assert refusal({"cancel": True}) == "Missing replicator database"
    assert asked(cancel=True, continuous=True) == Replication(
        source=A, target=B, cancel=True, continuous=True
    )


def test_an_id_without_cancel_does_not_replace_the_ends() -> None:
    assert asked(id="abc").source == A


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=5), some, max_size=3),
    max_leaves=5,
)
MEMBERS = st.sampled_from(
    [
        *BOOLEANS,
        *NUMBERS,
        *(
            "source",
            "target",
            "filter",
            "query_params",
            "doc_ids",
            "selector",
            "since_seq",
            "user_ctx",
            "proxy",
        ),
        *("create_target_params", "id", "source_proxy"),
    ]
)


@given(st.dictionaries(MEMBERS, JSON, max_size=4))
def test_whatever_comes_is_understood_or_refused_as_the_callers_error(members: dict[str, Any]) -> None:
    try:
        parse(ENDS | members, Defaults())
    except CouchgrassError as refused:
        assert refused.status == 400
