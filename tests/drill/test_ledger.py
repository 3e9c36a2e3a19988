"""Acknowledged writes against a database's leaves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from couchgrass.drill.ledger import Leaf, conflicts, missing
from couchgrass.drill.ops import Method, Op, Outcome


def wrote(number: int, method: Method = Method.PATCH, *, ended_s: float = 1.0, status: int = 200) -> Outcome:
    return Outcome(Op(number, method, "a"), ended_s - 0.1, ended_s, status, "london", "a")


def test_a_write_is_there_by_its_value() -> None:
    assert missing([wrote(1)], {"a": (Leaf("1-a", 1),)}, until_s=9) == []
    (lost,) = missing([wrote(1)], {"a": (Leaf("1-a", 0),)}, until_s=9)
    assert (lost.doc, lost.number, lost.region) == ("a", 1, "london")


def test_a_document_that_is_not_known_is_lost() -> None:
    assert len(missing([wrote(1, Method.POST, status=201)], {}, until_s=9)) == 1


def test_a_losing_leaf_counts() -> None:
    leaves = {"a": (Leaf("2-b", 7), Leaf("2-a", 1))}
    assert missing([wrote(1)], leaves, until_s=9) == []
    assert conflicts(leaves) == 1


def test_a_later_try_may_have_replaced_it_though_nobody_answered() -> None:
    assert missing([wrote(1), wrote(2, status=0)], {"a": (Leaf("2-a", 2),)}, until_s=9) == []


def test_what_is_under_way_may_have_replaced_it_before_anybody_answered() -> None:
    leaves = {"a": (Leaf("2-a", 2),)}
    assert len(missing([wrote(1)], leaves, until_s=9)) == 1
    assert missing([wrote(1)], leaves, until_s=9, under_way=[Op(2, Method.PATCH, "a")]) == []
    assert len(missing([wrote(1)], leaves, until_s=9, under_way=[Op(2, Method.PATCH, "b")])) == 1
    gone = {"a": (Leaf("2-a", None, True),)}
    assert missing([wrote(1)], gone, until_s=9, under_way=[Op(2, Method.DELETE, "a")]) == []


def test_an_earlier_value_is_not_enough() -> None:
    assert len(missing([wrote(1), wrote(2)], {"a": (Leaf("1-a", 1),)}, until_s=9)) == 1


def test_what_was_acknowledged_later_is_not_asked_for() -> None:
    assert missing([wrote(1), wrote(2, ended_s=5.0)], {"a": (Leaf("1-a", 1),)}, until_s=2.0) == []


def test_a_removal_is_there_as_a_deleted_leaf_and_only_so() -> None:
    gone = wrote(2, Method.DELETE)
    assert missing([wrote(1), gone], {"a": (Leaf("2-a", None, True),)}, until_s=9) == []
    assert len(missing([wrote(1), gone], {"a": (Leaf("1-a", 1),)}, until_s=9)) == 1
    assert len(missing([wrote(1)], {"a": (Leaf("2-a", None, True),)}, until_s=9)) == 1


def test_what_failed_need_not_be_there() -> None:
    assert missing([wrote(1, status=503), wrote(2, status=0)], {}, until_s=9) == []


def test_two_leaves_of_which_one_is_deleted_are_no_conflict() -> None:
    assert conflicts({"a": (Leaf("2-b", 7), Leaf("2-a", None, True))}) == 0


@given(st.lists(st.booleans(), min_size=1, max_size=20), st.integers(0, 20))
def test_the_database_that_took_all_up_to_some_try_lacks_nothing_it_acknowledged(
    acknowledged: list[bool], extra: int
) -> None:
    writes = [wrote(at, status=200 if one else 0) for at, one in enumerate(acknowledged, 1)]
    last = max((at for at, one in enumerate(acknowledged, 1) if one), default=1)
    value = min(len(writes), last + extra)
    assert missing(writes, {"a": (Leaf("9-a", value),)}, until_s=9) == []
    if last > 1 and acknowledged[last - 1]:
        assert len(missing(writes, {"a": (Leaf("9-a", last - 1),)}, until_s=9)) == 1
