"""A log that does not grow without end."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from couchgrass.topology.run.journal import TAIL_LINES, Journal


def test_it_goes_on_where_it_was_and_is_the_owner_s_alone(tmp_path: Path) -> None:
    for text in ("one\n", "two\n"):
        journal = Journal(tmp_path / "up.log")
        journal.write(text)
        journal.close()
    assert (tmp_path / "up.log").read_text() == "one\ntwo\n"
    assert (tmp_path / "up.log").stat().st_mode & 0o777 == 0o600


def test_a_large_one_is_put_aside_and_of_those_there_is_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "up.log", bytes_max=10)
    for number in range(7):
        journal.write(f"line {number}\n")
    journal.close()
    assert (tmp_path / "up.log").read_text() == "line 6\n"
    assert (tmp_path / "up.log.1").read_text() == "line 4\nline 5\n"
    assert len(list(tmp_path.iterdir())) == 2


def test_the_last_lines_are_those_of_this_run(tmp_path: Path) -> None:
    (tmp_path / "up.log").write_text("before\n")
    journal = Journal(tmp_path / "up.log")
    for number in range(TAIL_LINES + 5):
        journal.write(f"{number}\n")
    assert journal.last(2) == [str(TAIL_LINES + 3), str(TAIL_LINES + 4)]
    assert len(journal.last(10_000)) == TAIL_LINES
    journal.close()


def test_a_log_that_can_not_be_put_aside_goes_on(tmp_path: Path) -> None:
    (tmp_path / "up.log.1").mkdir()
    journal = Journal(tmp_path / "up.log", bytes_max=10)
    for number in range(3):
        with contextlib.suppress(OSError):
            journal.write(f"line {number}\n")
    journal.close()
    assert (tmp_path / "up.log").read_text() == "line 0\nline 1\nline 2\n"


def test_a_link_in_its_place_is_not_written_through(tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.touch()
    (tmp_path / "up.log").symlink_to(others)
    with pytest.raises(OSError, match=r"up\.log"):
        Journal(tmp_path / "up.log")
