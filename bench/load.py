"""The loads: wrk for point work, one connection that writes bulks, a bare socket that reads scans."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.server import Server, call, headers

BATCH_DOCS = 500
READ_BYTES = 1 << 20
SCRIPT = Path(__file__).with_name("wrk.lua")

FIELDS = {
    "type": "order",
    "customer": "customer-000042",
    "status": "shipped",
    "total": 129.9,
    "items": [{"sku": "grass-1", "n": 2}, {"sku": "sand-7", "n": 1}],
    "note": "left at the door of the neighbour, second floor",
}
"""What each document holds: about 200 bytes of JSON."""

BODY = json.dumps(FIELDS, separators=(",", ":"))


def require_wrk() -> None:
    if shutil.which("wrk") is None:
        sys.exit("The load generator wrk is missing: `apt-get install wrk` (Debian), then try again.")


def wrk(server: Server, path: str, *what: str, connections: int, seconds: float) -> dict[str, Any]:
    """Runs wrk; `what` is for wrk.lua.

    Gives requests, per_s, p50_ms, p99_ms, max_ms. Raises RuntimeError if a request failed.
    """
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(SCRIPT)]
    command += ["-H", f"Authorization: {server.authorization}"] if server.authorization else []
    command += [f"{server.url}{path}", "--", *what]
    run = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "BENCH_BODY": BODY}
    )
    seen: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    if seen.pop("failed"):
        raise RuntimeError(f"{server.name}: {what[0]} {path}: {run.stdout}")
    return {**seen, "per_s": round(seen["requests"] / seen.pop("seconds"))}


def bulks(first: int, count: int, prefix: str = "doc-") -> Iterator[tuple[int, bytes]]:
    """Bodies for _bulk_docs, each with how many documents it holds; ids are PREFIX%08d."""
    for start in range(first, first + count, BATCH_DOCS):
        size = min(BATCH_DOCS, first + count - start)
        docs = ",".join(f'{{"_id":"{prefix}{n:08d}",{BODY[1:]}' for n in range(start, start + size))
        yield size, f'{{"docs":[{docs}]}}'.encode()


def load(server: Server, db: str, first: int, count: int, prefix: str = "doc-") -> float:
    """Writes `count` new documents on one connection; documents a second, making the bodies not counted."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=300)
    spent = 0.0
    for size, body in bulks(first, count, prefix):
        begin = time.perf_counter()
        connection.request("POST", f"/{db}/_bulk_docs", body, headers(server))
        answer = connection.getresponse()
        text = answer.read()
        spent += time.perf_counter() - begin
        if answer.status != 201 or text.count(b'"rev"') != size:
            raise RuntimeError(f"{server.name}: _bulk_docs: {answer.status} {text[:500]!r}")
    connection.close()
    return count / spent


def scan(server: Server, path: str) -> tuple[float, int]:
    """Reads a long answer as fast as it comes and throws it away; (seconds, bytes)."""
    asked = [f"GET {path} HTTP/1.1", f"Host: {server.host}:{server.port}", "Connection: close"]
    asked += [f"Authorization: {server.authorization}"] if server.authorization else []
    buffer = bytearray(READ_BYTES)
    total = 0
    begin = time.perf_counter()
    with socket.create_connection((server.host, server.port), timeout=300) as peer:
        peer.sendall("\r\n".join([*asked, "Accept: application/json", "", ""]).encode())
        while got := peer.recv_into(buffer):
            total += got
    return time.perf_counter() - begin, total


def scan_rows_per_s(server: Server, path: str, key: str, rows: int, times: int) -> float:
    """Rows a second of the fastest of `times` scans, after one whose rows were counted."""
    status, text = call(server, "GET", path)
    listed = len(json.loads(text)[key]) if status == 200 else 0
    if listed < rows:
        raise RuntimeError(f"{server.name}: {path}: {status}, {listed} rows where {rows} were expected")
    scans = [scan(server, path) for _ in range(times)]
    if any(size < len(text) for _, size in scans):
        raise RuntimeError(f"{server.name}: {path}: an answer was cut short")
    return listed / min(took for took, _ in scans)
