"""A database's file: what is ours is opened, what is not is refused with a clear word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from couchgrass.docdb.sqlite.schema import (
    APPLICATION_ID,
    MIGRATIONS,
    Damaged,
    UnknownFormat,
    close,
    leave,
    open_reader,
    open_writer,
    refused,
)
from couchgrass.errors import CouchgrassError, StorageFull

Spoil = Callable[[Path], object]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of an empty database."""
    path = tmp_path / "data.sqlite"
    close(open_writer(path, create=True))
    return path


def written(path: Path, pragma: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(pragma)
    connection.close()


def test_a_new_file_is_marked_as_ours_and_has_the_newest_format(path: Path) -> None:
    connection = open_reader(path)
    assert connection.pragma("application_id") == APPLICATION_ID
    assert connection.pragma("user_version") == len(MIGRATIONS)
    connection.close()


def test_a_commit_is_on_the_disk_before_it_returns(path: Path) -> None:
    connection = open_writer(path)
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("synchronous") == 2
    connection.close()


def test_a_reader_can_not_write(path: Path) -> None:
    connection = open_reader(path)
    with pytest.raises(apsw.ReadOnlyError):
        connection.execute("DELETE FROM docs")
    connection.close()


@pytest.mark.parametrize("open_file", [open_reader, open_writer])
@pytest.mark.parametrize(
    ("pragma", "reason"),
    [
        (f"PRAGMA user_version={len(MIGRATIONS) + 1}", f"has format {len(MIGRATIONS) + 1}, this couchgrass"),
        ("PRAGMA application_id=17", "is not one of couchgrass's"),
    ],
)
def test_a_file_that_is_newer_or_not_ours_is_refused_and_kept(
    path: Path, open_file: Callable[[Path], apsw.Connection], pragma: str, reason: str
) -> None:
    written(path, pragma)
    before = path.read_bytes()
    with pytest.raises(UnknownFormat, match=reason):
        open_file(path)
    assert path.read_bytes() == before


SPOILED: dict[str, Spoil] = {
    "garbage": lambda path: path.write_bytes(b"garbage " * 8192),
    "a header alone": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "nothing there": lambda path: path.unlink(),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_a_file_that_is_no_database_is_called_damaged(path: Path, spoil: Spoil) -> None:
    spoil(path)
    with pytest.raises(Damaged) as damaged:
        open_reader(path)
    assert damaged.value.error == "storage_error"
    assert damaged.value.reason.startswith("The file of this database can't be read (")
    assert str(path) not in damaged.value.reason


def test_a_log_without_its_file_makes_no_database(path: Path) -> None:
    connection = open_writer(path)
    connection.execute("INSERT INTO meta VALUES('a',1)")
    path.unlink()
    with pytest.raises(Damaged):
        open_reader(path)
    assert not path.exists()
    connection.close()


def test_the_last_connection_folds_the_log_into_the_file_unless_it_only_leaves(path: Path) -> None:
    log = path.with_name("data.sqlite-wal")
    for ending, log_stays in ((leave, True), (close, False)):
        connection = open_writer(path)
        connection.execute("INSERT OR REPLACE INTO meta VALUES('a',1)")
        ending(connection)
        # The emptied file stays, so that the database can be opened while the disk is full.
        assert (log.stat().st_size > 0) is log_stays
    connection = open_reader(path)
    assert connection.execute("SELECT value FROM meta WHERE key='a'").fetchone() == (1,)
    connection.close()


@pytest.mark.parametrize(
    ("broken", "kind", "reason"),
    [
        (apsw.FullError(), StorageFull, "The disk is full"),
        (OSError(28, "No space left on device"), StorageFull, "The disk is full"),
        (OSError(122, "Disk quota exceeded"), StorageFull, "The disk is full"),
        (OSError(30, "Read-only file system"), CouchgrassError, "refused the write: Read-only file system"),
        (apsw.CorruptError("page 7"), CouchgrassError, "refused the write: CorruptError"),
    ],
)
def test_what_the_storage_refuses_is_told_to_the_caller(
    broken: OSError | apsw.Error, kind: type[CouchgrassError], reason: str
) -> None:
    error = refused(broken)
    assert type(error) is kind
    assert reason in error.reason
    assert error.error == ("insufficient_storage" if kind is StorageFull else "storage_error")
