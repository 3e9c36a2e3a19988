"""Journal files: what was appended is read back, whatever the end of the file looks like."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from couchgrass.functions.store.journal import (
    Entry,
    Segment,
    entries,
    last_number,
    segment_path,
    segment_paths,
)

ENTRIES = [
    Entry(0, b"head", b"tail"),
    Entry(1, b"", b""),
    Entry(1, b"h" * 40, b"t" * 300),
    Entry(0, b"x", b""),
]


def write(path: Path, wanted: list[Entry]) -> list[int]:
    """Where each entry ends."""
    segment = Segment(path)
    ends = []
    for entry in wanted:
        segment.append(*entry)
        ends.append(segment.bytes)
    segment.close()
    assert path.stat().st_size == ends[-1]
    return ends


def test_entries_come_back_in_order(tmp_path: Path) -> None:
    write(tmp_path / "a", ENTRIES)
    assert list(entries(tmp_path / "a")) == ENTRIES


def test_a_file_cut_off_anywhere_gives_the_entries_that_are_whole(tmp_path: Path) -> None:
    ends = write(tmp_path / "a", ENTRIES)
    whole = (tmp_path / "a").read_bytes()
    for size in range(len(whole) + 1):
        (tmp_path / "b").write_bytes(whole[:size])
        count = sum(end <= size for end in ends)
        assert list(entries(tmp_path / "b")) == ENTRIES[:count]


def test_a_byte_changed_anywhere_ends_the_reading_before_it(tmp_path: Path) -> None:
    ends = write(tmp_path / "a", ENTRIES)
    whole = (tmp_path / "a").read_bytes()
    for place in range(len(whole)):
        (tmp_path / "b").write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        count = sum(end <= place for end in ends)
        assert list(entries(tmp_path / "b")) == ENTRIES[:count]


def test_zeros_after_a_power_cut_are_no_entries(tmp_path: Path) -> None:
    write(tmp_path / "a", ENTRIES)
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes() + bytes(4096))
    assert list(entries(tmp_path / "a")) == ENTRIES


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The kernel refuses to let files grow larger, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_an_entry_that_does_not_fit_on_the_disk_leaves_no_trace(tmp_path: Path) -> None:
    segment = Segment(tmp_path / "a")
    segment.append(1, b"first", b"one")
    with files_of_at_most(200), pytest.raises(OSError, match="File too large"):
        segment.append(1, b"large", bytes(1000))
    segment.append(1, b"last", b"one")
    segment.close()
    assert list(entries(tmp_path / "a")) == [Entry(1, b"first", b"one"), Entry(1, b"last", b"one")]


def test_files_are_found_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    assert last_number(tmp_path) == 0
    for number in (11, 2, 9):
        Segment(segment_path(tmp_path, number)).close()
    assert segment_paths(tmp_path) == [segment_path(tmp_path, number) for number in (2, 9, 11)]
    assert last_number(tmp_path) == 11
    with pytest.raises(FileExistsError):
        Segment(segment_path(tmp_path, 11))
