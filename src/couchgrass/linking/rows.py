"""What ``couchgrass links`` shows: one row for each continuous replication that a server runs.

Made of ``_scheduler/docs`` and ``_scheduler/jobs``. A couchgrass server says how far behind a link is in
seconds (``lag_s``), when the next try is (``next_try``) and how many documents were refused
(``dead_letters``); of Apache CouchDB and Cloudant there are the changes that wait and the writes that
failed since the job began.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from couchgrass.linking.address import hide
from couchgrass.linking.job import REPLICATOR


class LinkRow(msgspec.Struct, frozen=True):
    """One replication. `name` is its document's id, or its own for one without; None: the server does not
    say."""

    server: str
    name: str
    source: str
    target: str
    state: str
    lag_s: float | None = None
    pending: int | None = None
    dead_letters: int | None = None
    error: str | None = None
    next_try: str | None = None
    docs_written: int | None = None


def link_rows(
    server: str, docs: Iterable[Mapping[str, Any]], jobs: Iterable[Mapping[str, Any]]
) -> list[LinkRow]:
    """The rows of one server, by source, target and name. `docs` and `jobs` are the two endpoints' rows."""
    by_id = {str(job.get("id")): job for job in jobs}
    rows, shown = [], set()
    for doc in docs:
        # A job starts with its document's row, but what is measured is in both and newest in the job's.
        job = by_id.get(str(doc.get("id"))) or {}
        shown.add(str(doc.get("id")))
        database = str(doc.get("database") or REPLICATOR)
        name = str(doc.get("doc_id"))
        rows.append(
            _row(server, name if database == REPLICATOR else f"{database}/{name}", {**job, **doc}, job)
        )
    for name, job in by_id.items():
        if name not in shown and job.get("doc_id") is None:
            rows.append(_row(server, name, {**job, "state": _state(job)}, job))
    return sorted(rows, key=lambda row: (row.source, row.target, row.name))


def _row(server: str, name: str, found: Mapping[str, Any], job: Mapping[str, Any]) -> LinkRow:
    info = {**_object(found.get("info")), **_object(job.get("info"))}
    letters = _first(_count(found.get("dead_letters")), _count(info.get("doc_write_failures")))
    lag = _first(found.get("lag_s"), info.get("lag_s"))
    error = info.get("error") if found.get("state") != "running" else None
    return LinkRow(
        server=server,
        name=name,
        source=hide(str(found.get("source") or "")).rstrip("/"),
        target=hide(str(found.get("target") or "")).rstrip("/"),
        state=str(found.get("state") or "not started"),
        lag_s=float(lag) if isinstance(lag, int | float) else None,
        pending=_count(info.get("changes_pending")),
        dead_letters=letters,
        error=None if error is None else hide(str(error)),
        next_try=_first(found.get("next_try"), info.get("next_try")),
        docs_written=_count(info.get("docs_written")),
    )


def _state(job: Mapping[str, Any]) -> str:
    """The state of a job without a document, which CouchDB tells by its last event only."""
    if job.get("state"):
        return str(job["state"])
    history = job.get("history") or [{}]
    return {"started": "running", "crashed": "crashing"}.get(str(history[0].get("type")), "pending")


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    if isinstance(value, list):
        return len(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
