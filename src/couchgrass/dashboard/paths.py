"""Paths that are passed on: what stands behind /couch, /functions or /gateway, put behind another URL.

Pure. It goes on as it came, percent-encoded, so that `a%2Fb` stays one segment. What could lead out of the
server's own part of its host is refused: a step up, however it is written, and an empty segment, which may
be read as the beginning of a host.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, unquote_to_bytes

from couchgrass.errors import BadRequest

_UNSAFE: Final = re.compile(rb"[^\x21-\x7e]|[#?\\\"<>^`{|}]")
_UNSAFE_QUERY: Final = re.compile(rb"[^\x21-\x7e]|[#\"<>`]")
_SEPARATOR: Final = re.compile(rb"[/\\]")
_STEPS: Final = frozenset({b".", b".."})

_FEEDS: Final = frozenset({b"_changes", b"_db_updates"})
_OPEN: Final = frozenset({"continuous", "longpoll", "eventsource"})
_LONG: Final = frozenset({b"_replicate"})
"""Answers when a replication has ended, which may be days later."""

OPTIONS_MAX: Final = 200


def below(raw_path: bytes, prefix: bytes) -> bytes | None:
    """What of the path is below the prefix, "/" at least; None when it is not below it."""
    if not raw_path.startswith(prefix):
        return None
    rest = raw_path[len(prefix) :]
    return rest if rest.startswith(b"/") else None


def check_path(path: bytes) -> None:
    """Raises BadRequest for a path, which begins with a slash, that must not be passed on."""
    *inner, last = path[1:].split(b"/")
    if b"" in inner:
        raise BadRequest("The path has an empty segment: //")
    for segment in (*inner, last):
        if _STEPS & set(_SEPARATOR.split(unquote_to_bytes(segment))):
            raise BadRequest("The path has a segment . or ..")


def target(base: str, path: bytes, query: bytes) -> str:
    """The URL of this path and query below `base`, a URL without a query. Raises BadRequest."""
    check_path(path)
    url = base.rstrip("/") + _quoted(path, _UNSAFE)
    return f"{url}?{_quoted(query, _UNSAFE_QUERY)}" if query else url


def is_feed(path: bytes, query: bytes) -> bool:
    """Whether the database answers this for as long as it is listened to."""
    last = path.rstrip(b"/").rpartition(b"/")[2]
    if last in _LONG:
        return True
    if last not in _FEEDS:
        return False
    try:
        options = parse_qsl(query.decode("latin-1"), max_num_fields=OPTIONS_MAX)
    except ValueError:
        return False
    return any(name == "feed" and value in _OPEN for name, value in options)


def _quoted(text: bytes, unsafe: re.Pattern[bytes]) -> str:
    """Bytes that can't stand there are percent-encoded."""
    return unsafe.sub(lambda found: b"%%%02X" % found[0][0], text).decode("ascii")
