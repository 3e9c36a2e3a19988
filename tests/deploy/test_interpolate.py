"""Variables in texts, by wskdeploy's rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.deploy.interpolate import Filled, deep, interpolate, is_interpolated, names, variable

ENV = {"A": "one", "B": "two", "A/b": "path", "MONEY": "$A ${B}"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$A", "one"),
        ("${A}", "one"),
        ("$A$B", "onetwo"),
        ("${A}-${B}", "one-two"),
        ("x${A}y", "xoney"),
        ("$A/b", "path"),
        ("${A}/b", "one/b"),
        ("x$A", "x$A"),
        ("costs 5$", "costs 5$"),
        ("$", "$"),
        ("", ""),
        ("$${A}", "${A}"),
        ("x$${A}", "x${A}"),
        ("$$A", "$one"),
        ("$$${A}", "$${A}"),
        ("${A", "${A"),
        ("x${A}{", "x${A}{"),
        ("${}", "${}"),
        ("$A{B}", "one{B}"),
        ("$MONEY", "$A ${B}"),
        ("$${A} is ${A}", "${A} is one"),
    ],
)
def test_a_text_is_filled_in(text: str, filled: str) -> None:
    assert interpolate(text, ENV) == Filled(filled)


def test_what_is_not_set_is_empty_and_named_once() -> None:
    assert interpolate("${X}/${Y}/${X}", {}) == Filled("//", ("X", "Y"))
    assert names("${X}/${Y}/${X}/$${Z}") == ("X", "Y")


@pytest.mark.parametrize(
    ("text", "name"), [("$X", "X"), ("${X}", "X"), ("x${X}", ""), ("$${X}", ""), ("$X$Y", ""), ("X", "")]
)
def test_a_text_that_is_one_variable(text: str, name: str) -> None:
    assert variable(text) == name


def test_objects_are_filled_in_and_lists_in_them_are_not() -> None:
    value = {"a": "$A", "b": {"c": "${X}"}, "d": ["$A"], "e": 1, "f": None}
    filled = {"a": "one", "b": {"c": ""}, "d": ["$A"], "e": 1, "f": None}
    assert deep(value, ENV) == (filled, ("X",))


NAME = st.text(alphabet="ABCab_/.- ", min_size=1, max_size=6)
PLAIN = st.text(alphabet="xyz-/ .:", max_size=6)


@given(st.lists(st.tuples(PLAIN, NAME), max_size=5), st.dictionaries(NAME, st.text(max_size=6)))
def test_braced_variables_are_replaced_each_by_its_own_value(
    parts: list[tuple[str, str]], env: dict[str, str]
) -> None:
    text = "".join(f"{plain}${{{name}}}" for plain, name in parts)
    assert interpolate(text, env).text == "".join(plain + env.get(name, "") for plain, name in parts)


@given(NAME, PLAIN)
def test_an_escape_never_asks_the_environment(name: str, plain: str) -> None:
    assert interpolate(f"{plain}$${{{name}}}", {name: "secret"}) == Filled(f"{plain}${{{name}}}")


@given(st.text(alphabet="${}Ax", max_size=12))
def test_any_text_comes_out_and_the_rest_is_not_touched(text: str) -> None:
    found = interpolate(text, {})
    if not is_interpolated(text):
        assert found == Filled(text)
    assert set("".join(found.unset)) <= {"A", "x"}
