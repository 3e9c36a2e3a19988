"""A disk that fails on purpose: SQLite on a file system whose Nth write, sync or truncate is refused.

For walks over all failure points: fail the Nth call, N = 1, 2, … until a run ends without a failure,
and look after each whether the data is whole.

A sync that is not refused is not waited for: no test of this process outlives a power cut, and walks and
properties that open hundreds of databases would do little else than wait for the disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import apsw

_BASE = "unix"
"""SQLite's own file system, which the failing one stands before."""

_OURS = "failing-"


class Disk:
    """Counts what SQLite asks of the disk; from call `fail_at` on, `failures` calls are refused."""

    def __init__(
        self, fail_at: int | None = None, *, failures: int = 1, error: type[Exception] = apsw.IOError
    ) -> None:
        self.fail_at = fail_at
        self.failures = failures
        self.error = error
        self.calls = 0
        self.failed = 0

    def call(self) -> None:
        """One write, sync or truncate."""
        self.calls += 1
        if self.fail_at is not None and self.fail_at <= self.calls < self.fail_at + self.failures:
            self.failed += 1
            raise self.error(f"disk call {self.calls} refused")


class _FailingFile(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: Any) -> None:
        super().__init__(_BASE, name, flags)
        self._disk = disk

    def xWrite(self, data: Any, offset: int) -> None:
        self._disk.call()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self._disk.call()

    def xTruncate(self, newsize: int) -> None:
        self._disk.call()
        super().xTruncate(newsize)


class _FailingDisk(apsw.VFS):
    def __init__(self, name: str, disk: Disk) -> None:
        super().__init__(name, _BASE)
        self.name = name
        self._disk = disk

    def xOpen(self, name: Any, flags: Any) -> apsw.VFSFile:
        return _FailingFile(self._disk, name, flags)


@contextmanager
def failing(disk: Disk) -> Iterator[Disk]:
    """SQLite files that are opened inside the block lie on this disk, and are closed by its end."""
    shim = _FailingDisk(f"{_OURS}{id(disk)}", disk)
    try:
        with _default(shim.name):
            yield disk
    finally:
        shim.unregister()


@contextmanager
def unsynced() -> Iterator[None]:
    """SQLite files that are opened inside the block lie on a disk that never fails and is never waited for.
    Inside of `failing` that one stays."""
    if apsw.vfs_names()[0].startswith(_OURS):  # the first is the default
        yield
        return
    with _default(_never_waited_for().name):
        yield


@cache
def _never_waited_for() -> _FailingDisk:
    """One for the whole process: a file may be closed only after the block."""
    return _FailingDisk(f"{_OURS}never", Disk())


@contextmanager
def _default(name: str) -> Iterator[None]:
    before = apsw.vfs_names()[0]
    apsw.set_default_vfs(name)
    try:
        yield
    finally:
        apsw.set_default_vfs(before)
