"""What the server says of its replications: ``_scheduler/jobs``, ``_scheduler/docs``, ``_active_tasks``.

Pure: one `JobView` in, JSON objects out, with CouchDB's members and beside them ours: ``lag_s``, how old the
oldest change is that the target does not have; ``next_try``, when a crashed job or an absent peer is tried
again; ``dead_letters``, how many documents the target refused. A `JobView` holds no secret: its ends are
`Address.shown`.

Specification: CouchDB 3.5 ``couch_replicator_scheduler:job_ejson``,
``couch_replicator_doc_processor:ejson_doc``, ``couch_replicator:info_from_doc``,
``couch_replicator_scheduler_job``, ``couch_replicator_httpd(_util)``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.errors import QueryParseError

JOBS_LIMIT: Final = 100
"""Rows of ``_scheduler/jobs`` when nobody says how many."""

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")


class State(StrEnum):
    """CouchDB's states, in the order in which it lists them."""

    INITIALIZING = "initializing"
    ERROR = "error"
    RUNNING = "running"
    PENDING = "pending"
    CRASHING = "crashing"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        """The job is over and written down in its document; nothing is tried again."""
        return self in (State.COMPLETED, State.FAILED)


class Event(msgspec.Struct, frozen=True):
    """One line of a job's history: `type` is added, started, stopped or crashed, the last with a `reason`."""

    at_s: float
    type: str
    reason: str | None = None


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What a job did so far, and where it is. `changes_pending` is None when nobody knows."""

    revisions_checked: int = 0
    missing_revisions_found: int = 0
    docs_read: int = 0
    docs_written: int = 0
    changes_pending: int | None = None
    doc_write_failures: int = 0
    bulk_get_docs: int = 0
    bulk_get_attempts: int = 0
    checkpointed_source_seq: msgspec.Raw = msgspec.Raw(b"0")
    source_seq: msgspec.Raw = msgspec.Raw(b"0")
    through_seq: msgspec.Raw = msgspec.Raw(b"0")


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it is shown. Times are seconds since the Unix epoch.

    `id` is None before it is known; `database` and `doc_id` are None for a ``_replicate`` job; `history` is
    newest first; `counts` is None before the job ran. `error` says what is wrong in the states error,
    crashing and failed.
    """

    id: str | None
    source: str | None
    target: str | None
    state: State
    start_time_s: float
    last_updated_s: float
    database: str | None = None
    doc_id: str | None = None
    user: str | None = None
    continuous: bool = False
    source_proxy: str | None = None
    target_proxy: str | None = None
    pid: str | None = None
    history: Sequence[Event] = ()
    counts: Counts | None = None
    error: str | None = None
    error_count: int = 0
    started_on_s: float | None = None
    updated_on_s: float | None = None
    checkpoint_interval_ms: int = 5_000
    lag_s: float | None = None
    next_try_s: float | None = None
    dead_letters: int = 0


def iso8601(at_s: float) -> str:
    """Epoch seconds as CouchDB writes them, such as ``2017-04-29T05:01:37Z``."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def job_row(view: JobView, node: str) -> dict[str, Any]:
    """One row of ``_scheduler/jobs``, which is also the answer of ``_scheduler/jobs/{id}``."""
    return {
        "id": view.id,
        "pid": view.pid,
        "source": view.source,
        "target": view.target,
        "database": view.database,
        "user": view.user,
        "doc_id": view.doc_id,
        "info": _counts(view.counts),
        "history": [_event(event) for event in view.history],
        "node": node,
        "start_time": iso8601(view.start_time_s),
        **_ours(view),
    }


def doc_row(view: JobView, node: str) -> dict[str, Any]:
    """One row of ``_scheduler/docs``; a job that is over has no id any more, and is on no node."""
    broken = view.state in (State.ERROR, State.CRASHING, State.FAILED) and view.error is not None
    row = {
        "doc_id": view.doc_id,
        "database": view.database,
        "id": None if view.state.is_terminal else view.id,
        "node": node,
        "source": view.source,
        "target": view.target,
        "state": view.state.value,
        "info": {"error": view.error} if broken else _counts(view.counts),
        "error_count": view.error_count,
        "last_updated": iso8601(view.last_updated_s),
        "start_time": iso8601(view.start_time_s),
        "source_proxy": view.source_proxy,
        "target_proxy": view.target_proxy,
        **_ours(view),
    }
    if view.state.is_terminal:
        for name in ("node", "source_proxy", "target_proxy"):
            del row[name]
    return row


def task_row(view: JobView) -> dict[str, Any]:
    """One row of ``_active_tasks``, for a job that runs; the server adds its node."""
    started_on_s = view.start_time_s if view.started_on_s is None else view.started_on_s
    updated_on_s = started_on_s if view.updated_on_s is None else view.updated_on_s
    return {
        "type": "replication",
        "user": view.user,
        "replication_id": view.id,
        "database": view.database,
        "doc_id": view.doc_id,
        "source": view.source,
        "target": view.target,
        "continuous": view.continuous,
        "checkpoint_interval": view.checkpoint_interval_ms,
        **(_counts(view.counts or Counts()) or {}),
        "pid": view.pid,
        "process_status": "running",
        "started_on": int(started_on_s),
        "updated_on": int(updated_on_s),
        **_ours(view),
    }


def paged(
    rows: Sequence[dict[str, Any]],
    *,
    member: str,
    limit: str | None = None,
    skip: str | None = None,
    default_limit: int | None = JOBS_LIMIT,
) -> dict[str, Any]:
    """A page of sorted `rows` under the name `member` (``jobs`` or ``docs``), as the query asks for it.

    `limit` and `skip` are the query's texts, None when it has none. Raises QueryParseError.
    """
    first = min(_natural("skip", skip, 0) or 0, len(rows))
    count = _natural("limit", limit, default_limit)
    page = list(rows[first:]) if count is None else list(rows[first : first + count])
    return {"total_rows": len(rows), "offset": first, member: page}


def parse_states(states: str | None) -> frozenset[State]:
    """The option ``states`` of ``_scheduler/docs``, such as ``running,failed``. Raises QueryParseError.

    Without one, or without any state in it, every state is meant.
    """
    wanted = [text.lower() for text in (states or "").split(",") if text]
    try:
        return frozenset(map(State, wanted)) or frozenset(State)
    except ValueError as unknown:
        raise QueryParseError(f"States must be one or more of [{','.join(State)}]") from unknown


def _natural(name: str, text: str | None, default: int | None) -> int | None:
    if text is None:
        return default
    if not _INTEGER.fullmatch(text):
        raise QueryParseError(f"{name} must be an integer")
    number = int(text)
    if number < 0:
        raise QueryParseError(f"{name} not in range of [0,infinity]")
    return number


def _event(event: Event) -> dict[str, Any]:
    row = {"timestamp": iso8601(event.at_s), "type": event.type}
    return row if event.reason is None else {**row, "reason": event.reason}


def _counts(counts: Counts | None) -> dict[str, Any] | None:
    if counts is None:
        return None
    members = {name: getattr(counts, name) for name in Counts.__struct_fields__}
    return {name: _seq(value) if isinstance(value, msgspec.Raw) else value for name, value in members.items()}


def _seq(seq: msgspec.Raw) -> str:
    """A sequence that is no text is shown as its JSON text, as CouchDB does (``seq_encode``)."""
    value = json.decode(seq)
    return value if isinstance(value, str) else bytes(seq).decode()


def _ours(view: JobView) -> dict[str, Any]:
    next_try = None if view.next_try_s is None else iso8601(view.next_try_s)
    return {"lag_s": view.lag_s, "next_try": next_try, "dead_letters": view.dead_letters}
