"""The way of activation records to the disk: journal and memory at once, SQLite in batches by a thread.

The thread takes all that waits, begins a new journal file, commits the batch, and removes the files that are
covered by it: one commit a quarter of a second, however many records. If the commit fails, everything is
back where it was and is tried again. Files that an earlier process left are read first.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import apsw
import msgspec

from couchgrass import json
from couchgrass.clock import Clock
from couchgrass.functions.activation import Status
from couchgrass.functions.store import activation_rows as rows
from couchgrass.functions.store import journal
from couchgrass.functions.store.activation_rows import Filter, Row

log = logging.getLogger("couchgrass.functions")

BYTES_WAITING_MAX: Final = 64 * 1024 * 1024
"""Records in memory that are not in the file yet: ten seconds of a full load while the disk stands still."""

GATHER_S: Final = 0.25
"""How long records gather before a commit; with the commit itself they are on the disk within a second."""

AGAIN_S: Final = 1.0
"""After a commit that failed."""

REST_S: Final = 60.0
"""When nothing is put, old records are looked for so often."""

PRUNE_CHUNKS: Final = 20
"""Chunks that are removed between two commits: more rows than can come in."""

RESTARTED: Final = "The controller was restarted while the activation was under way."

_BEGUN: Final = 0
_ENDED: Final = 1


class Mover:
    """`begin`, `put`, `row`, `snapshot` are for the event loop; `start`, `stop`, `flush` block."""

    def __init__(self, folder: Path, *, clock: Clock, keep_s: float, bytes_max: int) -> None:
        self.path = folder / "activations.sqlite"
        self.lost = 0
        self.generation = 0
        self._folder = folder
        self._clock = clock
        self._keep_s = keep_s
        self._bytes_max = bytes_max
        self._left_over = journal.segment_paths(folder)
        self._last_segment = journal.last_number(folder)
        self._is_recovered = False
        self._connection: apsw.Connection | None = None
        self._changed = threading.Condition()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._work, name="activations", daemon=True)
        # What the lock of `_changed` guards:
        self._begun: dict[str, Row] = {}
        self._ended: dict[str, Row] = {}
        self._moving: dict[str, Row] = {}
        self._bytes = 0
        self._segment: journal.Segment | None = None
        self._covered: list[Path] = []
        self._saved = 0
        self._rounds = 0
        self._rounds_done = 0
        self._stopping = False
        self._is_refused = False
        self._lost_said = 0

    # --- for the event loop ---------------------------------------------------------------------------

    def begin(self, row: Row) -> None:
        """A durable one began."""
        with self._changed:
            if self._bytes + _size(row) > BYTES_WAITING_MAX:
                return
            self._note(_BEGUN, row)
            self._begun[row.id] = row
            self._bytes += _size(row)
            self._changed.notify()

    def put(self, row: Row) -> None:
        """One ended. Never raises."""
        size = len(row.head) + len(row.tail)
        with self._changed:
            if self._bytes + size > BYTES_WAITING_MAX:
                self.lost += 1
                return
            self._note(_ENDED, row)
            self._ended[row.id] = row
            self._bytes += size
            if len(self._ended) == 1:
                self._changed.notify()

    def row(self, activation_id: str) -> Row | None:
        """One that ended and may not be in the file yet."""
        with self._changed:
            return self._ended.get(activation_id) or self._moving.get(activation_id)

    def snapshot(self, wanted: Filter) -> tuple[list[Row], int]:
        """Those that ended and are not in the file yet; the number up to which the file has the others."""
        with self._changed:
            waiting = [*self._moving.values(), *self._ended.values()]
            saved = self._saved
        return [row for row in waiting if wanted.takes(row.namespace, row.name, row.path, row.start)], saved

    def _note(self, kind: int, row: Row) -> None:
        """Into the journal. If the disk refuses, the record is in memory only till the next commit."""
        if self._segment is None:
            return
        try:
            self._segment.append(kind, row.head, row.tail)
        except OSError as refused:
            self._say_refused(refused)
            self._drop_segment()

    def _drop_segment(self) -> None:
        """Ends the journal's file. It goes with the next commit, which has all that is in it."""
        if self._segment is not None:
            self._segment.close()
            self._covered.append(self._segment.path)
            self._segment = None

    def _say_refused(self, refused: Exception) -> None:
        if not self._is_refused:
            self._is_refused = True
            log.error("%s: the disk refuses activation records, trying again: %s", self._folder, refused)

    # --- for threads ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Takes up what is there, and begins. A disk that refuses is tried again later."""
        try:
            self._saved = rows.last_number(self._opened())
        except (apsw.Error, OSError) as refused:
            self._say_refused(refused)
        self._segment = self._fresh_segment()
        self._thread.start()

    def stop(self) -> None:
        """After all that was put is in the file, or the disk refused: then the journal keeps it."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._hurry.set()
        self._thread.join()
        if self._connection is not None:
            rows.close(self._connection)
        if self._segment is not None:
            self._segment.close()
            if not self._segment.bytes:
                self._segment.path.unlink(missing_ok=True)

    def flush(self) -> None:
        """Waits for a round that takes all that was put before."""
        with self._changed:
            if not (self._begun or self._ended or self._moving):
                return
            wanted = self._rounds + (1 if self._begun or self._ended else 0)
            self._hurry.set()
            self._changed.wait_for(lambda: self._rounds_done >= wanted or self._stopping)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._is_due, timeout=REST_S)
                stopping = self._stopping
            if not stopping:
                self._hurry.wait(GATHER_S)
            self._hurry.clear()
            moved = self._round()
            if stopping:
                return
            if not moved:
                self._hurry.wait(AGAIN_S)

    def _is_due(self) -> bool:
        return bool(self._begun or self._ended or self._stopping)

    def _round(self) -> bool:
        moved = False
        try:
            moved = self._move()
            self._prune()
            self._is_refused = False
        except (apsw.Error, OSError) as refused:
            self._say_refused(refused)
            self._reopen()
        except Exception:
            log.exception("activation records were not moved")  # the edge of the thread's loop
        with self._changed:
            self._rounds_done = self._rounds
            self._changed.notify_all()
        if self.lost > self._lost_said:
            log.error("%d activation records are lost: the disk did not take them", self.lost)
            self._lost_said = self.lost
        return moved

    def _move(self) -> bool:
        fresh = self._fresh_segment()
        with self._changed:
            self._rounds += 1
            begun, self._begun = self._begun, {}
            self._moving, self._ended = self._ended, {}
            if fresh is not None:
                self._drop_segment()
                self._segment = fresh
            covered, self._covered = self._covered, []
        saved = -1
        try:
            saved = self._saved_with(begun.values(), self._moving)
        finally:
            with self._changed:
                if saved < 0:
                    self._begun = begun | self._begun
                    self._ended = self._moving | self._ended
                    self._covered = covered + self._covered
                else:
                    self._bytes -= sum(map(_size, begun.values())) + sum(map(_size, self._moving.values()))
                    self._saved = saved
                self._moving = {}
        for path in covered:
            path.unlink(missing_ok=True)
        return True

    def _saved_with(self, begun: Iterable[Row], ended: dict[str, Row]) -> int:
        """Commits rows. Returns the number of the last."""
        connection = self._opened()
        with connection:
            rows.save(connection, begun, list(ended.values()))
        return rows.last_number(connection)

    def _fresh_segment(self) -> journal.Segment | None:
        try:
            self._last_segment += 1
            return journal.Segment(journal.segment_path(self._folder, self._last_segment))
        except OSError as refused:
            self._say_refused(refused)
            return None

    def _prune(self) -> None:
        connection = self._opened()
        before = int((self._clock.now() - self._keep_s) * 1000)
        for _ in range(PRUNE_CHUNKS):
            with connection:
                more = rows.prune(connection, before=before, bytes_max=self._bytes_max)
            if not more:
                return

    # --- opening --------------------------------------------------------------------------------------

    def _opened(self) -> apsw.Connection:
        if self._connection is None:
            try:
                self._connection = rows.open_rows(self.path)
            except (apsw.NotADBError, apsw.CorruptError) as damaged:
                log.error("%s is damaged (%s): it is put aside, and begun anew", self.path, damaged)
                self._put_aside()
                self._connection = rows.open_rows(self.path)
        if not self._is_recovered:
            self._recover(self._connection)
            self._is_recovered = True
        return self._connection

    def _reopen(self) -> None:
        """A connection that failed may hold half a transaction."""
        if self._connection is not None:
            rows.leave(self._connection)
            self._connection = None

    def _put_aside(self) -> None:
        self.generation += 1
        for suffix in ("", "-wal", "-shm"):
            path = self.path.with_name(self.path.name + suffix)
            if path.exists():
                path.rename(path.with_name(f"damaged-{path.name}"))

    def _recover(self, connection: apsw.Connection) -> None:
        """What an earlier process left: its journal goes into the file, what it had begun is closed."""
        for path in self._left_over:
            replay(connection, path)
        now = int(self._clock.now() * 1000)
        ended = [
            msgspec.structs.replace(
                activation,
                end=max(now, activation.start),
                status=Status.INTERNAL_ERROR,
                result=msgspec.Raw(json.encode({"error": RESTARTED})),
            )
            for activation in rows.under_way(connection)
        ]
        with connection:
            rows.save(connection, [], [rows.pack(activation) for activation in ended])
        for path in self._left_over:
            path.unlink(missing_ok=True)
        self._left_over = []


def replay(connection: apsw.Connection, path: Path) -> None:
    """Brings the whole entries of a journal's file into the database. May be done again."""
    begun: list[Row] = []
    ended: list[Row] = []
    size = 0
    for entry in journal.entries(path):
        (begun if entry.kind == _BEGUN else ended).append(rows.repack(entry.head, entry.tail))
        size += len(entry.head) + len(entry.tail)
        if size > BYTES_WAITING_MAX // 4:
            with connection:
                rows.save(connection, begun, ended)
            begun, ended, size = [], [], 0
    with connection:
        rows.save(connection, begun, ended)


def _size(row: Row) -> int:
    return len(row.head) + len(row.tail)
