"""The state file is there while a region runs, and a left-over one is known as old."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from couchgrass.region.config import Region
from couchgrass.region.places import STATE
from couchgrass.region.restart import Phase
from couchgrass.region.run.state_file import (
    FolderTaken,
    Hold,
    Kept,
    RegionState,
    Seen,
    holder,
    is_held,
    read_state,
    remove_state,
    state_of,
    write_state,
)

STATE_NOW = RegionState(
    "local", "/r.toml", 7, 1.5, "http://d", {"database": Seen(Phase.READY, 2.5, 8, "http://d", 3)}
)


def test_it_is_read_as_it_was_written_while_the_folder_is_held(tmp_path: Path) -> None:
    hold = Hold(tmp_path / "data")
    assert read_state(tmp_path / "data") is None
    write_state(tmp_path / "data", STATE_NOW)
    assert (tmp_path / "data" / STATE).stat().st_mode & 0o777 == 0o600
    assert read_state(tmp_path / "data") == STATE_NOW
    hold.close()
    assert read_state(tmp_path / "data") is None
    assert not is_held(tmp_path / "data")


def test_a_folder_of_the_same_name_on_another_machine_is_another_region(tmp_path: Path) -> None:
    hold = Hold(tmp_path)
    write_state(tmp_path, STATE_NOW)
    assert state_of(Region(name="local", data=str(tmp_path))) == STATE_NOW
    assert state_of(Region(name="dallas", data=str(tmp_path))) is None
    hold.close()
    assert state_of(Region(name="local", data=str(tmp_path))) is None


def test_a_held_folder_is_refused_and_looking_does_not_take_it(tmp_path: Path) -> None:
    hold = Hold(tmp_path)
    with pytest.raises(FolderTaken, match="in use by another region"):
        Hold(tmp_path)
    assert is_held(tmp_path)
    hold.close()
    assert not is_held(tmp_path)
    Hold(tmp_path).close()


def test_what_a_killed_region_left_is_not_taken_for_what_runs_now(tmp_path: Path) -> None:
    killed = Hold(tmp_path)
    write_state(tmp_path, STATE_NOW)
    killed.close()
    hold = Hold(tmp_path)
    assert read_state(tmp_path) is None
    hold.close()


def test_a_folder_with_something_in_the_states_place_is_refused_and_let_go(tmp_path: Path) -> None:
    (tmp_path / STATE).mkdir()
    with pytest.raises(FolderTaken, match="can't be used: Is a directory"):
        Hold(tmp_path)
    assert not is_held(tmp_path)


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderTaken, match=r"file/data can't be used: Not a directory"):
        Hold(tmp_path / "file" / "data")


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    hold = Hold(tmp_path)
    (tmp_path / STATE).write_text("{")
    with pytest.raises(FolderTaken, match=STATE):
        read_state(tmp_path)
    remove_state(tmp_path)
    remove_state(tmp_path)
    assert read_state(tmp_path) is None
    hold.close()


def test_a_folder_that_is_not_there_is_not_held(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "none")


def test_the_holder_is_known_without_a_state(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    hold = Hold(tmp_path)
    assert holder(tmp_path) == os.getpid()
    hold.close()
    assert holder(tmp_path) is None


def test_two_kinds_of_supervisors_may_share_a_folder(tmp_path: Path) -> None:
    kept = Kept("up.json", "up.lock", "is in use: end what runs there")
    region, above = Hold(tmp_path), Hold(tmp_path, kept)
    with pytest.raises(FolderTaken, match="is in use: end what runs there"):
        Hold(tmp_path, kept)
    assert is_held(tmp_path, kept)
    above.close()
    assert not is_held(tmp_path, kept)
    assert is_held(tmp_path)
    region.close()
