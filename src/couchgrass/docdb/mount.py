"""How another part of the process answers requests of the server's own paths, such as ``/_replicate``.

Pure. The server puts a request into a `Call`, after it has checked who asks, and makes the answer from what
it is `Told`. It knows nothing of who answers; who answers knows nothing of HTTP. Errors of the family of
`CouchgrassError` that are raised become answers as everywhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from couchgrass.docdb.access import Right, UserCtx


class Call(msgspec.Struct, frozen=True):
    """One request.

    `method`: HEAD comes as GET. `path`: what follows the mount's own segment, each segment decoded, so that
    one may hold a slash. `query`: of an option given twice the last. `body`: the decoded JSON of a POST or
    PUT, None when it is empty, which ``null`` is too. `headers`: by lower-case name, as they came.
    """

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    body: Any
    ctx: UserCtx
    headers: Mapping[str, str]


class Told(msgspec.Struct, frozen=True):
    """The answer: `body` is any JSON value."""

    status: int
    body: Any
    headers: Sequence[tuple[str, str]] = ()


Mount = Callable[[Call], Awaitable[Told]]
"""Cancelled when the client hangs up: that ends the wait for an answer. What the call has set going is up to
who answers; a replication that ``/_replicate`` began goes on in CouchDB."""


class MountPoint(msgspec.Struct, frozen=True):
    """Who answers, and the right that it takes: SERVER_ADMIN (for ``/_replicate`` to be signed in is enough),
    or None for anyone."""

    run: Mount
    right: Right | None = Right.SERVER_ADMIN
