"""The way to the disk: an end of the process, or a disk that refuses for a while, loses no record."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from couchgrass.functions.activation import Activation, Status
from couchgrass.functions.store import activation_mover, journal
from couchgrass.functions.store.activation_mover import RESTARTED, Mover
from couchgrass.functions.store.activation_rows import Filter, find, open_rows, pack
from couchgrass.testing.faults import Disk, failing
from tests.functions.store.test_activation_rows import activation
from tests.functions.store.test_journal import files_of_at_most

ALL = Filter("ns")


class Stopped:
    """A clock that stands still."""

    def now(self) -> float:
        return 2.0

    def monotonic(self) -> float:
        return 0.0


def mover(folder: Path, bytes_max: int = 1 << 40) -> Mover:
    return Mover(folder, clock=Stopped(), keep_s=3600, bytes_max=bytes_max)


def stored(folder: Path) -> list[str]:
    """The ids in the file, in the order in which they came."""
    connection = open_rows(folder / "activations.sqlite")
    found = [id_ for (id_,) in connection.execute("SELECT id FROM activations ORDER BY number")]
    connection.close()
    return found


def fetched(folder: Path, activation_id: str) -> Activation:
    connection = open_rows(folder / "activations.sqlite")
    found = find(connection, "ns", activation_id)
    connection.close()
    assert found is not None
    return found


def test_records_reach_the_file_in_order_and_the_journal_goes(tmp_path: Path) -> None:
    moving = mover(tmp_path)
    moving.start()
    packed = [pack(activation(number)) for number in range(100)]
    for row in packed[:50]:
        moving.put(row)
    assert moving.snapshot(ALL) == (packed[:50], 0)
    moving.flush()
    assert moving.snapshot(ALL) == ([], 50)
    assert moving.row(packed[0].id) is None
    for row in packed[50:]:
        moving.put(row)
    moving.stop()
    assert stored(tmp_path) == [row.id for row in packed]
    assert journal.segment_paths(tmp_path) == []


def left_by_a_killed_process(folder: Path, write: Callable[[Mover], None]) -> None:
    """The files as they are when the process ends at once after `write`: its thread never gets to them."""
    moving = mover(folder)
    moving._segment = moving._fresh_segment()
    write(moving)


def test_what_a_killed_process_left_is_taken_up(tmp_path: Path) -> None:
    def write(moving: Mover) -> None:
        for number in range(3):
            moving.put(pack(activation(number)))
        for number in (3, 4):
            moving.begin(pack(activation(number, end=None, status=None)))
        moving.put(pack(activation(4)))

    left_by_a_killed_process(tmp_path, write)
    moving = mover(tmp_path)
    moving.start()
    moving.stop()
    assert stored(tmp_path) == [f"{number:032x}" for number in (0, 1, 2, 4, 3)]
    closed = fetched(tmp_path, f"{3:032x}")
    assert (closed.status, closed.end) == (Status.INTERNAL_ERROR, 2_000)
    assert RESTARTED.encode() in bytes(closed.result)
    assert fetched(tmp_path, f"{4:032x}") == activation(4, result=fetched(tmp_path, f"{4:032x}").result)
    assert journal.segment_paths(tmp_path) == []


def test_a_journal_cut_off_anywhere_gives_what_is_whole(tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()

    def write(moving: Mover) -> None:
        for number in range(3):
            moving.put(pack(activation(number)))

    left_by_a_killed_process(first, write)
    (segment,) = journal.segment_paths(first)
    whole = segment.read_bytes()
    third = len(whole) // 3
    for size in range(0, len(whole) + 1, 7):
        connection = open_rows(Path(":memory:"))
        segment.write_bytes(whole[:size])
        activation_mover.replay(connection, segment)
        assert connection.execute("SELECT count(*) FROM activations").get == size // third
        connection.close()


# Of two refusals in one call of SQLite, apsw raises one and has the other printed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_taking_up_may_be_cut_off_anywhere_and_is_done_again(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    origin.mkdir()

    def write(moving: Mover) -> None:
        moving.begin(pack(activation(0, end=None, status=None)))
        for number in range(1, 4):
            moving.put(pack(activation(number)))

    left_by_a_killed_process(origin, write)
    fail_at = 0
    while True:
        fail_at += 1
        folder = tmp_path / str(fail_at)
        shutil.copytree(origin, folder)
        with failing(Disk(fail_at, failures=10_000)) as disk:
            broken = mover(folder)
            try:
                broken._opened()
            except (apsw.Error, OSError):
                pass
            broken._reopen()
        moving = mover(folder)
        moving.start()
        moving.stop()
        assert sorted(stored(folder)) == [f"{number:032x}" for number in range(4)]
        if not disk.failed:
            break
    assert fail_at > 5


def test_while_the_disk_refuses_records_wait_and_then_all_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(activation_mover, "GATHER_S", 0.001)
    monkeypatch.setattr(activation_mover, "AGAIN_S", 0.001)
    with failing(Disk(error=apsw.FullError)) as disk:
        moving = mover(tmp_path)
        moving.start()
        disk.fail_at, disk.failures = disk.calls + 1, 1 << 60
        packed = [pack(activation(number)) for number in range(20)]
        for row in packed:
            moving.put(row)
            moving.flush()
        assert disk.failed
        assert moving.snapshot(ALL)[0] == packed
        disk.fail_at = None
        moving.stop()
    assert stored(tmp_path) == [row.id for row in packed]
    assert journal.segment_paths(tmp_path) == []
    assert moving.lost == 0
    assert len([said for said in caplog.records if said.levelno >= logging.ERROR]) == 1


def test_a_disk_that_refuses_till_the_end_leaves_the_records_in_the_journal(tmp_path: Path) -> None:
    with failing(Disk(error=apsw.FullError)) as disk:
        moving = mover(tmp_path)
        moving.start()
        disk.fail_at, disk.failures = disk.calls + 1, 1 << 60
        moving.put(pack(activation(1)))
        moving.stop()
    assert journal.segment_paths(tmp_path)
    again = mover(tmp_path)
    again.start()
    again.stop()
    assert stored(tmp_path) == [f"{1:032x}"]


def test_a_disk_that_is_full_at_the_start_is_tried_again(tmp_path: Path) -> None:
    left_by_a_killed_process(tmp_path, lambda moving: moving.put(pack(activation(1))))
    with failing(Disk(1, failures=1 << 60, error=apsw.FullError)) as disk:
        moving = mover(tmp_path)
        moving.start()
        moving.put(pack(activation(2)))
        moving.flush()
        disk.fail_at = None
        moving.stop()
    assert stored(tmp_path) == [f"{1:032x}", f"{2:032x}"]


def test_past_the_bound_records_are_lost_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    row = pack(activation(1))
    monkeypatch.setattr(activation_mover, "BYTES_WAITING_MAX", 2 * (len(row.head) + len(row.tail)))
    monkeypatch.setattr(activation_mover, "GATHER_S", 30)
    moving = mover(tmp_path)
    moving.start()
    for number in range(1, 6):
        moving.put(pack(activation(number)))
    assert moving.lost == 3
    moving.flush()
    moving.put(pack(activation(9)))
    moving.stop()
    assert stored(tmp_path) == [f"{number:032x}" for number in (1, 2, 9)]
    assert "3 activation records are lost" in caplog.text


def test_a_journal_that_can_not_be_written_costs_nothing_while_the_process_lives(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    moving = mover(tmp_path)
    moving.start()
    large = pack(activation(1, logs=("x" * 100_000,)))
    with files_of_at_most(10_000):
        moving.put(large)
    moving.put(pack(activation(2)))
    moving.stop()
    assert stored(tmp_path) == [f"{1:032x}", f"{2:032x}"]
    assert "refuses" in caplog.text


def test_a_damaged_file_is_put_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "activations.sqlite").write_bytes(b"not a database" * 1000)
    moving = mover(tmp_path)
    moving.start()
    moving.put(pack(activation(1)))
    moving.stop()
    assert stored(tmp_path) == [f"{1:032x}"]
    assert (tmp_path / "damaged-activations.sqlite").exists()
    assert "damaged" in caplog.text


def test_a_file_over_its_bound_loses_the_oldest(tmp_path: Path) -> None:
    moving = mover(tmp_path, bytes_max=8 << 20)
    moving.start()
    for number in range(2_000):
        moving.put(pack(activation(number, logs=("x" * 10_000,))))
    moving.stop()
    kept = stored(tmp_path)
    assert 0 < len(kept) < 2_000
    assert kept[-1] == f"{1_999:032x}"
