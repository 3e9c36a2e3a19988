"""Two servers and what replicates between them: requests to both, jobs, and how far a copy has come."""

from __future__ import annotations

import base64
import http.client
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.load import load
from bench.server import Server, call, headers

POLL_S = 0.0005
"""How often a server is asked whether something has arrived: often enough to not show in a figure."""

WAIT_S = 900.0
"""How long anything may take before the run is broken off."""

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def answered(server: Server, method: str, path: str, value: Any = None) -> Any:
    """A JSON answer. Raises RuntimeError when the server refuses."""
    body = None if value is None else json.dumps(value).encode()
    status, text = call(server, method, path, body)
    if status >= 300:
        raise RuntimeError(f"{server.name}: {method} {path}: {status} {text[:500]!r}")
    return json.loads(text)


def address(server: Server, db: str) -> str:
    """A database as another server reaches it: credentials in the URL, which all replicators take."""
    credentials = ""
    if server.authorization:
        name, _, password = base64.b64decode(server.authorization.split()[1]).decode().partition(":")
        credentials = f"{quote(name)}:{quote(password)}@"
    return f"http://{credentials}{server.host}:{server.port}/{db}"


def make(server: Server, db: str, documents: int = 0, first: int = 0) -> None:
    """An empty database, then with so many documents."""
    call(server, "DELETE", f"/{db}")
    answered(server, "PUT", f"/{db}")
    if documents:
        load(server, db, first, documents)


def drop(server: Server, *dbs: str) -> None:
    """Deletes them."""
    for db in dbs:
        call(server, "DELETE", f"/{db}")


def count(server: Server, db: str) -> int:
    """Documents in a database."""
    return int(answered(server, "GET", f"/{db}")["doc_count"])


def copy_once(replicator: Server, source: str, target: str) -> float:
    """A one-shot replication; seconds. Raises RuntimeError unless it ended well."""
    begin = time.perf_counter()
    answer = answered(replicator, "POST", "/_replicate", {"source": source, "target": target})
    took = time.perf_counter() - begin
    if not answer.get("ok"):
        raise RuntimeError(f"{replicator.name}: _replicate: {answer}")
    return took


def until(what: Callable[[], bool], pause_s: float = 0.05, limit_s: float = WAIT_S) -> float:
    """Seconds until it is true."""
    begin = time.perf_counter()
    while not what():
        if time.perf_counter() - begin > limit_s:
            raise RuntimeError(f"waited for {limit_s:.0f} s in vain")
        time.sleep(pause_s)
    return time.perf_counter() - begin


class Client:
    """One connection that is kept."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
        self._headers = headers(server)

    def status(self, method: str, path: str, body: str | None = None) -> int:
        """Of one request, after its whole answer was read."""
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def shows(self, path: str, limit_s: float = WAIT_S) -> float:
        """Seconds until a document is there."""
        return until(lambda: self.status("GET", path) == 200, POLL_S, limit_s)

    def close(self) -> None:
        self._connection.close()


def cpu_s(server: Server) -> float:
    """Seconds of processor time that a server's process has used."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def milliseconds(seconds: list[float]) -> dict[str, float]:
    """Median, p99 and the longest."""
    ordered = sorted(seconds)
    at = {"median_ms": len(ordered) // 2, "p99_ms": len(ordered) * 99 // 100, "max_ms": -1}
    return {name: round(ordered[place] * 1000, 2) for name, place in at.items()}
