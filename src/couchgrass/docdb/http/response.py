"""Answers: either whole, or a stream of pieces that is cut off, never ended well, when it fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from couchgrass import json

Headers = Sequence[tuple[str, str]]

JSON = "application/json"
OK = b'{"ok":true}\n'


class Response(msgspec.Struct, gc=False):
    """A whole answer."""

    status: int
    body: bytes = b""
    headers: Headers = ()
    content_type: str = JSON


class Stream(msgspec.Struct):
    """An answer that is made while it is sent. `watches`: it notices itself that the client hung up."""

    status: int
    pieces: AsyncIterator[bytes]
    headers: Headers = ()
    content_type: str = JSON
    watches: bool = False


Answer = Response | Stream


def json_response(value: Any, status: int = 200, headers: Headers = ()) -> Response:
    """A JSON value as CouchDB sends it, with a line's end behind it."""
    return Response(status, json.encode(value) + b"\n", headers)


def etag(rev: object) -> tuple[str, str]:
    """The ETag header of a revision or digest."""
    return ("etag", f'"{rev}"')
