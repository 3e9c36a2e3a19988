"""What all endpoints share: the store, the settings, who may do what, the counters, and the stop signal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any

from couchgrass.clock import Clock, SystemClock
from couchgrass.docdb.access import default_security
from couchgrass.docdb.config import Config, effective
from couchgrass.docdb.http.authn import Authn
from couchgrass.docdb.http.compact import AutoCompaction
from couchgrass.docdb.http.db_events import DbEvents
from couchgrass.docdb.http.settings_file import SettingsFile
from couchgrass.docdb.http.uuids import UuidSource
from couchgrass.docdb.http.view_index import Views
from couchgrass.docdb.javascript.engine import Engine
from couchgrass.docdb.mount import MountPoint
from couchgrass.docdb.settings import snapshot
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.store import Store
from couchgrass.docdb.sqlite.writer import Commit
from couchgrass.docdb.stats import Stats
from couchgrass.exposition import Family

BACKGROUND_MAX = 1000
"""Writes of ``batch=ok`` that may be under way; past it the request waits for its own."""


class Server:
    """One server. Endpoints read `settings` anew each time, so a change counts at once.

    What others in the process add: `task_sources` to ``_active_tasks``, `metric_sources` to ``_prometheus``;
    `mounts`, by the first segment of a path, which come before the server's own endpoints;
    `check_replication`, which raises BadRequest for a document that describes no replication; and
    `belongs_to`, which tells the pages at ``/_utils/`` what this server is a part of.
    """

    def __init__(
        self, store: Store, config: Config, settings_file: SettingsFile, *, clock: Clock | None = None
    ) -> None:
        self.store = store
        self.config = config
        self.settings_file = settings_file
        self.settings_turn = asyncio.Lock()
        self.settings = snapshot(effective(config))
        self.clock = clock or SystemClock()
        self.started_at = time.monotonic()
        self.stats = Stats(self.settings.stats.interval)
        self.uuids = UuidSource(self.clock)
        self.javascript = Engine()
        self.views = Views(self.javascript)
        self.authn = Authn(self)
        self.events = DbEvents(store.names())
        self.stopping: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.tasks: dict[int, dict[str, Any]] = {}
        self.task_sources: list[Callable[[], Iterable[dict[str, Any]]]] = []
        self.metric_sources: list[Callable[[], Iterable[Family]]] = []
        self.mounts: dict[str, MountPoint] = {}
        self.check_replication: Callable[[Mapping[str, Any]], None] | None = None
        self.belongs_to: Callable[[], Mapping[str, str]] = dict
        self._background: set[asyncio.Task[Any]] = set()
        store.on_event = self.events.note
        self.compaction = AutoCompaction(self)
        store.on_change = self._changed
        store.on_open = self._opened
        store.hear_commits(self._committed)

    def _changed(self, database: Database) -> None:
        """After each commit that moved a database's sequence."""
        self.stats.database_writes += 1
        self.events.note(database.name, "updated")
        self.compaction.changed(database)

    def _committed(self, commit: Commit) -> None:
        """After each commit that wrote something."""
        stats = self.stats
        stats.commits += 1
        stats.fsyncs += 1
        stats.fsync_time.observe(commit.took_ms, self.clock.monotonic())
        stats.document_inserts += commit.inserts
        stats.document_writes += commit.writes
        stats.local_document_writes += commit.local_writes

    def _opened(self, took_ms: float) -> None:
        """After a database was opened."""
        self.stats.db_open_time.observe(took_ms, self.clock.monotonic())

    def configure(self, config: Config) -> None:
        """Makes these the settings from now on. Store them first when they are to last."""
        self.config = config
        self.settings = snapshot(effective(config))
        self.authn.settings_changed()

    @property
    def data(self) -> Path:
        return self.store.folder

    def background_full(self) -> bool:
        return len(self._background) >= BACKGROUND_MAX

    def in_background(self, work: Coroutine[Any, Any, Any], failed: Callable[[BaseException], None]) -> None:
        """Runs work that nobody waits for; `close` waits for it. `failed` hears of its error."""

        def done(task: asyncio.Task[Any]) -> None:
            self._background.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                failed(error)

        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(done)

    async def begin(self) -> None:
        """Makes the system databases that are missing, as CouchDB does on a single node."""
        for name in ("_users", "_replicator"):
            if name not in self.store:
                await self.store.create(name, default_security(self.settings.couchdb.default_security))

    def stop(self) -> None:
        """Tells open feeds to end."""
        if not self.stopping.done():
            self.stopping.set_result(None)

    async def close(self) -> None:
        """Finishes what was accepted, then closes the store."""
        self.stop()
        if self._background:
            await asyncio.wait(self._background)
        self.javascript.close()
        await self.store.close()
