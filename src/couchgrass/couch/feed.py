"""A changes feed over the wire: what is asked for, and the lines of a live one.

Specification: ``_changes`` in CouchDB's API reference; ``couch_replicator_api_wrap:changes_since``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from couchgrass import json
from couchgrass.couch.answers import refusal
from couchgrass.couch.transport import Transport, whole
from couchgrass.docdb.feed_filter import Filter
from couchgrass.docdb.wire import Change, FeedEnd, FeedEvent, Heartbeat, Seq
from couchgrass.errors import PeerLost

HEARTBEAT_S = 20
"""How often a live feed is asked to say that it is alive. That the peer is there is looked at more often, but
once for all feeds: see `couchgrass.replication.run.peers`."""

SILENT_S = 65.0
"""A live feed that says nothing for so long is broken."""

LINE_BYTES_MAX = 32 * 1024 * 1024
"""The longest row: a document with a hundred thousand leaves."""

SELECTED_END_MS = 30_000
"""A live feed that leaves documents out ends after so long without a row, and tells how far it looked."""

ERROR_BYTES_MAX = 64 * 1024

_change = msgspec.json.Decoder(Change)


class _Other(msgspec.Struct):
    """A row that is no change: the end of the feed, or what kept the peer from going on."""

    last_seq: msgspec.Raw = msgspec.Raw(b"")
    error: Any = None
    reason: Any = None


_other = msgspec.json.Decoder(_Other)

HEARTBEAT = Heartbeat()


def request_of(filter: Filter, since: Seq) -> tuple[list[tuple[str, str]], bytes | None]:
    """The options of ``_changes`` and, for those that need one, its body."""
    query = [("style", "all_docs" if filter.all_leaves else "main_only"), ("since", since_text(since))]
    if filter.doc_ids is not None:
        return [*query, ("filter", "_doc_ids")], json.encode({"doc_ids": filter.doc_ids})
    if filter.selector is not None:
        return [*query, ("filter", "_selector")], json.encode({"selector": filter.selector})
    if filter.name is not None:
        query.append(("filter", filter.name))
        for key, value in filter.query_params.items():
            query.append((key, value if isinstance(value, str) else json.encode(value).decode()))
    return query, None


def since_text(since: Seq) -> str:
    """A sequence as an option: a string without its quotes, anything else as JSON."""
    value = json.decode(bytes(since))
    return value if isinstance(value, str) else bytes(since).decode()


@asynccontextmanager
async def open_feed(
    transport: Transport, path: str, since: Seq, filter: Filter, name: str
) -> AsyncIterator[AsyncIterator[FeedEvent]]:
    """The live feed after `since`. Raises what the peer refuses it with."""
    query, body = request_of(filter, since)
    query.append(("feed", "continuous"))
    # A server or a proxy that packs an answer holds rows back until it has enough of them.
    headers = {"accept-encoding": "identity"}
    if body is not None:
        headers["content-type"] = "application/json"
    if filter.selects:
        query.append(("timeout", str(SELECTED_END_MS)))
    else:
        query.append(("heartbeat", str(HEARTBEAT_S * 1000)))
    async with transport.request(
        "GET" if body is None else "POST",
        path + "/_changes",
        query=query,
        headers=headers,
        body=body,
        idle_s=SILENT_S,
    ) as reply:
        if reply.status != 200:
            text = await whole(reply, ERROR_BYTES_MAX)
            raise refusal(reply.status, text, name, reply.headers.get("location"))
        yield _events(reply.chunks(), name)


async def _events(chunks: AsyncIterator[bytes], name: str) -> AsyncIterator[FeedEvent]:
    rest: list[bytes] = []
    size = 0
    async for chunk in chunks:
        lines = chunk.split(b"\n")
        rest.append(lines[0])
        size += len(lines[0])
        if size > LINE_BYTES_MAX:
            raise PeerLost(f"{name}: a row of its changes feed is over {LINE_BYTES_MAX} bytes")
        if len(lines) > 1:
            lines[0] = b"".join(rest)
            rest = [lines.pop()]
            size = len(rest[0])
            for line in lines:
                yield _event(line, name)
    if last := b"".join(rest).strip():
        yield _event(last, name)


def _event(line: bytes, name: str) -> FeedEvent:
    line = line.strip()
    if not line:
        return HEARTBEAT
    try:
        return _change.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as bad:
        try:
            other = _other.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            other = _Other()
        if bytes(other.last_seq):
            return FeedEnd(other.last_seq)
        why = f"can't be understood: {bad}" if other.error is None else f"says {other.error}: {other.reason}"
        raise PeerLost(f"{name}: a row of its changes feed {why}") from bad
