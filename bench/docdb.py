"""The table of the document database's speed, ours and a peer's measured by the same code in one run.

    python -m bench.docdb [--peer pouchdb-server|none|URL] [--ours couchgrass|none] [--quick]

Prints JSON: `ours`, `peer`, `ratio` (ours divided by the peer's), the figures of CouchDB 3.5.0 on a
2-core machine, the `target` we set ourselves there, and which of them this run met. An absolute figure
means little on a shared machine; the ratio means more. Ours is on the disk before it answers a write;
the peer leaves that to LevelDB, which does not sync each write.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from bench.load import BATCH_DOCS, BODY, load, require_wrk, scan_rows_per_s, wrk
from bench.server import PEER, Server, call, ours, peer, scratch

Start = Callable[[Path], AbstractContextManager[Server]]

COUCHDB_3_5_0 = {
    "get_c32_per_s": 2_240,
    "get_c1_per_s": 1_220,
    "put_c32_per_s": 1_350,
    "put_c1_per_s": 340,
    "bulk_docs_per_s": 18_200,
    "all_docs_rows_per_s": 23_100,
    "changes_rows_per_s": 40_700,
    "resident_mb": 112,
}
TARGET = {
    "get_c32_per_s": 15_000,
    "get_c1_per_s": 5_000,
    "put_c32_per_s": 8_000,
    "put_c1_per_s": 1_500,
    "bulk_docs_per_s": 40_000,
    "all_docs_rows_per_s": 200_000,
    "changes_rows_per_s": 300_000,
    "resident_mb": 100,
}


def measure(server: Server, docs: int, seconds: float) -> dict[str, Any]:
    """One server's column of the table, in the order of the work."""
    idle = server.resident_mb()
    for db in ("bench", "bench-put"):
        call(server, "DELETE", f"/{db}")
        status, text = call(server, "PUT", f"/{db}")
        if status not in (201, 202):
            raise RuntimeError(f"{server.name}: PUT /{db}: {status} {text!r}")
    seen: dict[str, Any] = {"bulk_docs_per_s": round(load(server, "bench", 0, docs))}
    call(server, "PUT", "/bench-put/one", BODY.encode())
    for connections in (32, 1):
        got = wrk(server, "/bench/doc-00000007", "get", connections=connections, seconds=seconds)
        seen[f"get_c{connections}_per_s"], seen[f"get_c{connections}_p99_ms"] = got["per_s"], got["p99_ms"]
    for connections in (32, 1):
        prefix = f"c{connections}-"
        put = wrk(server, "/bench-put", "put", prefix, connections=connections, seconds=seconds)
        seen[f"put_c{connections}_per_s"], seen[f"put_c{connections}_p99_ms"] = put["per_s"], put["p99_ms"]
    scans = 3
    everything = "/bench/_all_docs?include_docs=true"
    seen["all_docs_rows_per_s"] = round(scan_rows_per_s(server, everything, "rows", docs, scans))
    seen["changes_rows_per_s"] = round(
        scan_rows_per_s(server, "/bench/_changes?since=0", "results", docs, scans)
    )
    if (resident := server.resident_mb()) is not None and idle is not None:
        seen |= {"resident_mb": resident["now"], "resident_peak_mb": resident["peak"]}
        seen["resident_idle_mb"] = idle["now"]
    for db in ("bench", "bench-put"):
        call(server, "DELETE", f"/{db}")
    return {"name": server.name, **seen}


def run(start: Start, docs: int, seconds: float) -> dict[str, Any]:
    with scratch() as folder, start(folder) as server:
        print(f"measuring {server.name}", file=sys.stderr)
        return measure(server, docs, seconds)


def met(seen: dict[str, Any]) -> dict[str, bool]:
    """Which targets a column reaches."""
    return {
        key: seen[key] <= wanted if key == "resident_mb" else seen[key] >= wanted
        for key, wanted in TARGET.items()
        if key in seen
    }


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python -m bench.docdb", description=(__doc__ or "").partition("\n")[0]
    )
    options.add_argument("--peer", default=PEER, help="pouchdb-server (the default), none, or a server's URL")
    options.add_argument("--ours", default="couchgrass", choices=("couchgrass", "none"))
    options.add_argument("--quick", action="store_true", help="5,000 documents and 1 s a measurement")
    chosen = options.parse_args()
    require_wrk()
    docs, seconds = (5_000, 1.0) if chosen.quick else (50_000, 5.0)
    mine = run(ours, docs, seconds) if chosen.ours != "none" else {}
    other = run(peer(chosen.peer), docs, seconds) if chosen.peer != "none" else {}
    report = {
        "settings": {
            "documents": docs,
            "document_bytes": len(BODY),
            "bulk_batch_docs": BATCH_DOCS,
            "seconds_each": seconds,
            "cpus": os.cpu_count(),
            "machine": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "ours": mine,
        "peer": other,
        "ratio": {
            key: round(mine[key] / other[key], 2) for key in TARGET if mine.get(key) and other.get(key)
        },
        "couchdb_3_5_0": COUCHDB_3_5_0,
        "target": TARGET,
        "target_met": met(mine),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
