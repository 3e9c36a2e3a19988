"""Refusals of libraries, in the words of people who write a region's file."""

from __future__ import annotations

import tomllib

import msgspec
import pytest

from couchgrass.region.refusals import in_toml, in_value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('name = "a\n', "a text has no closing quote"),
        ("[a.b]\n[a.b]", "the table [a.b] stands there twice"),
        ("a = 1\na = 2", "this key has a value already"),
        ("name = london", "no value: text stands in quotes, truth is true or false"),
        ("name", "a key and its value have = between them"),
        ("a = 07", "expected newline or end of document after a statement"),
    ],
)
def test_mistakes_of_toml(text: str, told: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as refused:
        tomllib.loads(text)
    assert in_toml(str(refused.value).partition(" (at ")[0]) == told


@pytest.mark.parametrize(
    ("value", "kind", "told"),
    [
        (True, int, "must be a whole number, not true or false"),
        ("1", dict[str, int], "must be a table, not text in quotes"),
        (1, list[int], "must be a list, not a whole number"),
        ("x", tuple[int, int], "must be a list, not text in quotes"),
        ("x", tuple[int, int] | None, "must be a list, not text in quotes"),
        (..., float, "must be a number, not inf or nan"),
        ({}, msgspec.defstruct("S", [("a", int)]), "has no a"),
    ],
)
def test_values_of_another_kind(value: object, kind: type, told: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(value, kind)
    assert in_value(str(refused.value)) == told
