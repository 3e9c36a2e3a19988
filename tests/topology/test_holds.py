"""A hold counts while its process lives and its time is not over."""

from __future__ import annotations

from couchgrass.topology.holds import HoldNote, hold_text, holds, read_hold

NOTE = HoldNote(pid=7, until=100.0)


def test_it_is_read_back() -> None:
    assert read_hold(hold_text(NOTE)) == NOTE


def test_half_of_one_is_none() -> None:
    assert read_hold(hold_text(NOTE)[:9]) is None
    assert read_hold(b'{"pid": "x", "until": 3}') is None


def test_when_it_counts() -> None:
    assert holds(NOTE, 99.0, lives=True)
    assert not holds(NOTE, 100.0, lives=True)
    assert not holds(NOTE, 99.0, lives=False)
    assert not holds(None, 99.0, lives=True)
