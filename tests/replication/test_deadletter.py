"""Dead letters as values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from couchgrass.replication.deadletter import (
    REASON_CHARS_MAX,
    Letter,
    by_document,
    letter,
    settled,
)

LETTERS = st.builds(
    Letter,
    st.sampled_from("abc"),
    st.sampled_from(["1-a", "2-b"]),
    st.just("e"),
    st.text(max_size=3),
    st.floats(0, 9),
)


@given(st.text(), st.text(), st.text(), st.text())
def test_a_key_names_one_leaf(id: str, rev: str, other_id: str, other_rev: str) -> None:
    one, other = letter(id, rev, "e", "r", 1.0), letter(other_id, other_rev, "f", "s", 2.0)
    assert (one.key == other.key) == ((id, rev) == (other_id, other_rev))
    assert len(one.key) == 32


def test_a_reason_is_bounded() -> None:
    one = letter("a", "1-a", "forbidden", "x" * 100_000, 1.0)
    assert len(one.reason) == REASON_CHARS_MAX
    assert one.shown("now") == {
        "id": "a",
        "rev": "1-a",
        "error": "forbidden",
        "reason": one.reason,
        "time": "now",
    }


@given(st.lists(LETTERS))
def test_letters_by_document_are_all_of_them(letters: list[Letter]) -> None:
    found = by_document(letters)
    assert sum(map(len, found.values())) == len(letters)
    assert all(one.rev in found[one.id] for one in letters)


@given(st.lists(LETTERS), st.lists(LETTERS))
def test_settled_is_what_is_not_refused_any_more(letters: list[Letter], still: list[Letter]) -> None:
    left = {(one.id, one.rev) for one in still}
    assert settled(letters, by_document(still)) == [one for one in letters if (one.id, one.rev) not in left]
