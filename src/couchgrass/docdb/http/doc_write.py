"""Writing documents: from decoded JSON to an operation in the writer's queue, and its answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from couchgrass.docdb import attachment as att
from couchgrass.docdb.attachment import Follows, Inline, Ready
from couchgrass.docdb.document import Edit, is_local, parse_document
from couchgrass.docdb.http import design
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import Headers, Response, json_response
from couchgrass.docdb.rev import Rev
from couchgrass.docdb.sqlite.edits import Outcome, Write, write_many, write_one
from couchgrass.errors import BadRequest, CouchgrassError, IllegalDocId

log = logging.getLogger("couchgrass.http")

THREAD_BYTES_MIN = 32 * 1024
"""Attachments from this size on are compressed and hashed on a thread, off the event loop."""


def parse_edit(request: Request, doc: Any, doc_id: str | None = None) -> Edit:
    """A decoded document to an Edit within this server's limits."""
    limits = request.server.settings.couchdb
    edit = parse_document(doc, doc_id, bytes_max=limits.max_document_size)
    id_bytes_max = limits.max_document_id_length
    if id_bytes_max is not None and len(edit.id.encode()) > id_bytes_max > 0:
        raise IllegalDocId("Document id is too long")
    return edit


async def ready(request: Request, edit: Edit) -> dict[str, Ready] | None:
    """The edit's attachments with inline bytes compressed and hashed. Raises BadRequest, TooLarge."""
    if edit.attachments is None:
        return None
    incoming = att.parse_incoming(edit.attachments)
    edit.attachments = None
    settings = request.server.settings
    made: dict[str, Ready] = {}
    for name, one in incoming.items():
        if isinstance(one, Follows):
            raise BadRequest(f"Attachment {name} is to follow, but the request is not multipart/related")
        if not isinstance(one, Inline):
            made[name] = one
            continue
        if settings.couchdb.max_attachment_size is not None:
            att.check_size(name, len(one.data), settings.couchdb.max_attachment_size)
        made[name] = await _made_ready(request, one)
    return made


async def _made_ready(request: Request, inline: Inline) -> att.Fresh:
    settings = request.server.settings.attachments

    def make() -> att.Fresh:
        return att.make_ready(
            inline, patterns=", ".join(settings.compressible_types), level=settings.compression_level
        )

    if len(inline.data) < THREAD_BYTES_MIN:
        return make()
    return await asyncio.get_running_loop().run_in_executor(None, make)


def check_revs(edit: Edit, *, new_edits: bool) -> None:
    """Raises BadRequest for a replicated document that does not say which revision it is."""
    if new_edits:
        return
    if not edit.ids:
        raise BadRequest("When `new_edits: false`, the document needs `_rev` or `_revisions` specified")
    if edit.pos < len(edit.ids) and not is_local(edit.id):
        raise BadRequest("Revisions count from 1")


async def _refused(
    request: Request, writes: Sequence[Write], *, new_edits: bool
) -> Mapping[int, CouchgrassError]:
    """What may not be written, by its place: the caller's rights first, then the design documents' say."""
    refused = await request.server.authn.before_write(request, writes, new_edits=new_edits)
    return await design.before_write(request, writes, refused, new_edits=new_edits)


async def store_one(request: Request, write: Write, *, new_edits: bool) -> Rev:
    """Writes one document; returns when it is on the disk."""
    refused = await _refused(request, [write], new_edits=new_edits)
    if refused:
        raise refused[0]
    return await request.db.submit(
        write_one(write, new_edits=new_edits, revs_limit=request.db.about.revs_limit)
    )


async def store_later(request: Request, write: Write, *, new_edits: bool) -> Response:
    """``batch=ok``: answers at once; the write is queued, and an error only logged."""
    edit = write.edit
    if request.server.background_full():
        await store_one(request, write, new_edits=new_edits)
    else:
        database = request.db
        database.users += 1  # it has to stay open for longer than the request

        async def work() -> None:
            try:
                await store_one(request, write, new_edits=new_edits)
            finally:
                database.users -= 1

        def failed(error: BaseException) -> None:
            reason = error.reason if isinstance(error, CouchgrassError) else type(error).__name__
            log.warning("batch write of %r failed: %s", edit.id, reason)

        request.server.in_background(work(), failed)
    return json_response({"ok": True, "id": edit.id}, 202)


async def store_many(request: Request, writes: Sequence[Write], *, new_edits: bool) -> list[Outcome]:
    """Writes documents, each on its own; returns when all are on the disk."""
    refused = await _refused(request, writes, new_edits=new_edits)
    allowed = [write for at, write in enumerate(writes) if at not in refused] if refused else writes
    outcomes = await request.db.submit(
        write_many(allowed, new_edits=new_edits, revs_limit=request.db.about.revs_limit)
    )
    if not refused:
        return outcomes
    stored = iter(outcomes)
    return [refused[at] if at in refused else next(stored) for at in range(len(writes))]


def written(doc_id: str, rev: Rev, status: int, headers: Headers = ()) -> Response:
    """``{"ok":true,"id":…,"rev":…}``."""
    return json_response({"ok": True, "id": doc_id, "rev": str(rev)}, status, headers)
