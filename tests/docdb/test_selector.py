from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.collation import compare
from couchgrass.docdb.selector import (
    SELECTOR_CONDITIONS_MAX,
    SELECTOR_DEPTH_MAX,
    compile_changes_selector,
    compile_selector,
    fields_of,
    parse_field,
)
from couchgrass.errors import BadRequest

Json = dict[str, Any]


def takes(selector: Json, doc: Json) -> bool:
    return compile_selector(selector)(doc)


def refusal(selector: Any) -> tuple[int, str, str]:
    with pytest.raises(BadRequest) as refused:
        compile_selector(selector)
    return refused.value.status, refused.value.error, refused.value.reason


# What one condition on the field x accepts and refuses, and its $not the other way round.
CONDITIONS: list[tuple[Any, list[Any], list[Any]]] = [
    (5, [5, 5.0], [6, "5", None, [5]]),
    (1, [1, 1.0], [True, 2, "1"]),
    (True, [True], [1, 1.0, False, "true"]),
    (False, [False], [0, None]),
    (None, [None], [False, 0, ""]),
    ({}, [{}], [{"a": 1}, [], None]),
    ([1, [2]], [[1, [2]], [1.0, [2]]], [[1], [1, [2], 3], 1]),
    ("hello", ["hello", "hel\0lo"], ["Hello", "help", 5]),
    ({"$eq": {"a": {"b": 7}}}, [{"a": {"b": 7}}], [{"a": {"b": 8}}, {"a": {"b": 7}, "c": 1}]),
    ({"$lt": 5}, [4, 4.9, -(10**30), None, True], [5, 5.0, 6, "a", [], {}]),
    ({"$lte": 5}, [4, 5, 5.0, False], [5.1, "a"]),
    ({"$gte": 5}, [5, 6, "", [], {}], [4, None, True]),
    ({"$gt": 5}, [5.5, 10**400, "a", [1], {"a": 1}], [5, None, False]),
    ({"$gt": None}, [False, 0, "", [], {}], [None]),
    ({"$lt": "hello"}, ["held", "", 10**9, None], ["hello", "help", "Hello", [], {}]),
    ({"$gte": "a"}, ["a", "A", "b", []], ["_", "1", 3]),
    ({"$lt": [1, 2, 3]}, [[1, 2, 2], [1, 2], "z"], [[1, 2, 3], [1, 3], {}]),
    ({"$ne": 5}, [6, "5", None], [5, 5.0]),
    ({"$in": []}, [], [0, True, "foo", []]),
    (
        {"$in": [42, False, "bar", [["nested"], "list"], {"b": 2}]},
        [42, 42.0, False, "bar", "b\0ar", {"b": 2}, [0, 42], [0, False], [0, [["nested"], "list"]]],
        [43, True, 0, "bars", {"b": 2, "c": 3}, [["nested"], "list"], []],
    ),
    ({"$in": ["a", "b"]}, ["a", "b", "a\0", ["x", "b"]], ["A", "c", 1, None]),
    ({"$nin": []}, [0, True, "foo", []], []),
    ({"$nin": [42, "bar", True]}, [43, "bars", False, 1, [], [0]], [42, "bar", True, [0, 42]]),
    ({"$exists": True}, [None, 0, []], []),
    ({"$exists": False}, [], [None, 0, []]),
    ({"$type": "null"}, [None], [False, {}]),
    ({"$type": "boolean"}, [True, False], [0, 1]),
    ({"$type": "number"}, [0, 1.5], [True, "1", [1]]),
    ({"$type": "string"}, ["", "a"], [[], None]),
    ({"$type": "array"}, [[], [1]], [{}, "a"]),
    ({"$type": "object"}, [{}, {"a": 1}], [[], None]),
    ({"$type": "integer"}, [], [1, "a"]),
    ({"$size": 3}, [[0, 0, 0]], [[0, 0], 3, "fun", {"a": 1, "b": 2, "c": 3}]),
    ({"$mod": [28, 1]}, [1, 29, 57], [58, 1.0, "57", True, -1]),
    ({"$mod": [-4, -3]}, [-3, -7], [3, 1, -4]),
    ({"$regex": "^[0-9a-f]+$"}, ["3a0df5e"], ["", "3a0gf5e", 42, ["3a"]]),
    ({"$regex": "(?i)LO"}, ["hello", "Lo"], ["l o"]),
    ({"$beginsWith": "foo"}, ["foo", "food"], ["more food", "fo", "Foo", 42]),
    ({"$beginsWith": ""}, ["", "a"], [None]),
    ({"$all": []}, [], [[], [42], {}, "foo"]),
    ({"$all": [1, 2]}, [[2, 1], [0, 2, 3, 1]], [[1], [1.0, 2], [True, 2], [], 1]),
    ({"$all": [[1, 2]]}, [[1, 2], [1.0, 2], [5, [1, 2]]], [[2, 1], [5, [1.0, 2]], []]),
    ({"$all": ["a"]}, [["a"], [0, "a"]], ["a", ["A"], ["a\0"]]),
    ({"$all": [{"a": 1}]}, [[{"a": 1}]], [[{"a": 1, "b": 2}], {"a": 1}]),
    ({"$elemMatch": {"$eq": 0}}, [[0], [0, 1]], [[], [1], 0, {"0": 0}]),
    ({"$elemMatch": {"$gte": 80, "$lt": 85}}, [[79, 82]], [[79, 85], []]),
    ({"$elemMatch": {"a": 1, "b": {"c": 2}}}, [[{"a": 1, "b": {"c": 2}}]], [[{"a": 1}, {"b": {"c": 2}}]]),
    ({"$elemMatch": {"$elemMatch": {"$gt": 1}}}, [[[1], [2]]], [[[1]], [2]]),
    ({"$allMatch": {"$eq": 0}}, [[0], [0, 0.0]], [[], [1], [0, 1], 0]),
    ({"$keyMapMatch": {"$beginsWith": "a"}}, [{"b": 1, "ab": 2}], [{"b": "a"}, {}, ["a"], "a"]),
    ({"$gt": 1, "$lt": 5}, [2, 4.5], [1, 5, None]),
    ({"$or": [1, {"$gt": 10}]}, [1, 11, "a"], [2, None]),
    ({"$and": [{"$gt": 1}, {"$lt": 5}]}, [2], [1, 5]),
    ({"$nor": [1, {"$gt": 10}]}, [2, None], [1, 11]),
]


@pytest.mark.parametrize(("condition", "accepted", "refused"), CONDITIONS)
def test_a_condition_accepts_these_values_and_its_negation_the_others(
    condition: Any, accepted: list[Any], refused: list[Any]
) -> None:
    explicit = condition if type(condition) is dict and condition else {"$eq": condition}
    selector, negation = {"x": condition}, {"x": {"$not": explicit}}
    for value in accepted:
        assert takes(selector, {"x": value}), value
        assert not takes(negation, {"x": value}), value
    for value in refused:
        assert not takes(selector, {"x": value}), value
        assert takes(negation, {"x": value}), value


@pytest.mark.parametrize(
    ("condition", "accepts_missing"),
    [
        (5, False),
        ({"$ne": 5}, False),
        ({"$nin": [5]}, False),
        ({"$not": {"$eq": 5}}, False),
        ({"$not": {"$regex": "a"}}, False),
        ({"$not": {"$elemMatch": {"$eq": 5}}}, False),
        ({"$exists": False}, True),
        ({"$not": {"$exists": True}}, True),
        ({"$exists": True}, False),
        ({"$not": {"$exists": False}}, False),
        ({"$not": {"$exists": True, "$eq": 0}}, True),
        ({"$and": []}, True),
        ({"$or": []}, True),
        ({"$nor": []}, True),
    ],
)
def test_a_missing_field_satisfies_only_its_absence(condition: Any, accepts_missing: bool) -> None:
    assert takes({"x": condition}, {"y": 1}) is accepts_missing
    assert takes({"a.x": condition}, {"a": {"y": 1}}) is accepts_missing


@pytest.mark.parametrize("doc", [{"a": 5}, {"a": []}, {"a": [1]}, {"a": None}, {"a": "b"}])
def test_a_path_through_a_scalar_or_past_an_array_satisfies_nothing(doc: Json) -> None:
    assert not takes({"a.1": {"$exists": False}}, doc)
    assert not takes({"a.1": {"$exists": True}}, doc)
    assert not takes({"a.b.c": {"$exists": False}}, doc)


def test_the_empty_selector_takes_every_document() -> None:
    assert takes({}, {"_id": "a"})
    assert takes({}, {})


def test_members_of_an_object_are_joined_by_and() -> None:
    selector = {"a": 1, "b": {"$gt": 2, "c": {"$exists": False}}}
    assert takes(selector, {"a": 1, "b": {"d": 1}})
    assert not takes(selector, {"a": 1, "b": {"c": 1}})
    assert not takes(selector, {"a": 2, "b": {"d": 1}})


def test_nested_fields_and_dotted_paths_are_the_same() -> None:
    for selector in ({"a": {"b": {"c": 1}}}, {"a.b.c": 1}, {"a": {"b.c": 1}}):
        assert takes(selector, {"a": {"b": {"c": 1}}})
        assert not takes(selector, {"a.b.c": 1})


def test_an_escaped_dot_or_dollar_belongs_to_the_name() -> None:
    assert takes({"a\\.b": 1}, {"a.b": 1})
    assert takes({"x.a\\.b.c": 1}, {"x": {"a.b": {"c": 1}}})
    assert takes({"\\$price": 1}, {"$price": 1})


def test_a_number_in_a_path_is_an_index_of_an_array_and_a_name_of_an_object() -> None:
    assert takes({"a.1": 7}, {"a": [6, 7]})
    assert takes({"a.1.b": 7}, {"a": [6, {"b": 7}]})
    assert takes({"a.1": 7}, {"a": {"1": 7}})
    assert takes({"a.01": 7}, {"a": [6, 7]})
    for name in ("-1", "x", "1x", "1_0", "9" * 5_000):
        assert not takes({f"a.{name}": 7}, {"a": [7, 7]})


def test_ids_are_compared_byte_for_byte() -> None:
    assert takes({"_id": {"$gt": "Z"}}, {"_id": "a"})
    assert not takes({"name": {"$gt": "Z"}}, {"name": "a"})
    assert not takes({"_id": "a"}, {"_id": "a\0"})
    assert takes({"_id": {"$in": ["b", "a"]}}, {"_id": "a"})
    assert not takes({"_id": {"$in": ["b", "a"]}}, {"_id": "a\0"})
    assert takes({"_id": {"$gt": {}}}, {"_id": "a"})
    assert takes({"_id": {"$gte": [1]}}, {"_id": "a"})


def test_negation_inside_elements_takes_an_element_without_the_field() -> None:
    assert takes({"a": {"$elemMatch": {"$not": {"b": 1}}}}, {"a": [{"c": 1}]})
    assert takes({"a": {"$elemMatch": {"b": {"$not": {"$eq": 1}}}}}, {"a": [{"c": 1}]})
    assert not takes({"a": {"$elemMatch": {"b": {"$ne": 1}}}}, {"a": [{"c": 1}]})
    assert takes({"a": {"$elemMatch": {"$nor": [{"b": 1}, {"b": 2}]}}}, {"a": [{"b": 1}, {"b": 3}]})
    assert not takes({"a": {"$elemMatch": {"$nor": [{"b": 1}, {"b": 2}]}}}, {"a": [{"b": 1}]})


def test_conditions_without_a_field_inside_and_look_at_the_whole_document() -> None:
    assert takes({"$and": [{"$gt": 1}]}, {"a": 1})
    assert takes({"$and": [{}]}, {})
    assert not takes({"$and": [{}]}, {"a": 1})


def test_an_exponential_regex_is_matched_in_linear_time() -> None:
    assert not takes({"x": {"$regex": "^(a|aa)+$"}}, {"x": "a" * 50_000 + "!"})


@pytest.mark.parametrize(
    ("selector", "error", "reason"),
    [
        ([], "invalid_selector_json", "Selector must be a JSON object, not: []"),
        ("a", "invalid_selector_json", "Selector must be a JSON object, not: <<97>>"),
        ({"a": {"$foo": 1}}, "invalid_operator", "Invalid operator: $foo"),
        ({"a": {"$regex": 1}}, "invalid_operator", "Invalid operator: $regex"),
        ({"a": {"$beginsWith": 1}}, "invalid_operator", "Invalid operator: $beginsWith"),
        ({"a": {"$regex": "("}}, "bad_arg", "Bad argument for operator $regex: <<40>>"),
        ({"$and": {}}, "bad_arg", "Bad argument for operator $and: {[]}"),
        ({"$or": 1}, "bad_arg", "Bad argument for operator $or: 1"),
        ({"$nor": None}, "bad_arg", "Bad argument for operator $nor: null"),
        ({"$not": [1]}, "bad_arg", "Bad argument for operator $not: [1]"),
        ({"a": {"$not": 5}}, "bad_arg", "Bad argument for operator $not: 5"),
        ({"a": {"$in": "x"}}, "bad_arg", "Bad argument for operator $in: <<120>>"),
        ({"a": {"$nin": {"b": 1}}}, "bad_arg", "Bad argument for operator $nin: {[{<<98>>,1}]}"),
        ({"a": {"$not": {"$nin": 1}}}, "bad_arg", "Bad argument for operator $nin: 1"),
        ({"a": {"$exists": 1}}, "bad_arg", "Bad argument for operator $exists: 1"),
        ({"a": {"$type": 1.5}}, "bad_arg", "Bad argument for operator $type: 1.5"),
        ({"a": {"$size": -1}}, "bad_arg", "Bad argument for operator $size: -1"),
        ({"a": {"$size": True}}, "bad_arg", "Bad argument for operator $size: true"),
        ({"a": {"$mod": [1]}}, "bad_arg", "Bad argument for operator $mod: [1]"),
        ({"a": {"$mod": [2, 1.0]}}, "bad_arg", "Bad argument for operator $mod: [2,1.0]"),
        ({"a": {"$mod": [True, 1]}}, "bad_arg", "Bad argument for operator $mod: [true,1]"),
        ({"a": {"$mod": [0, 1]}}, "bad_arg", "Bad argument for operator $mod: [0,1]"),
        ({"a": {"$all": 1}}, "bad_arg", "Bad argument for operator $all: 1"),
        ({"a": {"$elemMatch": 1}}, "bad_arg", "Bad argument for operator $elemMatch: 1"),
        ({"a": {"$allMatch": []}}, "bad_arg", "Bad argument for operator $allMatch: []"),
        ({"a": {"$keyMapMatch": "b"}}, "bad_arg", "Bad argument for operator $keyMapMatch: <<98>>"),
        ({"$where": "1"}, "not_supported", "Unsupported operator: $where"),
        ({"a": {"$near": []}}, "not_supported", "Unsupported operator: $near"),
        ({"$gt": 1}, "invalid_selector", "One or more conditions is missing a field name."),
        ({"": 1}, "invalid_selector", "One or more conditions is missing a field name."),
        ({"$not": {}}, "invalid_selector", "One or more conditions is missing a field name."),
        ({"a..b": 1}, "invalid_field_name", "Invalid field name: a..b"),
        ({"a": {"": 1}}, "invalid_field_name", "Invalid field name: a."),
        ({"a\\.b.": 1}, "invalid_field_name", "Invalid field name: a\\.b."),
    ],
)
def test_what_is_no_selector_is_refused_in_mangos_words(selector: Any, error: str, reason: str) -> None:
    assert refusal(selector) == (400, error, reason)


def test_a_changes_filter_gives_every_error_as_bad_request() -> None:
    no_objects: list[Any] = [None, [], "a"]
    for selector in no_objects:
        with pytest.raises(BadRequest) as refused:
            compile_changes_selector(selector)
        assert (refused.value.error, refused.value.reason) == (
            "bad_request",
            "Selector error: expected a JSON object",
        )
    with pytest.raises(BadRequest) as refused:
        compile_changes_selector({"a": {"$foo": 1}})
    assert (refused.value.error, refused.value.reason) == ("bad_request", "Invalid operator: $foo")
    assert compile_changes_selector({"a": 1})({"a": 1})


@pytest.mark.parametrize(
    "pattern", ["((a{1000}){1000}){1000}", "(a?){1000}" * 6, r"(a)\1", "(?=a)", "(?<!a)b", "[z-a]", "*"]
)
def test_a_regex_that_could_blow_up_is_refused(pattern: str) -> None:
    assert refusal({"a": {"$regex": pattern}})[1] == "bad_arg"


def test_depth_and_size_of_a_selector_are_bounded() -> None:
    deep: Json = {"a": 1}
    for _ in range(SELECTOR_DEPTH_MAX + 1):
        deep = {"$not": deep}
    assert refusal(deep)[1] == "invalid_selector"
    assert refusal({"$or": [{"a": 1}] * SELECTOR_CONDITIONS_MAX})[1] == "invalid_selector"
    assert takes({"a": {"$in": list(range(SELECTOR_CONDITIONS_MAX * 2))}}, {"a": 3})
    assert fields_of(deep["$not"]["$not"]) == ["a"]


def test_values_may_be_nested_deeper_than_selectors() -> None:
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]
    assert takes({"a": deep}, {"a": deep})
    assert takes({"a": {"$all": [deep]}}, {"a": [deep]})
    assert refusal({"a": {"$size": deep}})[1] == "bad_arg"


def test_the_fields_of_a_selector_are_listed_in_order() -> None:
    assert fields_of({}) == []
    assert fields_of({"a": 1, "$or": [{"b.c": 2}, {"d": {"e": 3, "f": 4}}]}) == ["a", "b.c", "d.e", "d.f"]
    assert fields_of({"$nor": [{"a": 1}, {"b": {"$elemMatch": {"c": 1}}}]}) == ["a", "b"]


def test_a_field_path_splits_at_plain_dots() -> None:
    assert parse_field("ab") == ["ab"]
    assert parse_field("a.b.c") == ["a", "b", "c"]
    assert parse_field("a.b\\.c") == ["a", "b.c"]


SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "", "a", "A", "a\0"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)
DOCS = st.dictionaries(st.sampled_from("xyz"), VALUES, max_size=3)
LEAVES = st.one_of(
    VALUES.map(lambda value: {"$eq": value}),
    st.tuples(st.sampled_from(["$lt", "$lte", "$ne", "$gte", "$gt"]), VALUES).map(lambda pair: dict([pair])),
    st.tuples(st.sampled_from(["$in", "$nin", "$all"]), st.lists(VALUES, max_size=3)).map(
        lambda pair: dict([pair])
    ),
    st.booleans().map(lambda there: {"$exists": there}),
    st.sampled_from([{"$type": "array"}, {"$size": 1}, {"$mod": [2, 1]}, {"$regex": "a"}]),
    st.sampled_from([{"$beginsWith": "a"}, {"$elemMatch": {"$gt": 1}}, {"$allMatch": {"$gt": 1}}]),
)
FIELDS = st.sampled_from(["x", "y", "x.a", "x.0"])
CONDITION = st.tuples(FIELDS, LEAVES).map(lambda pair: dict([pair]))
SELECTORS = st.recursive(
    CONDITION,
    lambda inner: st.one_of(
        inner.map(lambda selector: {"$not": selector}),
        st.tuples(st.sampled_from(["$and", "$or", "$nor"]), st.lists(inner, min_size=1, max_size=3)).map(
            lambda pair: dict([pair])
        ),
    ),
    max_leaves=6,
)


@given(SELECTORS, SELECTORS, DOCS)
def test_and_or_and_nor_are_boolean(a: Json, b: Json, doc: Json) -> None:
    assert takes({"$and": [a, b]}, doc) == (takes(a, doc) and takes(b, doc))
    assert takes({"$or": [a, b]}, doc) == (takes(a, doc) or takes(b, doc))
    assert takes({"$nor": [a, b]}, doc) == (takes({"$not": a}, doc) and takes({"$not": b}, doc))


@given(SELECTORS, SELECTORS, DOCS)
def test_negation_obeys_de_morgan(a: Json, b: Json, doc: Json) -> None:
    not_a, not_b = {"$not": a}, {"$not": b}
    assert takes({"$not": {"$and": [a, b]}}, doc) == takes({"$or": [not_a, not_b]}, doc)
    assert takes({"$not": {"$or": [a, b]}}, doc) == takes({"$and": [not_a, not_b]}, doc)
    assert takes({"$not": not_a}, doc) == takes(a, doc)


@given(SELECTORS, DOCS)
def test_a_document_never_satisfies_a_selector_and_its_negation(selector: Json, doc: Json) -> None:
    assert not (takes(selector, doc) and takes({"$not": selector}, doc))


@given(LEAVES, VALUES)
def test_negation_is_complete_where_the_field_exists(leaf: Json, value: Any) -> None:
    doc = {"x": value}
    assert takes({"x": {"$not": leaf}}, doc) is not takes({"x": leaf}, doc)


@given(st.lists(VALUES, max_size=4), VALUES)
def test_nin_is_the_opposite_of_in_where_the_field_exists(values: list[Any], value: Any) -> None:
    doc = {"x": value}
    assert takes({"x": {"$nin": values}}, doc) is not takes({"x": {"$in": values}}, doc)


@given(VALUES, VALUES)
def test_comparisons_follow_view_collation(value: Any, argument: Any) -> None:
    doc, order = {"x": value}, compare(value, argument)
    assert takes({"x": {"$lt": argument}}, doc) == (order < 0)
    assert takes({"x": {"$lte": argument}}, doc) == (order <= 0)
    assert takes({"x": {"$eq": argument}}, doc) == (order == 0)
    assert takes({"x": {"$ne": argument}}, doc) == (order != 0)
    assert takes({"x": {"$gte": argument}}, doc) == (order >= 0)
    assert takes({"x": {"$gt": argument}}, doc) == (order > 0)


@given(st.lists(VALUES, max_size=4), VALUES)
def test_in_is_equality_with_one_of_the_values(values: list[Any], value: Any) -> None:
    candidates = value if type(value) is list else [value]
    expected = any(compare(candidate, other) == 0 for candidate in candidates for other in values)
    assert takes({"x": {"$in": values}}, {"x": value}) == expected
