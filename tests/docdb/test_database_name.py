"""What a database may be called."""

from __future__ import annotations

import pytest

from couchgrass.docdb.database_name import NameTooLong, check_name
from couchgrass.errors import IllegalDatabaseName


@pytest.mark.parametrize("name", ["a", "a0_$()+/-z", "_users", "_replicator", "a/_users", "x" * 238])
def test_a_database_may_have_couchdbs_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", "A", "0a", "_other", "a.b", "ä", "a b", "../a"])
def test_other_names_are_illegal(name: str) -> None:
    with pytest.raises(IllegalDatabaseName):
        check_name(name)


def test_a_name_has_a_length() -> None:
    with pytest.raises(NameTooLong):
        check_name("x" * 239)
