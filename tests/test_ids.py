"""Random ids."""

from __future__ import annotations

import re

from couchgrass.ids import new_id


def test_each_id_is_32_hexadecimal_digits_and_no_two_are_the_same() -> None:
    drawn = [new_id() for _ in range(2_000)]
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in drawn)
    assert len(set(drawn)) == len(drawn)
