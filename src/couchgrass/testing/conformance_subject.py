"""What the rules of `conformance` are about, and the words that they share."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import Any

from couchgrass import json
from couchgrass.couch.peer import Peer
from couchgrass.docdb.feed_filter import Filter
from couchgrass.docdb.wire import ZERO, Change, NotThere, Opened, Part, Seq, Wanted

ALL = Filter()
LONG_S = 60.0
"""What must come comes within so long; nothing waits for it to pass."""


@dataclass(frozen=True, slots=True)
class Subject:
    """`peer` has an empty database, that of `absent` does not exist.

    `refuse`: from now on the database refuses (403) documents with ``"refused": true``. `secure`: changes the
    database's ``_security``.
    """

    peer: Peer
    absent: Peer
    refuse: Callable[[], Awaitable[None]]
    secure: Callable[[], Awaitable[None]]


Rule = Callable[[Subject], Awaitable[None]]


def ids(*names: str) -> list[str]:
    """Revision ids made from names, newest first."""
    return [md5(name.encode(), usedforsecurity=False).hexdigest() for name in names]


def leaf(doc_id: str, *names: str, **members: Any) -> bytes:
    """A leaf as JSON text; `names` stand for its revisions, the newest first, and count down to 1."""
    revisions = {"start": len(names), "ids": ids(*names)}
    head = {"_id": doc_id, "_rev": rev(*names), "_revisions": revisions}
    return json.encode({**head, **members})


def rev(*names: str) -> str:
    """The revision that `leaf` writes for these names."""
    return f"{len(names)}-{ids(*names)[0]}"


async def write(peer: Peer, *docs: bytes) -> None:
    """Writes leaves that nobody refuses."""
    refused = await peer.bulk_docs(docs)
    assert not refused, refused


async def opened(peer: Peer, *wanted: Wanted) -> list[tuple[dict[str, Any], list[Part], bytes] | NotThere]:
    """All leaves of one document with their bytes."""
    found: list[tuple[dict[str, Any], list[Part], bytes] | NotThere] = []
    async for one in peer.open_revs(wanted[0].id, wanted):
        if isinstance(one, NotThere):
            found.append(one)
        else:
            data = b"".join([bytes(chunk) async for chunk in one.chunks])
            found.append((json.decode(one.doc), list(one.parts), data))
    return found


async def put(
    peer: Peer, doc_id: str, names: Sequence[str], follows: Mapping[str, tuple[str, bytes, str]], **stubs: Any
) -> None:
    """Writes a leaf whose attachments follow: name to (type, stored bytes, encoding)."""
    members: dict[str, Any] = dict(stubs)
    for name, (kind, data, encoding) in follows.items():
        plain = gzip.decompress(data) if encoding == "gzip" else data
        packed = {"encoding": "gzip", "encoded_length": len(data)} if encoding == "gzip" else {}
        members[name] = {
            "content_type": kind,
            "revpos": len(names),
            "length": len(plain),
            "follows": True,
            **packed,
        }
    parts = [Part(name, kind, len(data), encoding) for name, (kind, data, encoding) in follows.items()]
    doc = leaf(doc_id, *names, _attachments=members)
    await peer.put_opened(
        Opened(doc_id, rev(*names), doc, parts, chunks_of(*(d for _, d, _ in follows.values())))
    )


async def chunks_of(*pieces: bytes) -> AsyncIterator[bytes]:
    """Bytes in two chunks each, which need not end where a part does."""
    for piece in pieces:
        half = len(piece) // 2
        for chunk in (piece[:half], piece[half:]):
            if chunk:
                yield chunk


async def all_changes(peer: Peer, filter: Filter = ALL, since: Seq = ZERO) -> list[Change]:
    """One page of up to 1000 changes."""
    return (await peer.changes(since, filter, 1000)).results


def revs_of(change: Change) -> set[str]:
    """The leaves that a row lists."""
    return {one.rev for one in change.changes}
