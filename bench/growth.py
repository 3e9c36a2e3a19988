"""How each kind of work grows with the database: 10,000 to 1,000,000 documents.

    python -m bench.growth [--sizes 10000,100000,1000000] [--peer none|pouchdb-server|URL] [--seconds 3]

Point work should stay flat, scans should take time in proportion to the rows (a constant rate). Prints
JSON: a line of figures for each size, and `last_by_first`, the rate at the last size divided by the one
at the first.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from bench.docdb import Start
from bench.load import load, require_wrk, scan_rows_per_s, wrk
from bench.server import PEER, Server, call, ours, peer, scratch

DB = "growth"


def measure(server: Server, sizes: list[int], seconds: float) -> list[dict[str, Any]]:
    """A line for each size; the documents of a size include those of the sizes before it."""
    call(server, "PUT", f"/{DB}")
    lines: list[dict[str, Any]] = []
    there = 0
    for size in sizes:
        print(f"{server.name}: {size} documents", file=sys.stderr)
        line: dict[str, Any] = {"documents": size}
        line["bulk_docs_per_s"] = round(load(server, DB, there, size - there))
        there = size
        for connections in (32, 1):
            read = ("get_any", "doc-", str(size))
            got = wrk(server, f"/{DB}", *read, connections=connections, seconds=seconds)
            line[f"get_c{connections}_per_s"], line[f"get_c{connections}_p99_ms"] = (
                got["per_s"],
                got["p99_ms"],
            )
        put = wrk(server, f"/{DB}", "put", f"x{size}-", connections=32, seconds=seconds)
        line["put_c32_per_s"], line["put_c32_p99_ms"] = put["per_s"], put["p99_ms"]
        page = f"/{DB}/_all_docs?include_docs=true&limit=100&startkey=%22doc-{size // 2:08d}%22"
        paged = wrk(server, page, "get", connections=1, seconds=seconds)
        line["page_of_100_per_s"] = paged["per_s"]
        everything = f"/{DB}/_all_docs?include_docs=true"
        line["all_docs_rows_per_s"] = round(scan_rows_per_s(server, everything, "rows", size, 1))
        line["changes_rows_per_s"] = round(
            scan_rows_per_s(server, f"/{DB}/_changes?since=0", "results", size, 1)
        )
        if (resident := server.resident_mb()) is not None:
            line["resident_mb"] = resident["now"]
        lines.append(line)
    return lines


def run(start: Start, sizes: list[int], seconds: float) -> dict[str, Any]:
    with scratch() as folder, start(folder) as server:
        lines = measure(server, sizes, seconds)
    first, last = lines[0], lines[-1]
    grown = {key: round(last[key] / first[key], 2) for key in first if key.endswith("_per_s")}
    return {"name": server.name, "sizes": lines, "last_by_first": grown}


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python -m bench.growth", description=(__doc__ or "").partition("\n")[0]
    )
    options.add_argument("--sizes", default="10000,100000,1000000", help="numbers of documents, growing")
    options.add_argument("--peer", default="none", help=f"none (the default), {PEER}, or a server's URL")
    options.add_argument("--ours", default="couchgrass", choices=("couchgrass", "none"))
    options.add_argument("--seconds", type=float, default=3.0, help="of each measurement of point work")
    chosen = options.parse_args()
    require_wrk()
    sizes = sorted(int(size) for size in chosen.sizes.split(","))
    mine = run(ours, sizes, chosen.seconds) if chosen.ours != "none" else {}
    other = run(peer(chosen.peer), sizes, chosen.seconds) if chosen.peer != "none" else {}
    print(json.dumps({"ours": mine, "peer": other}, indent=2))


if __name__ == "__main__":
    main()
