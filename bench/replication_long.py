"""What takes its time to measure of replication: long copies, many jobs, peers that are away.

Used by `bench.replication`. Each part starts servers of its own.
"""

from __future__ import annotations

import multiprocessing
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.latency import probe
from bench.load import BODY, load
from bench.pair import Client, address, answered, copy_once, count, cpu_s, make, until
from bench.server import Server, ours, scratch

DB = "fill"
KNOWN_DOCS = 2_000
"""Documents that both sides have from the start, for the GETs beside the back-fill."""

BUSY_P99_MS_TARGET = 20
RESIDENT_MB_TARGET = 200
PROBE_S = 5.0
IDLE_S = 60.0
SETTLE_S = 10.0
NAMES_AT_ONCE = 100


@contextmanager
def servers(number: int) -> Iterator[list[Server]]:
    """So many of ours."""
    with ExitStack() as stack:
        yield [stack.enter_context(ours(stack.enter_context(scratch()))) for _ in range(number)]


def _probe_apart(server: Server, seconds: float, out: Connection) -> None:
    out.send(probe(server, KNOWN_DOCS, seconds, DB))


def probe_both(source: Server, target: Server, seconds: float) -> dict[str, dict[str, float]]:
    """GETs to both sides at the same time, from a process each."""
    start = multiprocessing.get_context("spawn")
    seen: dict[str, dict[str, float]] = {}
    asked = []
    for name, server in (("source", source), ("target", target)):
        here, there = start.Pipe()
        process = start.Process(target=_probe_apart, args=(server, seconds, there))
        process.start()
        asked.append((name, here, process))
    for name, here, process in asked:
        seen[name] = here.recv()
        process.join()
    return seen


def beside(documents: int) -> dict[str, Any]:
    """GETs on both databases while a back-fill runs, by where the replicator is."""
    return {place: _beside(place, documents) for place in ("pull", "push", "beside")}


def _beside(place: str, documents: int) -> dict[str, Any]:
    print(f"GETs beside a back-fill: {place}", file=sys.stderr)
    with servers(3) as (source, target, third):
        make(source, DB, documents)
        make(target, DB, KNOWN_DOCS)
        idle = probe_both(source, target, PROBE_S / 2)
        replicator = {"pull": target, "push": source, "beside": third}[place]
        ends = [DB if server is replicator else address(server, DB) for server in (source, target)]
        copying = threading.Thread(target=copy_once, args=(replicator, *ends))
        copying.start()
        until(lambda: count(target, DB) > KNOWN_DOCS)
        before, begin = count(target, DB), time.perf_counter()
        busy = probe_both(source, target, PROBE_S)
        lasted = time.perf_counter() - begin
        ended_early = not copying.is_alive()
        rate = round((count(target, DB) - before) / lasted)
        copying.join()
    worst = max(side["p99_ms"] for side in busy.values())
    return {
        **busy,
        "idle": idle,
        "docs_per_s_meanwhile": rate,
        "ended_early": ended_early,
        "target_met": worst < BUSY_P99_MS_TARGET,
    }


def backfill(documents: int) -> dict[str, Any]:
    """A large one-shot pull: its speed, and the memory of both processes."""
    print(f"back-fill of {documents} documents", file=sys.stderr)
    with servers(2) as (source, target):
        make(source, DB, documents)
        make(target, DB)
        before = [server.resident_mb() or {} for server in (source, target)]
        took = copy_once(target, address(source, DB), DB)
        there = count(target, DB)
        if there != documents:
            raise RuntimeError(f"{there} documents of {documents} were copied")
        after = [server.resident_mb() or {} for server in (source, target)]
    return {
        "documents": documents,
        "docs_per_s": round(documents / took),
        "before_mb": [one["now"] for one in before],
        "peak_mb": [one["peak"] for one in after],
        "target_met": all(one["peak"] < RESIDENT_MB_TARGET for one in after),
    }


def jobs(number: int) -> dict[str, Any]:
    """So many continuous pulls, each of a database of its own."""
    print(f"{number} jobs", file=sys.stderr)
    names = [f"job-{place:05d}" for place in range(number)]
    with servers(2) as (source, target):
        idle_mb = [(server.resident_mb() or {})["now"] for server in (source, target)]
        for name in names:
            make(source, name)
            make(target, name)
            answered(source, "PUT", f"/{name}/first", {"n": 1})
        wanted = [
            {"_id": name, "source": address(source, name), "target": name, "continuous": True}
            for name in names
        ]
        made_mb = [(server.resident_mb() or {})["now"] for server in (source, target)]
        begin = time.perf_counter()
        answered(target, "POST", "/_replicator/_bulk_docs", {"docs": wanted})
        until(lambda: _equal(target, names), 0.2)
        equal_s = time.perf_counter() - begin
        until(lambda: _running(target) >= number, 0.2)
        running_s = time.perf_counter() - begin
        time.sleep(SETTLE_S)
        used = [cpu_s(server) for server in (source, target)]
        time.sleep(IDLE_S)
        used = [cpu_s(server) - before for server, before in zip((source, target), used, strict=True)]
        rested = [(server.resident_mb() or {})["now"] for server in (source, target)]
        took = []
        for name in names[:: max(1, number // 20)]:
            answered(source, "PUT", f"/{name}/second", {"n": 2})
            took.append(Client(target).shows(f"/{name}/second"))
        memory = [(server.resident_mb() or {}) for server in (source, target)]
    return {
        "jobs": number,
        "equal_s": round(equal_s, 2),
        "all_running_s": round(running_s, 2),
        "started_mb": idle_mb,
        "databases_made_mb": made_mb,
        "running_mb": [one["now"] for one in memory],
        "idle_mb": rested,
        "peak_mb": [one["peak"] for one in memory],
        "idle_cpu_s_per_minute": [round(one * 60 / IDLE_S, 2) for one in used],
        "write_median_ms": round(sorted(took)[len(took) // 2] * 1000, 1),
        "write_max_ms": round(max(took) * 1000, 1),
    }


def _equal(server: Server, names: list[str]) -> bool:
    """Whether each of these databases has its document."""
    for at in range(0, len(names), NAMES_AT_ONCE):
        keys = names[at : at + NAMES_AT_ONCE]
        rows = answered(server, "POST", "/_dbs_info", {"keys": keys})
        if any(row["info"]["doc_count"] < 1 for row in rows):
            return False
    return True


def _running(server: Server) -> int:
    """Jobs that run now."""
    tasks = answered(server, "GET", "/_active_tasks")
    return sum(task["type"] == "replication" for task in tasks)


def resume(away_s: list[float]) -> list[dict[str, Any]]:
    """How soon a link goes on when its source, which was killed, is back."""
    return [_resume(one) for one in away_s]


def _resume(away_s: float) -> dict[str, Any]:
    print(f"a peer that is away for {away_s:.0f} s", file=sys.stderr)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        first = ExitStack()
        source = first.enter_context(ours(folder))
        target = stack.enter_context(ours(stack.enter_context(scratch())))
        make(source, DB)
        make(target, DB)
        job = {"source": address(source, DB), "target": DB, "continuous": True}
        answered(target, "PUT", "/_replicator/link", job)
        load(source, DB, 0, 10)
        Client(target).shows(f"/{DB}/doc-00000009")
        assert source.pid is not None
        os.kill(source.pid, signal.SIGKILL)
        first.close()
        time.sleep(away_s)
        again = stack.enter_context(ours(folder, source))
        up = time.perf_counter()
        name = secrets.token_hex(4)
        writer, reader = Client(again), Client(target)
        writer.status("PUT", f"/{DB}/{name}", BODY)
        reader.shows(f"/{DB}/{name}")
        return {"away_s": away_s, "resumed_s": round(time.perf_counter() - up, 2)}


def measure(only: list[str], documents: int, number: int, away_s: list[float]) -> dict[str, Any]:
    """The parts that are wanted."""
    seen: dict[str, Any] = {}
    if "beside" in only:
        seen["gets_beside"] = beside(documents)
    if "backfill" in only:
        seen["backfill"] = backfill(documents)
    if "jobs" in only:
        seen["jobs"] = jobs(number)
    if "resume" in only:
        seen["resume"] = resume(away_s)
    return seen
