"""Each key of a TOML text has its line, whatever stands between them."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from couchgrass.region.config import EXAMPLE
from couchgrass.region.toml_lines import key_lines, line_of

TEXT = '''\
# a = 1
name = "x # not = a comment"
"quoted key".'inner' = """
[no.header]
fake = 1
""" # after
list = [
  1, # one = 1

  {a = 1, b = "}"},
]
inline = {url = "u", deep = {er = [1, 2], last = 3}, end = 4}
after.dotted = 'it''s'

[regions.london]  # header
data = 1
[regions.london.database]
port = 2
[[many]]
one = 1
[[many]]
two = 2
[many.in]
three = 3.5
[[many.more]]
four = 2001-02-03 04:05:06
[[many.more]]
[last]
'''.replace("'it''s'", "'its'")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("quoted key", "inner"), 3),
        (("list",), 7),
        (("list", "0"), 8),
        (("list", "1"), 10),
        (("list", "1", "b"), 10),
        (("inline", "deep", "er", "1"), 12),
        (("inline",), 12),
        (("inline", "deep", "last"), 12),
        (("inline", "end"), 12),
        (("after", "dotted"), 13),
        (("regions", "london"), 15),
        (("regions", "london", "data"), 16),
        (("regions", "london", "database", "port"), 18),
        (("many",), 19),
        (("many", "0", "one"), 20),
        (("many", "1"), 21),
        (("many", "1", "two"), 22),
        (("many", "1", "in", "three"), 24),
        (("many", "1", "more", "0", "four"), 26),
        (("many", "1", "more", "1"), 27),
        (("last",), 28),
    ],
)
def test_a_key_has_its_line(path: tuple[str, ...], line: int) -> None:
    assert key_lines(TEXT)[path] == line


def test_what_is_in_strings_and_comments_is_no_key() -> None:
    lines = key_lines(TEXT)
    assert not {("a",), ("no",), ("no", "header"), ("fake",), ("not",), ("one",)} & set(lines)


def test_a_key_that_is_not_there_has_the_line_of_its_table() -> None:
    lines = key_lines(TEXT)
    assert line_of(lines, ("regions", "london", "database", "host")) == 17
    assert line_of(lines, ("nowhere",)) == 1


@pytest.mark.parametrize("text", [TEXT, EXAMPLE, "a=1", "[a]", "", "a={}\nb=[]\n[c]\n", "[[ a . b ]]\nc.d=1"])
def test_the_keys_are_those_that_tomllib_finds(text: str) -> None:
    def paths(value: Any, above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
        if isinstance(value, list):
            whole = {(*above, str(number)) for number in range(len(value))}
            return whole.union(*(paths(one, (*above, str(n))) for n, one in enumerate(value)))
        if not isinstance(value, dict):
            return set()
        return {(*above, key) for key in value}.union(*(paths(v, (*above, k)) for k, v in value.items()))

    assert set(key_lines(text)) == paths(tomllib.loads(text))
