"""How fast databases of two servers become equal, ours and a peer's measured by the same code in one run.

    python -m bench.replication [--peer pouchdb-server|none|URL] [--ours couchgrass|none] [--quick]
                                [--only copy,lag,start,beside,backfill,jobs,resume]
                                [--million] [--jobs N] [--away 10,60]

Both servers are processes of this machine, with the replicator in the target's ("pull"), in the source's
("push") or in a third one that reaches both over HTTP ("beside"). Measured are

- `copy`: a one-shot replication of 50,000 small documents into an empty database, the best of three;
- `lag`: from the answer to a PUT on the source until a GET on the target finds the document, while a
  continuous replication runs;
- `start`: from writing a `_replicator` document until the first document is across;
- and for ours what `bench.replication_long` measures: GETs beside a back-fill, its memory, a thousand jobs,
  and how soon a link goes on when its peer is back.

Prints JSON like `bench.docdb`. An absolute figure means little on a shared machine; the ratio means more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import time
from contextlib import ExitStack
from typing import Any

from bench import replication_long
from bench.docdb import Start
from bench.load import BODY, load
from bench.pair import Client, address, answered, copy_once, count, drop, make, milliseconds
from bench.server import PEER, Server, call, ours, peer, scratch

DB = "bench"
COPY = "bench-copy"
COPIES = 3
STARTS = 10
SPREAD_S = 0.03
"""About how long the writes lie apart whose way is timed."""

SMALL = ("copy", "lag", "start")
LONG = ("beside", "backfill", "jobs", "resume")

COUCHDB_3_5_0 = {"pull_docs_per_s": 4_600, "lag_median_ms": 95, "start_median_ms": 3_700}
TARGET = {"pull_docs_per_s": 20_000, "lag_median_ms": 10, "start_median_ms": 300}


def copies(replicator: Server, source: tuple[Server, str], target: tuple[Server, str], documents: int) -> int:
    """Documents a second of the fastest of some one-shot copies."""
    seen: list[float] = []
    for number in range(COPIES):
        name = f"{target[1]}-{number}"
        make(target[0], name)
        seen.append(copy_once(replicator, address(*source), address(target[0], name)))
        if (there := count(target[0], name)) != documents:
            raise RuntimeError(f"{replicator.name}: {there} documents of {documents} were copied")
        drop(target[0], name)
    return round(documents / min(seen))


def pulls(source: Server, target: Server, documents: int) -> int:
    """The same with the replicator in the target's process, which it is told by the database's name."""
    seen: list[float] = []
    for number in range(COPIES):
        name = f"{COPY}-{number}"
        make(target, name)
        seen.append(copy_once(target, address(source, DB), name))
        if (there := count(target, name)) != documents:
            raise RuntimeError(f"{target.name}: {there} documents of {documents} were copied")
        drop(target, name)
    return round(documents / min(seen))


def lag(source: Server, target: Server, writes: int) -> dict[str, float]:
    """How long documents take to the other side while a continuous pull runs."""
    make(source, "lag")
    make(target, "lag")
    job = {"source": address(source, "lag"), "target": "lag", "continuous": True}
    answered(target, "POST", "/_replicate", job)
    writer, reader = Client(source), Client(target)
    writer.status("PUT", "/lag/first", BODY)
    reader.shows("/lag/first")
    dice = random.Random(3)
    took: list[float] = []
    for number in range(writes):
        time.sleep(dice.uniform(0, 2 * SPREAD_S))
        status = writer.status("PUT", f"/lag/doc-{number}", BODY)
        if status not in (201, 202):
            raise RuntimeError(f"{source.name}: PUT: {status}")
        took.append(reader.shows(f"/lag/doc-{number}"))
    call(target, "POST", "/_replicate", json.dumps({**job, "cancel": True}).encode())
    drop(source, "lag")
    drop(target, "lag")
    return milliseconds(took)


def starts(source: Server, target: Server) -> dict[str, float]:
    """From before a job's document is written until the first document is across.

    Nothing is taken away again: pouchdb-server ends when a job's document or database is deleted.
    """
    call(target, "PUT", "/_replicator")
    took: list[float] = []
    for number in range(STARTS):
        name = f"start-{number}"
        for server, documents in ((source, 10), (target, 0)):
            answered(server, "PUT", f"/{name}")
            if documents:
                load(server, name, 0, documents)
        job = {"source": address(source, name), "target": address(target, name), "continuous": True}
        client = Client(target)
        begin = time.perf_counter()
        answered(target, "PUT", f"/_replicator/{name}", job)
        client.shows(f"/{name}/doc-00000000", limit_s=60)
        took.append(time.perf_counter() - begin)
    return milliseconds(took)


def measure(servers: list[Server], documents: int, writes: int, only: list[str]) -> dict[str, Any]:
    """One kind of server's column: source, target, and a third one that only replicates."""
    source, target, third = servers
    seen: dict[str, Any] = {"name": source.name}
    if "copy" in only:
        make(source, DB, documents)
        here, there = (source, DB), (target, COPY)
        seen["pull_docs_per_s"] = pulls(source, target, documents)
        seen["push_docs_per_s"] = copies(source, here, there, documents)
        seen["beside_docs_per_s"] = copies(third, here, there, documents)
        drop(source, DB)
    if "lag" in only:
        seen |= {f"lag_{key}": value for key, value in lag(source, target, writes).items()}
    if "start" in only:
        seen |= {f"start_{key}": value for key, value in starts(source, target).items()}
    return seen


def run(start: Start, documents: int, writes: int, only: list[str]) -> dict[str, Any]:
    with ExitStack() as stack:
        servers = [stack.enter_context(start(stack.enter_context(scratch()))) for _ in range(3)]
        print(f"measuring {servers[0].name}", file=sys.stderr)
        return measure(servers, documents, writes, only)


def ratio(mine: dict[str, Any], other: dict[str, Any]) -> dict[str, float]:
    """How many times better ours is."""
    keys = ("pull_docs_per_s", "push_docs_per_s", "beside_docs_per_s", "lag_median_ms", "start_median_ms")
    return {
        key: round(mine[key] / other[key] if key.endswith("_per_s") else other[key] / mine[key], 2)
        for key in keys
        if mine.get(key) and other.get(key)
    }


def met(seen: dict[str, Any]) -> dict[str, bool]:
    """Which targets are reached."""
    return {
        key: seen[key] >= wanted if key.endswith("_per_s") else seen[key] <= wanted
        for key, wanted in TARGET.items()
        if key in seen
    }


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.replication", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--peer", default=PEER, help="pouchdb-server (the default), none, or a server's URL")
    parser.add_argument("--ours", default="couchgrass", choices=("couchgrass", "none"))
    parser.add_argument("--quick", action="store_true", help="5,000 documents and 50 writes")
    parser.add_argument("--only", default=",".join((*SMALL, "beside", "backfill")), help="what to measure")
    parser.add_argument("--million", action="store_true", help="back-fill a million documents, not 300,000")
    parser.add_argument("--jobs", type=int, default=0, help="measure so many continuous jobs at once")
    parser.add_argument("--away", default="10,60", help="seconds that a peer is away, for `resume`")
    parser.add_argument("--resume", action="store_true", help="measure how soon a link goes on")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    only = chosen.only.split(",")
    only += ["jobs"] * (chosen.jobs > 0) + ["resume"] * chosen.resume
    documents, writes = (5_000, 50) if chosen.quick else (50_000, 200)
    mine = run(ours, documents, writes, only) if chosen.ours != "none" else {}
    if chosen.ours != "none" and set(only) & set(LONG):
        away = [float(one) for one in chosen.away.split(",")]
        backfill = 1_000_000 if chosen.million else 20_000 if chosen.quick else 300_000
        mine |= replication_long.measure(only, backfill, chosen.jobs or 1000, away)
    small = [one for one in only if one in SMALL]
    other = run(peer(chosen.peer), documents, writes, small) if chosen.peer != "none" and small else {}
    report = {
        "settings": {
            "documents": documents,
            "document_bytes": len(BODY),
            "writes": writes,
            "cpus": os.cpu_count(),
            "machine": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "ours": mine,
        "peer": other,
        "ratio": ratio(mine, other),
        "couchdb_3_5_0": COUCHDB_3_5_0,
        "target": TARGET,
        "target_met": met(mine),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
