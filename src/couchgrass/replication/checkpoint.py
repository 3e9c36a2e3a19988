"""The checkpoint of a replication: what is written on both sides, and where two of them agree.

Pure. A checkpoint says "the target has durably all that the source had up to this sequence". It is written
first to the source, then to the target, as ``_local/{base id}``, and lists the last sessions, newest first.
A replication starts where the two documents agree.

The rule that loses no document: **believe only what both say, and where they differ, the older statement.** A
side that was restored from a backup has an older document; what the other side says about later times is not
true of it. Sequences have no order that a replicator knows, so each entry has `checkpoint`, the number of
times that its session recorded one. CouchDB takes the source's word when the sessions have the same id, and
silently skips documents after a target was restored. Entries without that number (CouchDB's, PouchDB's) are
compared by the numbers that their sequences begin with; when that fails too, they count as no statement.

Whatever has a wrong type counts as not written, so a damaged or hostile document costs time only.

Specification: CouchDB 3.5 ``couch_replicator_scheduler_job`` (``do_checkpoint``,
``compare_replication_logs``); PouchDB's ``pouchdb-checkpointer``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from couchgrass import json

HISTORY_MAX: Final = 50
"""CouchDB's bound; a document that comes with more is cut."""

VERSION: Final = 4
"""CouchDB's ``replication_id_version``."""

_COUNTERS: Final = (
    *("missing_checked", "missing_found", "docs_read", "docs_written", "doc_write_failures"),
    *("bulk_get_docs", "bulk_get_attempts", "checkpoint"),
)
_SEQS: Final = ("start_last_seq", "end_last_seq", "recorded_seq")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NUMBER: Final = re.compile(r"([0-9]{1,18})(?:-|$)")
_ZERO: Final = (b"0", b'"0"')
_TIME_END_S: Final = 253402300800.0
"""The year 10000, where the calendar of this library ends."""

_canonical = msgspec.json.Encoder(order="sorted").encode


class Start(msgspec.Struct, frozen=True):
    """Where to start: `seq` is None when there is nothing to go on from. `history` is true of both sides."""

    seq: msgspec.Raw | None = None
    history: list[dict[str, Any]] = []


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a replication, at the time of a checkpoint. Times are seconds since the Unix epoch."""

    session_id: str
    start_time_s: float
    end_time_s: float
    start_last_seq: msgspec.Raw
    recorded_seq: msgspec.Raw
    missing_checked: int = 0
    missing_found: int = 0
    docs_read: int = 0
    docs_written: int = 0
    doc_write_failures: int = 0
    bulk_get_docs: int = 0
    bulk_get_attempts: int = 0


def common(source: Mapping[str, Any] | None, target: Mapping[str, Any] | None) -> Start:
    """Where the checkpoint documents of both sides agree; None and damaged ones agree with nothing."""
    on_source, on_target = _entries(source), _entries(target)
    known = {entry["session_id"]: entry for entry in on_target}
    for place, entry in enumerate(on_source):
        other = known.get(entry["session_id"])
        if other is not None and (older := _older(entry, other)) is not None:
            seq = older["recorded_seq"]
            return Start(None if bytes(seq) in _ZERO else seq, [older, *on_source[place + 1 :]])
    return Start()


def record(
    history: Sequence[Mapping[str, Any]], session: Session, *, caught_up_at: float | None = None
) -> dict[str, Any]:
    """The document to write on both sides; `history` is the last document's, or that of `Start`.

    `caught_up_at`: when the target was last known to have all that the source had, in epoch seconds.
    """
    earlier = [dict(entry) for entry in history if entry.get("session_id") != session.session_id]
    mine = next((entry for entry in history if entry.get("session_id") == session.session_id), {})
    entry = {
        "session_id": session.session_id,
        "start_time": http_date(session.start_time_s),
        "end_time": http_date(session.end_time_s),
        "start_last_seq": session.start_last_seq,
        "end_last_seq": session.recorded_seq,
        "recorded_seq": session.recorded_seq,
        **{name: getattr(session, name) for name in _COUNTERS if name != "checkpoint"},
        "checkpoint": mine.get("checkpoint", 0) + 1,
    }
    document: dict[str, Any] = {
        "session_id": session.session_id,
        "source_last_seq": session.recorded_seq,
        "replication_id_version": VERSION,
        "history": [entry, *earlier][:HISTORY_MAX],
    }
    if caught_up_at is not None:
        document["caught_up_at"] = caught_up_at
    return document


def reply(
    document: Mapping[str, Any] | None,
    *,
    no_changes: bool,
    use_checkpoints: bool = True,
    doc_ids: bool = False,
) -> dict[str, Any]:
    """What ``POST /_replicate`` answers when it is done.

    `document` is the last checkpoint, None when there is none; `no_changes`: this run wrote none. `doc_ids`:
    the replication was of named documents, and the last session's counts stand beside the history too.
    """
    if not use_checkpoints:
        return {"ok": True, "use_checkpoints": False}
    answer: dict[str, Any] = {"ok": True}
    if no_changes:
        answer["no_changes"] = True
    if document is None:
        return answer
    for name in ("session_id", "source_last_seq", "replication_id_version"):
        if name in document:
            answer[name] = document[name]
    history = document.get("history")
    if doc_ids and isinstance(history, list) and history and isinstance(history[0], Mapping):
        for name in ("start_time", "end_time", "docs_read", "docs_written", "doc_write_failures"):
            if name in history[0]:
                answer[name] = history[0][name]
    if history is not None:
        answer["history"] = history
    return answer


def caught_up_at(document: Mapping[str, Any] | None) -> float | None:
    """When the target last had all that the source had, in epoch seconds, as far as `document` knows."""
    value = None if document is None else document.get("caught_up_at")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _TIME_END_S:
        return None
    return float(value)


def is_same(document: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    """True when `stored` was made by writing `document`: then a conflict means that our own write arrived."""
    return _canonical(_body(document)) == _canonical(_body(stored))


def http_date(at_s: float) -> str:
    """Epoch seconds as HTTP writes a time, such as ``Thu, 01 Jan 1970 00:00:00 GMT``."""
    at = datetime.fromtimestamp(at_s, UTC)
    day, month = _DAYS[at.weekday()], _MONTHS[at.month - 1]
    return f"{day}, {at.day:02} {month} {at.year:04} {at.hour:02}:{at.minute:02}:{at.second:02} GMT"


def _body(document: Mapping[str, Any]) -> Any:
    """Without what a database adds, and with sequences decoded."""
    kept = {name: value for name, value in document.items() if name not in ("_id", "_rev", "_revisions")}
    return json.decode(json.encode(kept))


def _entries(document: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """A document's sound entries, newest first, each session once. The newest is the document's own."""
    if not isinstance(document, Mapping):
        return []
    history = document.get("history")
    found = [_entry(entry) for entry in history[:HISTORY_MAX]] if isinstance(history, list) else []
    sound = [entry for entry in found if entry is not None]
    seq = _seq(document.get("source_last_seq", document.get("last_seq")))
    session_id = _session_id(document.get("session_id"))
    if session_id is not None and seq is not None:
        own = next(
            (entry for entry in sound if entry["session_id"] == session_id), {"session_id": session_id}
        )
        sound.insert(0, {**own, "recorded_seq": seq})
    once: dict[str, dict[str, Any]] = {}
    for entry in sound:
        once.setdefault(entry["session_id"], entry)
    return list(once.values())


def _entry(entry: Any) -> dict[str, Any] | None:
    """The known members that have the right type; None when the entry says nothing."""
    if not isinstance(entry, Mapping):
        return None
    session_id = _session_id(entry.get("session_id"))
    recorded = _seq(entry.get("recorded_seq", entry.get("last_seq")))
    if session_id is None or recorded is None:
        return None
    kept: dict[str, Any] = {"session_id": session_id}
    kept.update(
        (name, entry[name]) for name in ("start_time", "end_time") if isinstance(entry.get(name), str)
    )
    kept.update((name, seq) for name in _SEQS if (seq := _seq(entry.get(name))) is not None)
    kept["recorded_seq"] = recorded
    kept.update(
        (name, entry[name]) for name in _COUNTERS if type(entry.get(name)) is int and entry[name] >= 0
    )
    return kept


def _session_id(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _seq(value: Any) -> msgspec.Raw | None:
    """A sequence as JSON text; None for what none can be. It comes decoded, or as it was recorded here."""
    if isinstance(value, msgspec.Raw):
        return value
    if value is None or isinstance(value, bool) or value == "":
        return None
    if isinstance(value, int | float) and value < 0:
        return None
    return msgspec.Raw(json.encode(value))


def _older(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any] | None:
    """Which of two entries of the same session was recorded first; None when that can't be known."""
    if bytes(one["recorded_seq"]) == bytes(other["recorded_seq"]):
        return one
    ages = one.get("checkpoint"), other.get("checkpoint")
    if None in ages or ages[0] == ages[1]:
        ages = _leading_number(one["recorded_seq"]), _leading_number(other["recorded_seq"])
    if ages[0] is None or ages[1] is None or ages[0] == ages[1]:
        return None
    return one if ages[0] < ages[1] else other


def _leading_number(seq: msgspec.Raw) -> int | None:
    """What CouchDB 2 and later, PouchDB and this database begin a sequence with."""
    found = _NUMBER.match(bytes(seq).decode().strip('"'))
    return None if found is None else int(found[1])
