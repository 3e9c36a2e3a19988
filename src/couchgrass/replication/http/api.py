"""What the server answers about replications: ``_replicate`` and ``_scheduler``.

    POST /_replicate                            a replication, once or from now on; or its cancellation
    GET  /_scheduler/jobs[/ID]                  what runs and what waits
    GET  /_scheduler/docs[/DB[/DOC]]            each document that asks for a replication, and its outcome
    POST /_scheduler/jobs/ID/_retry             tries the dead letters of a job again, and a job that waits
    POST /_scheduler/docs/DB/DOC/_retry         the same by document

The last two are ours, and may name `doc_ids`: then only their letters are tried, but all of a job that does
not run now. Ours are also `dead_letters_list` in the answer about one document or job, and the members
that `replication.status` says. Specification: CouchDB 3.5 ``couch_replicator_httpd``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from couchgrass.docdb.access import ADMIN_ROLE, check_server_admin
from couchgrass.docdb.mount import Call, Told
from couchgrass.docdb.replicator_doc import REPLICATOR, is_replicator_db
from couchgrass.errors import (
    BadRequest,
    CouchgrassError,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    ServiceUnavailable,
)
from couchgrass.replication import checkpoint
from couchgrass.replication.deadletter import Letter
from couchgrass.replication.identity import RepId
from couchgrass.replication.run.documents import Documents
from couchgrass.replication.run.job import Job, Origin
from couchgrass.replication.run.replicator import TRANSIENT_MAX, TRANSIENT_MAX_OF_USER, Replicator
from couchgrass.replication.run.views import document_views, entry_view, job_view
from couchgrass.replication.spec import Replication, check_query_params, parse
from couchgrass.replication.status import doc_row, iso8601, job_row, paged, parse_states

LETTERS_SHOWN = 1000


class Api:
    """The two mounts of one server."""

    def __init__(self, replicator: Replicator, documents: Documents, node: str) -> None:
        self._replicator = replicator
        self._documents = documents
        self._node = node

    # --- _replicate --------------------------------------------------------------------------------

    async def replicate(self, call: Call) -> Told:
        """400 for what can't be understood; what fails later is 500 with the error's own name."""
        if call.path:
            raise NotFound("missing")
        if call.method != "POST":
            raise MethodNotAllowed("POST")
        if not isinstance(call.body, dict):
            raise BadRequest("Request body must be a JSON object")
        wanted = parse(call.body, self._replicator.config().defaults)
        check_query_params(call.body)
        if wanted.cancel and wanted.rep_id is not None:
            return await self._cancel(call, wanted.rep_id)
        try:
            code = await self._replicator.filter_code(wanted, call.ctx)
        except CouchgrassError as failed:
            return _failed(failed)
        rep_id = self._replicator.identify(wanted, call.ctx, code)
        if wanted.cancel:
            return await self._cancel(call, str(rep_id))
        return await self._start(call, rep_id, wanted)

    async def _start(self, call: Call, rep_id: RepId, wanted: Replication) -> Told:
        job = self._replicator.jobs.get(str(rep_id))
        if job is None:
            self._check_room(call)
            job = self._replicator.add(rep_id, wanted, Origin(user=call.ctx.name), call.ctx)
        elif job.origin.user != call.ctx.name and ADMIN_ROLE not in call.ctx.roles:
            raise Forbidden("Somebody else asked for this replication")
        if wanted.continuous:
            return Told(202, {"ok": True, "_local_id": job.key})
        return await self._wait(job, wanted)

    def _check_room(self, call: Call) -> None:
        """Raises ServiceUnavailable while as many replications as may be are under way."""
        jobs, most = self._replicator.transient(), TRANSIENT_MAX
        if ADMIN_ROLE not in call.ctx.roles and len(jobs) < most:
            jobs = [job for job in jobs if job.origin.user == call.ctx.name]
            most = TRANSIENT_MAX_OF_USER
        if len(jobs) >= most:
            raise ServiceUnavailable(f"{most} replications are under way already: try later")

    async def _wait(self, job: Job, wanted: Replication) -> Told:
        """Until a job that runs once is done. It goes on when nobody waits any more."""
        try:
            await asyncio.shield(job.ended)
        except asyncio.CancelledError:
            if not job.ended.cancelled():
                raise
            return Told(500, {"error": "cancelled", "reason": "The replication was cancelled"})
        except CouchgrassError as failed:
            return _failed(failed)
        assert job.run is not None
        checkpoints = job.run.checkpoints
        answer = checkpoint.reply(
            checkpoints.newest,
            no_changes=not checkpoints.wrote,
            use_checkpoints=wanted.use_checkpoints,
            doc_ids=wanted.filter.doc_ids is not None,
        )
        return Told(200, answer)

    async def _cancel(self, call: Call, rep_id: str) -> Told:
        job = self._replicator.jobs.get(rep_id)
        if job is None or not job.origin.is_transient:
            return Told(404, {"error": "not found"})
        if job.origin.user != call.ctx.name:
            check_server_admin(call.ctx)
        await self._replicator.remove(job)
        return Told(200, {"ok": True, "_local_id": job.key})

    # --- _scheduler --------------------------------------------------------------------------------

    async def scheduler(self, call: Call) -> Told:
        """Everything below ``/_scheduler``."""
        path = list(call.path)
        retry = path[-1:] == ["_retry"]
        if retry:
            if call.method != "POST":
                raise MethodNotAllowed("POST")
            path.pop()
        elif call.method != "GET":
            raise MethodNotAllowed("GET", "HEAD")
        if path[:1] == ["jobs"] and len(path) in ((2,) if retry else (1, 2)):
            return self._retry(call, self._job(path[1])) if retry else self._jobs(call, path[1:])
        if path[:1] == ["docs"]:
            database, doc_id = _document(path[1:])
            if doc_id is None:
                if retry:
                    raise MethodNotAllowed("GET", "HEAD")
                return self._docs(call, database)
            if retry:
                return await self._retry_document(call, database, doc_id)
            return self._doc(database, doc_id)
        return Told(404, {"error": "not found"})

    def _job(self, key: str) -> Job:
        job = self._replicator.jobs.get(key.replace(" ", "+"))
        if job is None:
            raise NotFound("missing")
        return job

    def _jobs(self, call: Call, path: Sequence[str]) -> Told:
        if path:
            job = self._job(path[0])
            return Told(200, {**job_row(job_view(job), self._node), "dead_letters_list": _letters(job)})
        jobs = sorted(
            (job for job in self._replicator.jobs.values() if not job.ended.done()), key=lambda job: job.key
        )
        rows = [job_row(job_view(job), self._node) for job in jobs]
        query = call.query
        return Told(200, paged(rows, member="jobs", limit=query.get("limit"), skip=query.get("skip")))

    def _docs(self, call: Call, database: str | None) -> Told:
        states = parse_states(call.query.get("states"))
        rows = [
            doc_row(view, self._node)
            for view in document_views(self._replicator, self._documents)
            if view.state in states and (database is None or view.database == database)
        ]
        query = call.query
        page = paged(
            rows, member="docs", limit=query.get("limit"), skip=query.get("skip"), default_limit=None
        )
        return Told(200, page)

    def _doc(self, database: str, doc_id: str) -> Told:
        entry = self._documents.entries.get((database, doc_id))
        if entry is None:
            raise NotFound("missing")
        job = self._replicator.by_document(database, doc_id)
        row = doc_row(entry_view(entry, job), self._node)
        return Told(
            200, {**row, "dead_letters_list": _shown(entry.letters) if job is None else _letters(job)}
        )

    async def _retry_document(self, call: Call, database: str, doc_id: str) -> Told:
        """A job that is over, and left something, is done once more: it begins with what was refused."""
        entry = self._documents.entries.get((database, doc_id))
        if entry is None:
            raise NotFound("missing")
        job = self._replicator.by_document(database, doc_id)
        if job is not None:
            return self._retry(call, job)
        if not entry.letters:
            raise NotFound("The document has no job that runs")
        await self._documents.again(database, doc_id)
        return Told(202, {"ok": True, "dead_letters": entry.dead_letters})

    def _retry(self, call: Call, job: Job) -> Told:
        only = _asked_ids(call.body)
        job.retry_letters(only)
        letters = job.letters.letters()
        tried = letters if only is None else [letter for letter in letters if letter.id in only]
        return Told(202, {"ok": True, "dead_letters": len(tried)})


def _failed(why: CouchgrassError) -> Told:
    return Told(500, {"error": why.error, "reason": why.reason})


def _asked_ids(body: Any) -> frozenset[str] | None:
    """The `doc_ids` of a retry; None when it names none, which means all. Raises BadRequest."""
    ids = body.get("doc_ids") if isinstance(body, dict) else None
    if ids is None:
        return None
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise BadRequest("`doc_ids` must be an array of strings")
    return frozenset(ids)


def _document(path: Sequence[str]) -> tuple[str, str | None]:
    """Database and document id of a path, whether or not the slash in the database's name was encoded."""
    if not path:
        return REPLICATOR, None
    if is_replicator_db(path[0]) and len(path) <= 2:
        return path[0], path[1] if len(path) == 2 else None
    if REPLICATOR in path[1:]:
        at = path.index(REPLICATOR, 1)
        if len(path) - at <= 2:
            return "/".join(path[: at + 1]), path[at + 1] if len(path) - at == 2 else None
    raise BadRequest("Invalid path")


def _letters(job: Job) -> list[dict[str, Any]]:
    return _shown(job.letters.letters())


def _shown(letters: Sequence[Letter]) -> list[dict[str, Any]]:
    return [letter.shown(iso8601(letter.time)) for letter in letters[:LETTERS_SHOWN]]
