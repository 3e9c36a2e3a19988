"""Revision names: parsing, order, and the determinism of new ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.rev import Rev, is_hex, next_rev, order_bytes, parse_rev
from couchgrass.errors import BadRequest

HEX = "0123456789abcdef" * 2
hex_ids = st.text("0123456789abcdef", min_size=32, max_size=32)
bodies = st.binary(max_size=20)


@pytest.mark.parametrize(
    "text",
    ["", "1", "-abc", "a-b", "1.5-x", "+1-x", "²-x", " 1-x", None, 1, b"1-x", ["1-x"], "1" * 30 + "-x"],
)
def test_what_is_no_rev_is_refused(text: object) -> None:
    with pytest.raises(BadRequest, match="Invalid rev format"):
        parse_rev(text)


def test_an_id_of_32_characters_must_be_hex_and_is_lowered() -> None:
    assert parse_rev("1-" + HEX.upper()) == Rev(1, HEX)
    with pytest.raises(BadRequest):
        parse_rev("1-" + "z" * 32)


@given(st.integers(0, 10**9), st.one_of(hex_ids, st.text(max_size=31)))
def test_parsing_gives_back_what_was_written(pos: int, rev_id: str) -> None:
    assert parse_rev(str(Rev(pos, rev_id))) == Rev(pos, rev_id)


@given(hex_ids, hex_ids)
def test_hex_ids_order_as_their_text_does(one: str, other: str) -> None:
    assert (order_bytes(one) < order_bytes(other)) == (one < other)


@given(hex_ids, st.booleans(), bodies, bodies)
def test_the_same_edit_of_the_same_parent_is_the_same_revision(
    parent: str, deleted: bool, body: bytes, atts: bytes
) -> None:
    first = next_rev(Rev(3, parent), deleted, body, atts)
    assert first == next_rev(Rev(3, parent), deleted, body, atts)
    assert first.pos == 4
    assert is_hex(first.id)


@given(st.tuples(hex_ids, st.booleans(), bodies, bodies), st.tuples(hex_ids, st.booleans(), bodies, bodies))
def test_different_edits_are_different_revisions(
    one: tuple[str, bool, bytes, bytes], other: tuple[str, bool, bytes, bytes]
) -> None:
    revs = [next_rev(Rev(1, edit[0]), *edit[1:]) for edit in (one, other)]
    assert (revs[0] == revs[1]) == (one == other)


def test_new_revisions_stay_what_they_are() -> None:
    # Regions of different versions must agree: changing this value breaks replication of equal edits.
    assert str(next_rev(None, False, b"{}")) == "1-c91ca3a08cec25315870dcbccf063aff"
    assert (
        str(next_rev(Rev(1, HEX), True, b"{}", b'[["a","text/plain","md5-x"]]'))
        == "2-67c245e9b1f4f4bd8c7f08b0ce8e3d13"
    )
