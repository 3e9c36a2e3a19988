"""The header ``Idempotency-Key``: a request that is not idempotent is run once, however often it is sent.

Pure. Semantics: draft-ietf-httpapi-idempotency-key-header-07. The first request with a key reserves it,
before anything is forwarded; its answer is kept and given again to all further ones. Another request with the
same key is 422, one that comes while the first still runs is 409.

What stands in the database is one document a key, in a database a day: first the reservation, then the
answer. Its id is a hash of the key and of all that it is a key of, so nobody reads keys there.

A reservation whose answer never came, for its gateway or the functions died, holds its key until its time is
up. Then the request runs again when it is sent again, though it may have run.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final

import msgspec

from couchgrass.errors import BadRequest, CouchgrassError

Header = tuple[bytes, bytes]

HEADER: Final = b"idempotency-key"
REPLAYED: Final[Header] = (b"idempotency-replayed", b"true")

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Methods that need no key (RFC 9110 9.2.2)."""

KEY_CHARS_MAX: Final = 255

RESERVED_S: Final = 90.0
"""How long a reservation holds its key: longer than the functions may take to begin an answer (70 s)."""

BODY_BYTES_MAX: Final = 512 * 1024
"""Of an answer that is kept. As base64 it fits into a document of any CouchDB; Cloudant's limit is 1 MB."""

HEADERS_BYTES_MAX: Final = 16 * 1024
"""Of its headers, taken together."""

CLOCKS_APART_S: Final = 300.0
"""How far the clocks of two regions may differ around midnight."""

DAYS_KEPT: Final = 3
"""Today, yesterday, and one more, so that no region deletes what another one still looks at."""

PREFIX: Final = "couchgrass_idempotency-"
_DATABASE: Final = re.compile(re.escape(PREFIX) + r"(\d{4}-\d\d-\d\d)")

_VISIBLE: Final = re.compile(rb"[\x21-\x7e]+")
_QUOTED: Final = re.compile(rb'"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"')

FAILURE: Final = b"x-couchgrass-failure"
ACTIVATION_ID: Final = b"x-openwhisk-activation-id"
_NOT_KEPT: Final = frozenset(
    {b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"date", b"server", b"set-cookie"}
)
"""Headers of an answer that are of its connection, or that must not lie in a database."""


class KeyReused(CouchgrassError):
    """The key came with another request before."""

    status = 422
    error = "idempotency_key_reused"


class StillRunning(CouchgrassError):
    """The first request with this key has no answer yet."""

    status = 409
    error = "still_running"


class AnswerNotKept(CouchgrassError):
    """The request was run and answered, but its answer was too large to be kept."""

    status = 409
    error = "answer_not_kept"


class End(Enum):
    """What becomes of a reservation: the answer takes its place; it goes, so that the request may run again;
    it stays until its time is up, for the request may be running still."""

    ANSWERED = "answered"
    RELEASED = "released"
    LEFT = "left"


class Reservation(msgspec.Struct, frozen=True):
    """`id` is the document's, `token` tells this reservation from any other. `until` is in seconds since the
    epoch."""

    id: str
    fingerprint: str
    region: str
    token: str
    until: float


class Kept(msgspec.Struct, frozen=True):
    """An answer. `body` None: it was too large."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


class Entry(msgspec.Struct, frozen=True):
    """What the database has for a key: its reservation, and the answer once there is one. `conflicts` are
    revisions that other regions made of it: there the request was taken, too."""

    reservation: Reservation
    rev: str
    answer: Kept | None = None
    conflicts: int = 0


def key_of(value: bytes) -> str:
    """The key that the header names: a string of the structured fields (RFC 9651), `"…"`, or as most send it,
    the bare characters. Raises BadRequest."""
    if value[:1] == b'"':
        quoted = _QUOTED.fullmatch(value)
        key = re.sub(rb"\\(.)", rb"\1", quoted[1]) if quoted else b""
    else:
        key = value if _VISIBLE.fullmatch(value) else b""
    if not 0 < len(key) <= KEY_CHARS_MAX:
        raise BadRequest(f"Idempotency-Key must be one key of 1 to {KEY_CHARS_MAX} visible characters")
    return key.decode("ascii")


def id_of(
    *, namespace: str, base_path: str, caller: str, authorization: str, method: str, path: bytes, key: str
) -> str:
    """The document's id. `caller` is the subscriber, "" where there is none; `path` is that below the
    tenant."""
    texts = (namespace, base_path, caller, authorization, method)
    return _digest([*(text.encode("utf-8", "surrogatepass") for text in texts), path, key.encode()])


def fingerprint_of(query: bytes, body: bytes) -> str:
    """What tells two requests with one key apart."""
    return _digest([query, body])


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.hexdigest()


# --- what the answer means ---------------------------------------------------------------------------


def end_of(status: int, headers: Sequence[Header]) -> End:
    """What an answer of the functions does to the reservation.

    An answer without an activation's id is a refusal: no action ran. One that says that the action failed is
    not the app's; one that says that it is not ready leaves it running. All else is the app's last word, its
    own errors among them.
    """
    named = dict(headers)
    failure = named.get(FAILURE)
    if failure is not None:
        return End.LEFT if failure == b"time" else End.RELEASED
    return End.RELEASED if status >= 400 and ACTIVATION_ID not in named else End.ANSWERED


def kept(status: int, headers: Sequence[Header], body: bytes | None) -> Kept:
    """What is kept of an answer; `body` None for one that is too large."""
    few = tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in headers
        if name not in _NOT_KEPT and not name.startswith(b"proxy-")
    )
    if body is None or len(body) > BODY_BYTES_MAX:
        return Kept(status)
    if sum(len(name) + len(value) for name, value in few) > HEADERS_BYTES_MAX:
        return Kept(status)
    return Kept(status, few, body)


def judged(entry: Entry, fingerprint: str, now: float) -> Kept | None:
    """The answer to give again; None when the reservation's time is up, so that it may be taken over.

    Raises KeyReused, StillRunning, AnswerNotKept. `now` in seconds since the epoch.
    """
    if entry.reservation.fingerprint != fingerprint:
        raise KeyReused("This Idempotency-Key came with another request before")
    if entry.answer is None:
        if now < entry.reservation.until:
            raise StillRunning("A request with this Idempotency-Key has no answer yet")
        return None
    if entry.answer.body is None:
        raise AnswerNotKept(
            f"The request with this Idempotency-Key was answered with {entry.answer.status}, "
            "and its answer was too large to be kept"
        )
    return entry.answer


# --- how it is stored --------------------------------------------------------------------------------


def to_document(reservation: Reservation, answer: Kept | None = None, rev: str = "") -> dict[str, Any]:
    """As it is stored; `rev` is the revision that it replaces."""
    document: dict[str, Any] = {
        "_id": reservation.id,
        "fingerprint": reservation.fingerprint,
        "region": reservation.region,
        "token": reservation.token,
        "until": reservation.until,
    }
    if answer is not None:
        body = None if answer.body is None else base64.b64encode(answer.body).decode()
        document["answer"] = {"status": answer.status, "headers": answer.headers, "body": body}
    if rev:
        document["_rev"] = rev
    return document


class _Answer(msgspec.Struct):
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str | None


def from_document(document: Any) -> Entry:
    """What a document says. Raises BadRequest for one of another form."""
    try:
        reservation = msgspec.convert({**document, "id": document["_id"]}, Reservation)
        found = msgspec.convert(document.get("answer"), _Answer | None)
        body = None if found is None or found.body is None else base64.b64decode(found.body, validate=True)
    except (msgspec.ValidationError, KeyError, TypeError, binascii.Error) as bad:
        raise BadRequest("no document of an idempotency key") from bad
    answer = None if found is None else Kept(found.status, found.headers, body)
    return Entry(reservation, str(document.get("_rev", "")), answer, len(document.get("_conflicts", ())))


# --- a database a day --------------------------------------------------------------------------------


def database_of(now: float) -> str:
    """The database of this day (UTC); `now` in seconds since the epoch."""
    return f"{PREFIX}{datetime.fromtimestamp(now, UTC):%Y-%m-%d}"


def databases_of(now: float) -> tuple[str, ...]:
    """Where a key is looked for, today's first: yesterday's too, and at the end of the day tomorrow's, where
    a region whose clock is ahead has it already."""
    days = (now, now - timedelta(days=1).total_seconds(), now + CLOCKS_APART_S)
    return tuple(dict.fromkeys(map(database_of, days)))


def is_looked_for(database: str, now: float) -> bool:
    """Is it of a day whose keys count still, or of a day to come? Regions keep only these in step."""
    found = _DATABASE.fullmatch(database)
    return found is not None and database >= database_of(now - timedelta(days=1).total_seconds())


def is_over(database: str, now: float) -> bool:
    """May it be deleted? Never for a database of another name."""
    found = _DATABASE.fullmatch(database)
    return found is not None and database <= database_of(now - timedelta(days=DAYS_KEPT).total_seconds())
