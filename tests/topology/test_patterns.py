"""Which patterns may stand in the file."""

from __future__ import annotations

import pytest

from couchgrass.topology.patterns import problem_of


@pytest.mark.parametrize("pattern", ["todos", "todos*", "*", "*-eu", "a/b+(c)$_-0", "users-*-x"])
def test_names_and_patterns_are_taken(pattern: str) -> None:
    assert problem_of(pattern) == ""


@pytest.mark.parametrize("pattern", ["_users", "_*", "whisk_whisks", "whisk_*", "couchgrass_identity"])
def test_the_platforms_databases_are_refused(pattern: str) -> None:
    assert "are the platform's" in problem_of(pattern)


@pytest.mark.parametrize("pattern", ["", "Todos", "9a", "to dos", "todo?", "[ab]", "é*"])
def test_what_no_database_is_called_is_refused(pattern: str) -> None:
    assert problem_of(pattern).startswith("no name of a database")


def test_two_stars_are_one_too_many() -> None:
    assert problem_of("a**") == "one * stands for any characters already"
