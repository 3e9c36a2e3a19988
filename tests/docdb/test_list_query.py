"""The options of lists: what is read from where, what is refused and how, which ids are meant."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from couchgrass import json
from couchgrass.docdb.list_query import (
    LIMIT_MAX,
    NOTHING,
    Bounds,
    ListQuery,
    Space,
    bounds,
    of_queries,
    of_request,
)
from couchgrass.errors import BadRequest, QueryParseError

IDS = st.text(min_size=1, max_size=4)
NOT_TEXTS: list[Any] = [None, True, 0, -1.5, [], ["a"], {}, {"a": 1}]


def test_without_options_everything_is_listed() -> None:
    query = of_request({})
    assert query == ListQuery()
    assert query.limit == LIMIT_MAX
    assert bounds(query, Space.ALL) == Bounds()


@pytest.mark.parametrize("name", ["startkey", "start_key"])
def test_both_spellings_of_a_start_are_taken(name: str) -> None:
    assert of_request({name: '"b"'}).start_key == "b"
    assert of_request({}, {name: "b"}).start_key == "b"


@pytest.mark.parametrize("name", ["endkey", "end_key"])
def test_both_spellings_of_an_end_are_taken(name: str) -> None:
    assert of_request({name: '"b"'}).end_key == "b"


def test_key_is_start_and_end() -> None:
    query = of_request({"key": '"b"'})
    assert bounds(query, Space.ALL) == Bounds("b", "b")


def test_the_query_string_goes_over_the_body() -> None:
    assert of_request({"limit": "5"}, {"limit": 1, "skip": 2}) == ListQuery(limit=5, skip=2)


def test_each_of_several_queries_starts_from_the_query_string() -> None:
    found = of_queries({"limit": "5", "include_docs": "true"}, {"queries": [{}, {"limit": 1}]})
    assert found == [ListQuery(limit=5, include_docs=True), ListQuery(limit=1, include_docs=True)]


def test_one_key_of_a_request_is_still_asked_for_as_keys() -> None:
    assert of_request({"keys": '["a"]'}).keys == ["a"]
    assert of_request({}, {"keys": ["a"]}).keys == ["a"]


def test_one_key_among_queries_is_a_range() -> None:
    (query,) = of_queries({}, {"queries": [{"keys": ["a"]}]})
    assert query.keys is None
    assert (query.start_key, query.end_key) == ("a", "a")


def test_several_keys_among_queries_stay_keys() -> None:
    (query,) = of_queries({}, {"queries": [{"keys": ["a", "b"]}]})
    assert query.keys == ["a", "b"]
    assert query.start_key is UNSET


def test_no_key_at_all_is_a_list_without_rows() -> None:
    assert of_request({}, {"keys": []}).keys == []


@pytest.mark.parametrize("value", ["true", "True", "TRUE", True])
def test_a_boolean_may_be_text(value: Any) -> None:
    assert of_request({}, {"include_docs": value}).include_docs


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"descending": "maybe"}, 'Invalid boolean parameter: "maybe"'),
        ({"include_docs": ""}, 'Invalid boolean parameter: ""'),
        ({"limit": "ten"}, 'Invalid value for integer: "ten"'),
        ({"limit": "1.5"}, 'Invalid value for integer: "1.5"'),
        ({"limit": " 1"}, 'Invalid value for integer: " 1"'),
        ({"limit": "-1"}, 'Invalid value for positive integer: "-1"'),
        ({"skip": "-7"}, 'Invalid value for positive integer: "-7"'),
        ({"limit": "268435456"}, "Limit is too large, must not exceed 268435455"),
        ({"reduce": "true"}, "Reduce is invalid for map-only views."),
        ({"group": "true"}, "Invalid use of grouping on a map view."),
        ({"group_level": "1"}, "Invalid use of grouping on a map view."),
        (
            {"group": "false", "group_level": "1"},
            "Can't specify group=false and group_level>0 at the same time",
        ),
        ({"stale": "no"}, "Invalid value for `stale`."),
        ({"stable": "ok"}, "Invalid value for `stable`."),
        ({"update": "never"}, "Invalid value for `update`."),
        ({"partition": "p"}, "`partition` parameter is not supported on this db"),
        (
            {"keys": '["a","b"]', "key": '"a"'},
            "`keys` is incompatible with `key`, `start_key` and `end_key`",
        ),
        ({"keys": '["a"]', "endkey": '"b"'}, "`keys` is incompatible with `key`, `start_key` and `end_key`"),
    ],
)
def test_a_bad_option_is_refused_in_couchdbs_words(options: dict[str, str], reason: str) -> None:
    with pytest.raises(QueryParseError) as refused:
        of_request(options)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("member", "value", "reason"),
    [
        ("limit", "5", 'Invalid value for integer: <<"5">>'),
        ("limit", 1.5, "Invalid value for integer: 1.5"),
        ("limit", True, "Invalid value for integer: true"),
        ("skip", -1, "Invalid value for positive integer: -1"),
        ("descending", 1, "Invalid boolean parameter: 1"),
        ("stale", ["ok"], "Invalid value for `stale`."),
    ],
)
def test_a_body_has_to_have_the_right_types(member: str, value: Any, reason: str) -> None:
    with pytest.raises(QueryParseError) as refused:
        of_request({}, {member: value})
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "options",
    [
        {"reduce": "false"},
        {"group": "false"},
        {"group_level": "0"},
        {"stale": "ok"},
        {"stale": "update_after"},
        {"stable": "true"},
        {"update": "lazy"},
        {"callback": "f"},
        {"sorted": "false"},
        {"unheard_of": "x"},
        {"": ""},
        {"skip": "+3"},
        {"skip": "99999999999999999999999"},
    ],
)
def test_options_without_a_meaning_here_are_taken(options: dict[str, str]) -> None:
    of_request(options)


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(QueryParseError):
        of_request({"skip": "1" * 5000})


@pytest.mark.parametrize("keys", ['"a"', "null", "{}", "1"])
def test_keys_have_to_be_a_list(keys: str) -> None:
    with pytest.raises(BadRequest, match="`keys` parameter must be an array"):
        of_request({"keys": keys})
    with pytest.raises(BadRequest, match="`keys` body member must be an array"):
        of_request({}, {"keys": json.decode(keys)})


@pytest.mark.parametrize("name", ["keys", "key", "startkey", "end_key"])
def test_keys_have_to_be_json(name: str) -> None:
    with pytest.raises(BadRequest, match="invalid UTF-8 JSON"):
        of_request({name: "abc"})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "POST body must include `queries` parameter."),
        ({"queries": {}}, "`queries` member must be an array."),
        ({"queries": None}, "`queries` member must be an array."),
        ({"queries": [1]}, "Each of `queries` must be a JSON object."),
    ],
)
def test_queries_have_to_be_a_list_of_objects(body: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRequest) as refused:
        of_queries({}, body)
    assert refused.value.reason == reason


def test_keys_of_a_query_have_to_be_a_list() -> None:
    with pytest.raises(QueryParseError, match="`keys` must be an array of strings"):
        of_queries({}, {"queries": [{"keys": "a"}]})


@pytest.mark.parametrize("value", NOT_TEXTS)
def test_any_other_value_comes_before_all_texts(value: Any) -> None:
    text = json.encode(value).decode()
    assert bounds(of_request({"startkey": text}), Space.ALL) == Bounds()
    assert bounds(of_request({"endkey": text}), Space.ALL) == NOTHING
    assert bounds(of_request({"key": text}), Space.ALL) == NOTHING
    assert bounds(of_request({"startkey": text, "descending": "true"}), Space.ALL) == NOTHING
    assert bounds(of_request({"endkey": text, "descending": "true"}), Space.ALL) == Bounds()


def test_a_docid_stands_in_for_a_missing_key_only() -> None:
    assert bounds(of_request({"startkey_docid": "b"}), Space.ALL) == Bounds("b")
    assert bounds(of_request({"startkey_docid": "b", "startkey": '"a"'}), Space.ALL) == Bounds("a")
    assert bounds(of_request({"end_key_doc_id": "b"}), Space.ALL) == Bounds(high="b")


@given(
    ids=st.sets(IDS, max_size=12), start=st.none() | IDS, end=st.none() | IDS, inclusive=st.booleans(),
    descending=st.booleans(), space=st.sampled_from([Space.ALL, Space.DESIGN]),
)  # fmt: skip
def test_bounds_hold_just_what_lies_between_the_ends(
    ids: set[str], start: str | None, end: str | None, inclusive: bool, descending: bool, space: Space
) -> None:
    ids |= {f"_design/{one}" for one in ids}
    ends = {name: value for name, value in (("startkey", start), ("endkey", end)) if value is not None}
    body = {"inclusive_end": inclusive, "descending": descending, **ends}
    found = bounds(of_request({}, body), space)
    sign = -1 if descending else 1

    def order(one: str, other: str) -> int:
        left, right = one.encode(), other.encode()
        return sign * ((left > right) - (left < right))

    for one in ids:
        wanted = start is None or order(one, start) >= 0
        if end is not None:
            wanted = wanted and (order(one, end) < 0 or (inclusive and one == end))
        if space is Space.DESIGN:
            wanted = wanted and one.startswith("_design/")
        assert _holds(found, one) is wanted


def _holds(found: Bounds, doc_id: str) -> bool:
    text = doc_id.encode()
    low = (
        found.low is None or text > found.low.encode() or (text == found.low.encode() and not found.low_open)
    )
    high = (
        found.high is None
        or text < found.high.encode()
        or (text == found.high.encode() and not found.high_open)
    )
    return low and high


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8)))
def test_no_query_string_breaks_it(options: dict[str, str]) -> None:
    names = ["limit", "skip", "keys", "key", "descending", "stale"]
    options |= dict(zip(names, list(options.values()), strict=False))
    try:
        bounds(of_request(options), Space.ALL)
    except (BadRequest, QueryParseError):
        pass
