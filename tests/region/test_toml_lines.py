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
[last]
'''.replace("'it''s'", "'its'")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("quoted key", "inner"), 3),
        (("list",), 7),
        (("list", "b"), 10),
        (("inline",), 12),
        (("inline", "deep", "last"), 12),
        (("inline", "end"), 12),
        (("after", "dotted"), 13),
        (("regions", "london"), 15),
        (("regions", "london", "data"), 16),
        (("regions", "london", "database", "port"), 18),
        (("many", "one"), 20),
        (("many", "two"), 22),
        (("last",), 23),
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


@pytest.mark.parametrize("text", [TEXT, EXAMPLE, "a=1", "[a]", "", "a={}\nb=[]\n[c]\n"])
def test_the_keys_are_those_that_tomllib_finds(text: str) -> None:
    def paths(value: Any, above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
        if isinstance(value, list):
            return set().union(*(paths(one, above) for one in value)) if value else set()
        if not isinstance(value, dict):
            return set()
        return {(*above, key) for key in value}.union(*(paths(v, (*above, k)) for k, v in value.items()))

    assert set(key_lines(text)) == paths(tomllib.loads(text))
