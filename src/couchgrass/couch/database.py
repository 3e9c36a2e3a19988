"""A database of any CouchDB, over any `Transport`: what speaks `Peer` to the world.

Requests whose answer did not come whole are repeated a few times, since all are idempotent. A peer without
``_bulk_get`` is asked for each document on its own.
Specification: CouchDB's replication protocol, and its API reference for each endpoint.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from couchgrass import json
from couchgrass.couch import attached, feed
from couchgrass.couch.answers import decoded, decoded_object, refusal
from couchgrass.couch.transport import Body, Query, Transport, whole
from couchgrass.couch.unpacked import is_packed, unpacked
from couchgrass.docdb.feed_filter import Filter
from couchgrass.docdb.wire import (
    Changes,
    FeedEvent,
    Fetched,
    Info,
    Missing,
    NotThere,
    Opened,
    Refusal,
    Seq,
    Wanted,
)
from couchgrass.errors import (
    CouchgrassError,
    FileExists,
    NotFound,
    PeerLost,
    TooLarge,
)

T = TypeVar("T")

ANSWER_BYTES_MAX = 16 * 1024 * 1024
"""What is held of an answer about several documents; past it fewer are asked for."""

DOCUMENT_BYTES_MAX = 128 * 1024 * 1024
"""What is held of one document without its attachments."""

GREETING_BYTES_MAX = 64 * 1024

OK = 200

RETRY_S = 0.25
"""The first pause before a request is repeated; each further one is twice as long."""

BEATS = 3
"""How often a server that looks for rows of a page is to say so within the time that it may be silent."""

SINGLE_AT_ONCE = 8
"""Documents asked for at a time where there is no ``_bulk_get``."""

NO_BULK_GET = frozenset({400, 404, 405, 501})
"""How peers answer ``_bulk_get`` that do not know it."""

_JSON = {"content-type": "application/json"}


class _Ok(msgspec.Struct, gc=False):
    ok: msgspec.Raw = msgspec.Raw(b"")
    error: Any = None


class _Result(msgspec.Struct, gc=False):
    id: str
    docs: list[_Ok]


class _BulkGet(msgspec.Struct, gc=False):
    results: list[_Result]


class _Revisions(msgspec.Struct, gc=False):
    start: int = 0
    ids: list[str] = []


class _Named(msgspec.Struct, gc=False):
    """The members of a document that tell what it is."""

    rev: str = msgspec.field(name="_rev")
    revisions: _Revisions = msgspec.field(name="_revisions", default_factory=_Revisions)
    attachments: dict[str, msgspec.Raw] = msgspec.field(name="_attachments", default={})


class _Info(msgspec.Struct):
    update_seq: msgspec.Raw = msgspec.Raw(b"0")
    instance_start_time: Any = "0"


def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(kind)


_changes = _decoder(Changes)
_bulk_get = _decoder(_BulkGet)
_named = _decoder(_Named)
_info = _decoder(_Info)
_missing = msgspec.json.Decoder(dict[str, Missing])


class CouchDatabase:
    """One database. A request is repeated `retries` times, first after `retry_s`; at most `connections` run
    at a time, not counting feeds and attachments; an answer may pause for `idle_s`. `bulk_turns` are taken by
    requests with many documents, and may be shared with other databases of the same server.
    """

    def __init__(
        self,
        transport: Transport,
        database: str,
        *,
        retries: int = 5,
        retry_s: float = RETRY_S,
        connections: int = 20,
        bulk_get: bool = True,
        idle_s: float = 60.0,
        bulk_turns: asyncio.Semaphore | None = None,
    ) -> None:
        self.name = f"{transport.name}/{quote(database, safe='')}" if transport.name else database
        self._transport = transport
        self.path = "/" + quote(database, safe="")
        self._retries = retries
        self._retry_s = retry_s
        self._has_bulk_get = bulk_get
        self._takes_packed: bool | None = None
        self._idle_s = idle_s
        self._turns = asyncio.Semaphore(connections)
        self._bulk_turns = bulk_turns or asyncio.Semaphore(connections)

    async def _ask(
        self,
        method: str,
        path: str,
        body: Body = None,
        *,
        query: Query = (),
        bytes_max: int = ANSWER_BYTES_MAX,
        is_bulk: bool = False,
    ) -> bytes:
        """One request, repeated while its answer does not come. Raises what the peer refuses it with."""
        headers = _JSON if body is not None else {}
        pause_s = self._retry_s
        for attempt in range(self._retries + 1):
            try:
                async with self._bulk_turns if is_bulk else nullcontext():
                    return await self._once(method, path, body, headers, query, bytes_max)
            except PeerLost as lost:
                if attempt == self._retries or lost.is_down:
                    raise
            await asyncio.sleep(pause_s)
            pause_s *= 2
        raise AssertionError("the last attempt returns or raises")

    async def _once(
        self, method: str, path: str, body: Body, headers: Mapping[str, str], query: Query, bytes_max: int
    ) -> bytes:
        async with (
            self._turns,
            self._transport.request(
                method, self.path + path, query=query, headers=headers, body=body, idle_s=self._idle_s
            ) as reply,
        ):
            text = await whole(reply, bytes_max)
            if reply.status >= 300:
                raise refusal(reply.status, text, self.name, reply.headers.get("location"))
            return text

    def _read(self, decoder: msgspec.json.Decoder[T], text: bytes) -> T:
        try:
            if not text.isascii():
                text.decode()  # what stays text here is not looked into, and would be refused elsewhere
            return decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
            raise PeerLost(f"{self.name}: an answer can't be understood: {bad}") from bad

    async def info(self) -> Info:
        found = self._read(_info, await self._ask("GET", ""))
        return Info(str(found.instance_start_time), found.update_seq)

    async def create(self, params: Mapping[str, Any]) -> None:
        query = [(key, value if isinstance(value, str) else _text(value)) for key, value in params.items()]
        try:
            await self._ask("PUT", "", query=query)
        except FileExists:
            return

    async def local(self, doc_id: str) -> dict[str, Any] | None:
        try:
            text = await self._ask("GET", f"/_local/{quote(doc_id, safe='')}", bytes_max=DOCUMENT_BYTES_MAX)
        except NotFound as missing:
            if missing.reason not in ("missing", "deleted"):
                raise
            return None
        try:
            found = _local.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return found

    async def document(self, doc_id: str) -> dict[str, Any]:
        """A document. Raises NotFound."""
        text = await self._ask("GET", "/" + _doc_path(doc_id), bytes_max=DOCUMENT_BYTES_MAX)
        return decoded_object(text, self.name)

    async def put_document(self, doc_id: str, doc: Mapping[str, Any]) -> str:
        """Writes a document; its new revision. Raises Conflict and what else refuses it."""
        text = await self._ask("PUT", "/" + _doc_path(doc_id), json.encode(doc))
        return str(decoded_object(text, self.name).get("rev", ""))

    async def put_local(self, doc_id: str, doc: Mapping[str, Any]) -> str:
        text = await self._ask("PUT", f"/_local/{quote(doc_id, safe='')}", json.encode(doc))
        return str(decoded_object(text, self.name).get("rev", ""))

    async def changes(self, since: Seq, filter: Filter, limit: int, *, seq_interval: int = 1) -> Changes:
        query, body = feed.request_of(filter, since)
        # A server that passes over many documents says so this often: its silence would be the end.
        silent_ms = max(1, int(self._idle_s * 1000 / BEATS))
        query += [("feed", "normal"), ("limit", str(limit)), ("timeout", str(silent_ms))]
        if seq_interval > 1:
            query.append(("seq_interval", str(seq_interval)))
        method = "GET" if body is None else "POST"
        text = await self._ask(method, "/_changes", body, query=query, bytes_max=DOCUMENT_BYTES_MAX)
        return self._read(_changes, text)

    def feed(self, since: Seq, filter: Filter) -> AbstractAsyncContextManager[AsyncIterator[FeedEvent]]:
        return feed.open_feed(self._transport, self.path, since, filter, self.name)

    async def pending(self, since: Seq, filter: Filter) -> int | None:
        page = await self.changes(since, filter, 0)
        return None if page.pending is None else page.pending + len(page.results)

    async def revs_diff(self, revs: Mapping[str, Sequence[str]]) -> dict[str, Missing]:
        text = await self._ask(
            "POST", "/_revs_diff", json.encode(revs), bytes_max=DOCUMENT_BYTES_MAX, is_bulk=True
        )
        return self._read(_missing, text)

    async def bulk_get(self, wanted: Sequence[Wanted]) -> list[Fetched | NotThere]:
        if self._has_bulk_get:
            try:
                return await self._bulk_get(wanted)
            except CouchgrassError as refused:
                if refused.status not in NO_BULK_GET or _is_of_database(refused):
                    raise
                self._has_bulk_get = False
        return await self._one_by_one(wanted)

    async def _bulk_get(self, wanted: Sequence[Wanted]) -> list[Fetched | NotThere]:
        docs = [{"id": one.id, "rev": one.rev} for one in wanted]
        query = [("revs", "true"), ("latest", "true")]
        most = ANSWER_BYTES_MAX if len(wanted) > 1 else DOCUMENT_BYTES_MAX
        body = json.encode({"docs": docs})
        text = await self._ask("POST", "/_bulk_get", body, query=query, bytes_max=most, is_bulk=True)
        results = self._read(_bulk_get, text).results
        if [result.id for result in results] != [one.id for one in wanted]:
            return _regrouped(wanted, results)
        found: list[Fetched | NotThere] = []
        for one, result in zip(wanted, results, strict=True):
            given = result.docs
            # Nearly always one document without attachments: no call for it.
            if len(given) == 1 and (doc := bytes(given[0].ok)) and b'"_attachments"' not in doc:
                found.append(Fetched(one.id, one.rev, doc))
            else:
                found += _fetched(one, given)
        return found

    async def _one_by_one(self, wanted: Sequence[Wanted]) -> list[Fetched | NotThere]:
        turns = asyncio.Semaphore(SINGLE_AT_ONCE)
        size = 0

        async def one(each: Wanted) -> list[Fetched | NotThere]:
            nonlocal size
            query = [("open_revs", _text([each.rev])), ("revs", "true"), ("latest", "true")]
            async with turns:
                try:
                    text = await self._ask(
                        "GET", "/" + _doc_path(each.id), query=query, bytes_max=DOCUMENT_BYTES_MAX
                    )
                except NotFound as refused:
                    if _is_of_database(refused):
                        raise
                    return [NotThere(each.id, each.rev)]
            size += len(text)
            if size > ANSWER_BYTES_MAX and len(wanted) > 1:
                raise TooLarge(f"Answers are larger than {ANSWER_BYTES_MAX} bytes")
            return _fetched(each, self._read(_oks, text))

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(each)) for each in wanted]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [found for task in tasks for found in task.result()]

    def open_revs(self, doc_id: str, wanted: Sequence[Wanted]) -> AsyncIterator[Opened | NotThere]:
        path = f"{self.path}/{_doc_path(doc_id)}"
        return attached.open_revs(self._transport, path, doc_id, wanted, self.name, self._idle_s)

    async def bulk_docs(self, docs: Sequence[bytes]) -> list[Refusal]:
        body = b'{"new_edits":false,"docs":[' + b",".join(docs) + b"]}"
        text = await self._ask("POST", "/_bulk_docs", body, is_bulk=True)
        rows = decoded(text, self.name)
        if not isinstance(rows, list):
            raise PeerLost(f"{self.name}: an answer can't be understood")
        return [
            Refusal(
                str(row.get("id", "")), str(row.get("rev", "")), str(row["error"]), str(row.get("reason", ""))
            )
            for row in rows
            if isinstance(row, dict) and "error" in row
        ]

    async def put_opened(self, opened: Opened) -> None:
        if is_packed(opened) and not await self._does_take_packed():
            opened = unpacked(opened)
        path = f"{self.path}/{_doc_path(opened.id)}"
        await attached.put_opened(self._transport, path, opened, self.name, self._idle_s)

    async def _does_take_packed(self) -> bool:
        """A CouchDB says so in its greeting, and knows attachments that are gzip."""
        if self._takes_packed is None:
            async with self._transport.request("GET", "/", idle_s=self._idle_s) as reply:
                text = await whole(reply, GREETING_BYTES_MAX)
                found = decoded(text, self.name) if reply.status == OK else None
            self._takes_packed = isinstance(found, dict) and "couchdb" in found
        return self._takes_packed

    async def commit(self) -> str:
        try:
            found = decoded_object(await self._ask("POST", "/_ensure_full_commit", b"{}"), self.name)
        except CouchgrassError as refused:
            if refused.status not in (404, 405, 501):
                raise
            found = {}  # a peer that has no such request promises nothing more by it
        started = found.get("instance_start_time")
        return (await self.info()).instance_start_time if started is None else str(started)

    async def rules(self) -> bytes:
        digest = hashlib.blake2b(digest_size=16)
        design = [("startkey", '"_design/"'), ("endkey", '"_design0"')]
        for path, query in (("/_all_docs", design), ("/_security", [])):
            try:
                text = await self._ask("GET", path, query=query)
                # Beside the rows are totals, which every document changes.
                found = decoded(text, self.name)
                digest.update(
                    json.encode(found["rows"]) if isinstance(found, dict) and "rows" in found else text
                )
            except PeerLost:
                raise
            except CouchgrassError as refused:
                digest.update(refused.error.encode())
        return digest.digest()


_local = msgspec.json.Decoder(dict[str, Any])
_oks: msgspec.json.Decoder[list[_Ok]] = msgspec.json.Decoder(list[_Ok])


def _is_of_database(refused: CouchgrassError) -> bool:
    """Is it the database that is not there, in the words of CouchDB 3 or 1?"""
    return "atabase does not exist" in refused.reason or refused.reason == "no_db_file"


def _text(value: Any) -> str:
    return json.encode(value).decode()


def _doc_path(doc_id: str) -> str:
    for lead in ("_design/", "_local/"):
        if doc_id.startswith(lead):
            return lead + quote(doc_id.removeprefix(lead), safe="")
    return quote(doc_id, safe="")


def _regrouped(wanted: Sequence[Wanted], results: Sequence[_Result]) -> list[Fetched | NotThere]:
    """The answers of a peer that lists a document's revisions together, in another order, or leaves some out.

    A document answers for those of the revisions asked for that are in its history.
    """
    docs: dict[str, list[_Ok]] = {}
    for result in results:
        docs.setdefault(result.id, []).extend(result.docs)
    asked: dict[str, dict[str, Wanted]] = {}
    for one in wanted:
        asked.setdefault(one.id, {})[one.rev] = one
    found: list[Fetched | NotThere] = []
    for doc_id, by_rev in asked.items():
        answered: set[str] = set()
        for each in docs.get(doc_id, []):
            revs = [rev for rev in _history(each) if rev in by_rev]
            answered.update(revs)
            if revs:
                found += _fetched(by_rev[revs[0]], [each])
        found += [NotThere(doc_id, rev) for rev in by_rev if rev not in answered]
    return found


def _history(one: _Ok) -> list[str]:
    """A document's revision and those before it; nothing where there is none."""
    try:
        named = _named.decode(one.ok)
    except msgspec.DecodeError:
        return []
    past = named.revisions
    return [named.rev, *(f"{past.start - at}-{rev}" for at, rev in enumerate(past.ids))]


def _fetched(one: Wanted, docs: list[_Ok]) -> list[Fetched | NotThere]:
    found: list[Fetched | NotThere] = []
    for each in docs:
        doc = bytes(each.ok)
        if not doc:
            error = each.error if isinstance(each.error, dict) else {}
            found.append(
                NotThere(
                    one.id, one.rev, str(error.get("error", "not_found")), str(error.get("reason", "missing"))
                )
            )
            continue
        has_attachments = False
        if b'"_attachments"' in doc:
            try:
                has_attachments = bool(_named.decode(doc).attachments)
            except msgspec.DecodeError:
                has_attachments = True
        found.append(Fetched(one.id, one.rev, doc, has_attachments))
    return found or [NotThere(one.id, one.rev)]
