"""Waits until jobs run, and proves a link with a document that goes there and back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import CouchgrassError, Forbidden, RequestTimeout, Unauthorized
from couchgrass.linking.apply.abreast import AT_ONCE_MAX, abreast
from couchgrass.linking.apply.look import found
from couchgrass.linking.job import REPLICATOR

FIRST_S: Final = 0.005
SLOWEST_S: Final = 0.5
"""Between two looks: short at first, so that what is fast is measured as fast."""

RUNNING: Final = "running"
FAILED: Final = "failed"


class Waited(msgspec.Struct, frozen=True):
    """A job that did not run in time, or never will: its state, and the server's own words on it."""

    job: str
    state: str
    reason: str


class Proof(msgspec.Struct, frozen=True):
    """How long the document took, in seconds. `refused` says why none could be written."""

    there_s: float | None = None
    back_s: float | None = None
    refused: str | None = None


async def until_running(
    jobs: Sequence[tuple[CouchServer, str]], timeout_s: float, show: Callable[[int, str], None]
) -> list[Waited]:
    """The jobs that do not run when this returns; none is well. `show` gets how many run, and a state."""
    waiting = {name: server for server, name in jobs}
    late = time.monotonic() + timeout_s
    pause = FIRST_S
    states: dict[str, Waited] = {}
    while waiting:
        names = list(waiting)
        rows = await abreast(names, lambda name: _row(waiting[name], name), at_once_max=2 * AT_ONCE_MAX)
        for name, row in zip(names, rows, strict=True):
            states[name] = Waited(name, str(row.get("state") or "not started"), _reason(row))
            if states[name].state == RUNNING:
                del waiting[name], states[name]
        show(len(jobs) - len(waiting), next((waited.state for waited in states.values()), RUNNING))
        if time.monotonic() > late or any(waited.state == FAILED for waited in states.values()):
            break
        if waiting:
            await asyncio.sleep(pause)
            pause = min(pause * 2, SLOWEST_S)
    return [states[name] for name in waiting]


async def _row(server: CouchServer, name: str) -> Mapping[str, Any]:
    """The scheduler's; of a server without one, what the job's document says of itself."""
    row = await found(server, "_scheduler", "docs", REPLICATOR, name)
    if row is not None:
        return dict(row)
    state = (await found(server, REPLICATOR, name) or {}).get("_replication_state")
    return {"state": RUNNING if state == "triggered" else state}


def _reason(row: Mapping[str, Any]) -> str:
    info = row.get("info")
    return str(info.get("error") or "") if isinstance(info, dict) else ""


class _Refused(Exception):
    """A job has the document among those that its target refuses."""


async def prove(
    a: CouchServer,
    b: CouchServer,
    db: str,
    doc: Mapping[str, Any],
    *,
    both_ways: bool,
    timeout_s: float,
    jobs: Sequence[tuple[CouchServer, str]] = (),
) -> Proof:
    """Writes `doc` at A, waits for it at B, edits it there, waits for that at A, and deletes it.

    What a database's own rules refuse is no failure of the link: `Proof.refused`. `jobs`, with the servers
    that run them, are asked whether that is why it does not come. Raises RequestTimeout.
    """
    try:
        rev = await _put(a, db, doc)
    except (Forbidden, Unauthorized) as refusal:
        return Proof(refused=f"{a.base}: {refusal.reason}")
    try:
        there = await _arrival(b, db, doc["_id"], rev, timeout_s, jobs)
        back = None
        if both_ways:
            rev = await _put(b, db, {**doc, "back": True}, rev)
            back = await _arrival(a, db, doc["_id"], rev, timeout_s, jobs)
    except _Refused as refused:
        await _swept((a, b) if both_ways else (a,), db, doc)
        return Proof(refused=str(refused))
    except BaseException:
        await _swept((a, b) if both_ways else (a,), db, doc)
        raise
    await _put(a, db, {**doc, "_deleted": True}, rev)
    await _arrival(b, db, doc["_id"], None, timeout_s)
    return Proof(there, back)


async def _put(server: CouchServer, db: str, doc: Mapping[str, Any], rev: str | None = None) -> str:
    """Its new revision. Without `rev` it replaces what an interrupted run has left."""
    if rev is None:
        left = await found(server, db, doc["_id"])
        rev = None if left is None else left["_rev"]
    answer = await server.ask("PUT", path(db, doc["_id"]), {**doc, **({} if rev is None else {"_rev": rev})})
    return str(answer["rev"])


async def _arrival(
    server: CouchServer,
    db: str,
    doc_id: str,
    rev: str | None,
    timeout_s: float,
    jobs: Sequence[tuple[CouchServer, str]] = (),
) -> float:
    """Seconds until the server shows this revision; None: until the document is gone."""
    begin = time.monotonic()
    pause = FIRST_S
    while True:
        shown = await found(server, db, doc_id)
        if (shown or {}).get("_rev") == rev:
            return time.monotonic() - begin
        if time.monotonic() - begin > timeout_s:
            what = "the proof's document" if rev is not None else "the proof's deletion"
            raise RequestTimeout(f"{server.base}: {what} did not come within {timeout_s:g} s")
        if pause == SLOWEST_S:
            await _check_letters(jobs, doc_id)
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, SLOWEST_S)


async def _check_letters(jobs: Sequence[tuple[CouchServer, str]], doc_id: str) -> None:
    """Raises _Refused. Only couchgrass has lists of dead letters."""
    for server, name in jobs:
        for letter in (await _row(server, name)).get("dead_letters_list") or ():
            if letter["id"] == doc_id:
                raise _Refused(f"the target of job {name} refuses it: {letter['reason']}")


async def _swept(servers: Sequence[CouchServer], db: str, doc: Mapping[str, Any]) -> None:
    """The proof failed: its document goes from wherever it got to."""
    for server in servers:
        try:
            left = await found(server, db, doc["_id"])
            if left is not None:
                await _put(server, db, {**doc, "_deleted": True}, left["_rev"])
        except CouchgrassError:
            continue
