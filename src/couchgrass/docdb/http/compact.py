"""POST /db/_compact, and compaction that starts by itself.

Specification: ``chttpd_db:handle_compact_req``; ``smoosh`` for the automatic start; for a running one's
entry in ``_active_tasks`` ``couch_bt_engine_compactor``, but the phases are our own.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from couchgrass.docdb.http.doc_read import open_doc
from couchgrass.docdb.http.request import Request, unquoted
from couchgrass.docdb.http.response import Answer, json_response
from couchgrass.docdb.sqlite.compaction import compact, is_worthwhile
from couchgrass.docdb.sqlite.database import Database
from couchgrass.errors import CouchgrassError, NotFound

if TYPE_CHECKING:
    from couchgrass.docdb.http.server import Server

log = logging.getLogger("couchgrass.docdb")

LOOK_S = 5.0
"""How long after a change a database is looked at: often enough, and cheap however much is written."""


async def post_compact(request: Request) -> Answer:
    """Starts a compaction and answers 202; so too when one runs already."""
    request.require_json_type()
    if len(request.path) > 2:
        # Views are not built yet, so there is nothing to compact of them.
        open_doc(request.db.reader, "_design/" + unquoted(request.path[2]), None)
    else:
        start_compaction(request.server, request.db)
    return json_response({"ok": True}, 202)


def start_compaction(server: Server, db: Database) -> bool:
    """Compacts in the background. False when that is under way already, or the server stops."""
    if db.compacting or db.closed or server.stopping.done():
        return False
    db.compacting = True

    def failed(error: BaseException) -> None:
        reason = error.reason if isinstance(error, CouchgrassError) else type(error).__name__
        log.error("compaction of %s failed: %s", db.name, reason)

    server.in_background(_compact(server, db), failed)
    return True


async def _compact(server: Server, db: Database) -> None:
    number = max(server.tasks, default=0) + 1
    began = int(server.clock.now())
    entry: dict[str, Any] = {
        "changes_done": 0,
        "database": db.name,
        "phase": "",
        "pid": f"<0.{number}.0>",
        "process_status": "running",
        "progress": 0,
        "started_on": began,
        "total_changes": 0,
        "type": "database_compaction",
        "updated_on": began,
    }
    server.tasks[number] = entry

    def report(phase: str, done: int, total: int) -> bool:
        entry.update(
            phase=phase,
            changes_done=done,
            total_changes=total,
            progress=100 * done // total if total else 100,
            updated_on=int(server.clock.now()),
        )
        return not server.stopping.done()

    try:
        await compact(db, report)
    except NotFound:
        pass  # deleted meanwhile: there is nothing left to compact
    finally:
        db.compacting = False
        del server.tasks[number]


class AutoCompaction:
    """Compacts a database that has changed and is worth it. Hand `changed` to every commit."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._to_look_at: WeakSet[Database] = WeakSet()

    def changed(self, db: Database) -> None:
        """Has the database looked at soon. Cheap when it was to be looked at anyway."""
        if db not in self._to_look_at and not self._server.stopping.done():
            self._to_look_at.add(db)
            asyncio.get_running_loop().call_later(LOOK_S, self.look, db)

    def look(self, db: Database) -> None:
        """Starts a compaction if it is worthwhile now."""
        self._to_look_at.discard(db)
        if not db.closed and not db.compacting and is_worthwhile(db.reader):
            start_compaction(self._server, db)
