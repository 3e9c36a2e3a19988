"""How long a GET takes while a bulk load and full scans run beside it.

    python -m bench.latency [--documents 50000] [--seconds 10] [--peer none|pouchdb-server|URL]

One connection asks for a document every 5 ms, first alone (`idle`), then beside one process that writes
bulks of 500 and one that reads `_all_docs?include_docs=true` again and again (`busy`). The question is
asked on a fixed beat and its time counts from the beat, so a stalled server can't hide the wait by being
asked less often. Prints JSON: p50, p99 and the longest in milliseconds, the target (busy p99 under
20 ms), and what the load did meanwhile.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import random
import sys
import time
from multiprocessing.synchronize import Event
from typing import Any

from bench.docdb import Start
from bench.load import load, scan
from bench.server import PEER, Server, call, headers, ours, peer, scratch

DB = "latency"
BEAT_S = 0.005
BUSY_P99_MS_TARGET = 20


def probe(server: Server, documents: int, seconds: float, db: str = DB) -> dict[str, float]:
    """GETs of random documents on a beat; milliseconds from the beat to the end of the answer.

    A beat that was not asked when the time was over counts with what it had waited until then.
    """
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    dice = random.Random(20)
    beats = round(seconds / BEAT_S)
    begin = time.perf_counter()
    took: list[float] = []
    while len(took) < beats and time.perf_counter() < begin + seconds:
        due = begin + len(took) * BEAT_S
        time.sleep(max(0.0, due - time.perf_counter()))
        connection.request("GET", f"/{db}/doc-{dice.randrange(documents):08d}", headers=headers(server))
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{server.name}: GET: {answer.status}")
        took.append((time.perf_counter() - due) * 1000)
    connection.close()
    answered, waited = len(took), time.perf_counter() - begin
    took += [(waited - beat * BEAT_S) * 1000 for beat in range(answered, beats)]
    took.sort()
    at = {"p50_ms": took[len(took) // 2], "p99_ms": took[len(took) * 99 // 100], "max_ms": took[-1]}
    return {"beats": beats, "answered": answered, **{name: round(value, 2) for name, value in at.items()}}


def write_on(server: Server, stop: Event, written: Any) -> None:
    """Writes batches until told to stop."""
    while not stop.is_set():
        load(server, DB, written.value, 5_000, "more-")
        written.value += 5_000


def scan_on(server: Server, stop: Event, scanned: Any) -> None:
    """Reads the whole database again and again until told to stop."""
    while not stop.is_set():
        scan(server, f"/{DB}/_all_docs?include_docs=true")
        scanned.value += 1


def measure(server: Server, documents: int, seconds: float) -> dict[str, Any]:
    call(server, "PUT", f"/{DB}")
    load(server, DB, 0, documents)
    idle = probe(server, documents, seconds / 2)
    start = multiprocessing.get_context("spawn")
    stop, written, scanned = start.Event(), start.Value("q", 0), start.Value("q", 0)
    beside = [
        start.Process(target=write_on, args=(server, stop, written)),
        start.Process(target=scan_on, args=(server, stop, scanned)),
    ]
    for process in beside:
        process.start()
    while not (written.value and scanned.value):
        if not all(process.is_alive() for process in beside):
            raise RuntimeError("the load beside the GETs has ended")
        time.sleep(0.05)
    before, begin = written.value, time.perf_counter()
    busy = probe(server, documents, seconds)
    rate = (written.value - before) / (time.perf_counter() - begin)
    stop.set()
    for process in beside:
        process.join()
    return {
        "name": server.name,
        "idle": idle,
        "busy": busy,
        "beside": {"bulk_docs_per_s": round(rate), "full_scans": scanned.value},
        "target_met": busy["p99_ms"] < BUSY_P99_MS_TARGET,
    }


def run(start: Start, documents: int, seconds: float) -> dict[str, Any]:
    with scratch() as folder, start(folder) as server:
        print(f"measuring {server.name}", file=sys.stderr)
        return measure(server, documents, seconds)


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python -m bench.latency", description=(__doc__ or "").partition("\n")[0]
    )
    options.add_argument("--documents", type=int, default=50_000)
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--peer", default="none", help=f"none (the default), {PEER}, or a server's URL")
    options.add_argument("--ours", default="couchgrass", choices=("couchgrass", "none"))
    chosen = options.parse_args()
    mine = run(ours, chosen.documents, chosen.seconds) if chosen.ours != "none" else {}
    other = run(peer(chosen.peer), chosen.documents, chosen.seconds) if chosen.peer != "none" else {}
    print(json.dumps({"target": {"busy_p99_ms": BUSY_P99_MS_TARGET}, "ours": mine, "peer": other}, indent=2))


if __name__ == "__main__":
    main()
