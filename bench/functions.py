"""The speed of functions, and of the plain function behind granian in the same run.

    python -m bench.functions --url http://UUID:SECRET@HOST:PORT [--web URL] [--quick]

The URL is that of a functions server with a namespace's key; `--web` is where its web actions are reached
otherwise, such as through a gateway: a URL to which an action's name is appended. Prints JSON:

- `cold`: calls of an action that was just updated, so that no process has its code, for each kind; one at a
  time, in milliseconds.
- `warm`: calls on one connection, after some that do not count.
- `parallel`: wrk with 32 connections.
- `mixed`: the same while another action sleeps a second a call, eight at a time, and a third is updated and
  called again and again; what matters is the p99 of the first.
- `plain`: warm and parallel of the plain function. `over_plain_ms`: what a warm call costs more than it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from bench.load import require_wrk, wrk
from bench.pair import milliseconds
from bench.server import Server, call, given, plain, scratch

TARGET = {
    "cold_python_median_ms": 30.0,
    "cold_nodejs_median_ms": 80.0,
    "over_plain_ms": 1.0,
    "parallel_per_s": 4_000,
}
KINDS = {
    "python": ("python:3", "def main(args):\n    return {'body': {'ok': True}}  # %s\n"),
    "nodejs": ("nodejs:default", "function main(args) { return { body: { ok: true } } } // %s\n"),
}
SLEEPS = "import time\n\ndef main(args):\n    time.sleep(1)\n    return {'body': {'ok': True}}\n"
CONNECTIONS = 32
SLEEPERS = 8
WARM_UP = 50
TIMEOUT_S = 120


class Target:
    """Where actions are put (`server`, with a key) and where they are called (`web` at `prefix`, without)."""

    def __init__(self, server: Server, web_url: str | None) -> None:
        self.server = server
        self.namespace: str = self._asked("GET", "/api/v1/namespaces")[0]
        default = f"{server.url}/api/v1/web/{self.namespace}/default/"
        parts = urlsplit(web_url or default)
        self.prefix = parts.path
        self.web = replace(
            server, host=parts.hostname or server.host, port=parts.port or 80, authorization=""
        )

    def _asked(self, method: str, path: str, value: Any = None) -> Any:
        body = None if value is None else json.dumps(value).encode()
        status, text = call(self.server, method, path, body)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {text[:500]!r}")
        return json.loads(text)

    def put(self, name: str, kind: str, code: str) -> None:
        """Creates the action or gives it a new version, which no process has yet."""
        action = {
            "exec": {"kind": kind, "code": code},
            "annotations": [{"key": "web-export", "value": True}],
        }
        self._asked("PUT", f"/api/v1/namespaces/_/actions/{name}?overwrite=true", action)

    def delete(self, name: str) -> None:
        self._asked("DELETE", f"/api/v1/namespaces/_/actions/{name}")


def timed(server: Server, path: str, times: int, before: Callable[[int], None] | None = None) -> list[float]:
    """Seconds of so many GETs on one connection; `before` each comes what does not count."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=TIMEOUT_S)
    took: list[float] = []
    for turn in range(times):
        if before is not None:
            before(turn)
        begin = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read()
        took.append(time.perf_counter() - begin)
        if answer.status != 200:
            raise RuntimeError(f"{server.name}: GET {path}: {answer.status} {text[:500]!r}")
    connection.close()
    return took


def cold(target: Target, times: int) -> dict[str, Any]:
    """Per kind: calls of an action just after its update."""
    seen: dict[str, Any] = {}
    for family, (kind, code) in KINDS.items():
        name = f"bench-cold-{family}"

        def update(turn: int, name: str = name, kind: str = kind, code: str = code) -> None:
            target.put(name, kind, code % turn)

        seen[family] = milliseconds(timed(target.web, target.prefix + name, times, update))
        target.delete(name)
    return seen


def warm(server: Server, path: str, times: int) -> dict[str, float]:
    """Calls on one connection."""
    timed(server, path, WARM_UP)
    return milliseconds(timed(server, path, times))


@contextmanager
def beside(target: Target) -> Iterator[dict[str, int]]:
    """Sleeping calls and cold ones go on while the block runs; counts them."""
    target.put("bench-sleeps", "python:3", SLEEPS)
    stop = threading.Event()
    counted = {"slept": 0, "cold": 0}

    def sleep_on() -> None:
        while not stop.is_set():
            timed(target.web, target.prefix + "bench-sleeps", 1)
            counted["slept"] += 1

    def update_on() -> None:
        kind, code = KINDS["python"]
        while not stop.is_set():
            target.put("bench-new", kind, code % counted["cold"])
            timed(target.web, target.prefix + "bench-new", 1)
            counted["cold"] += 1

    threads = [threading.Thread(target=work) for work in (*[sleep_on] * SLEEPERS, update_on)]
    for thread in threads:
        thread.start()
    try:
        yield counted
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for name in ("bench-sleeps", "bench-new"):
            target.delete(name)


def measure(target: Target, colds: int, warms: int, seconds: float) -> dict[str, Any]:
    """The column of the functions server."""
    seen: dict[str, Any] = {"cold": cold(target, colds)}
    kind, code = KINDS["python"]
    target.put("bench-warm", kind, code % "warm")
    path = target.prefix + "bench-warm"
    seen["warm"] = warm(target.web, path, warms)
    wrk(target.web, path, "get", connections=CONNECTIONS, seconds=1)  # grows as many processes as it takes
    seen["parallel"] = wrk(target.web, path, "get", connections=CONNECTIONS, seconds=seconds)
    with beside(target) as counted:
        seen["mixed"] = wrk(target.web, path, "get", connections=CONNECTIONS, seconds=seconds)
    seen["mixed"]["beside"] = counted
    target.delete("bench-warm")
    return seen


def measure_plain(warms: int, seconds: float) -> dict[str, Any]:
    """The column of the plain function."""
    with scratch() as folder, plain(folder) as server:
        return {
            "warm": warm(server, "/", warms),
            "parallel": wrk(server, "/", "get", connections=CONNECTIONS, seconds=seconds),
        }


def met(seen: dict[str, Any], over_plain_ms: float) -> dict[str, bool]:
    """Which targets were reached."""
    return {
        "cold_python_median_ms": seen["cold"]["python"]["median_ms"] <= TARGET["cold_python_median_ms"],
        "cold_nodejs_median_ms": seen["cold"]["nodejs"]["median_ms"] <= TARGET["cold_nodejs_median_ms"],
        "over_plain_ms": over_plain_ms <= TARGET["over_plain_ms"],
        "parallel_per_s": seen["parallel"]["per_s"] >= TARGET["parallel_per_s"],
    }


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python -m bench.functions", description=(__doc__ or "").partition("\n")[0]
    )
    options.add_argument("--url", required=True, help="http://UUID:SECRET@HOST:PORT of a functions server")
    options.add_argument("--web", help="where web actions are called, such as the URL of a gateway's API")
    options.add_argument("--quick", action="store_true", help="fewer calls and 1 s a load")
    chosen = options.parse_args()
    require_wrk()
    colds, warms, seconds = (10, 200, 1.0) if chosen.quick else (50, 2_000, 5.0)
    with given(chosen.url) as server:
        print(f"measuring {server.name}", file=sys.stderr)
        mine = measure(Target(server, chosen.web), colds, warms, seconds)
    print("measuring the plain function", file=sys.stderr)
    other = measure_plain(warms, seconds)
    over_plain_ms = round(mine["warm"]["median_ms"] - other["warm"]["median_ms"], 2)
    report = {
        "settings": {
            "cold_calls": colds,
            "warm_calls": warms,
            "seconds_each": seconds,
            "cpus": os.cpu_count(),
            "machine": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "ours": mine,
        "plain": other,
        "over_plain_ms": over_plain_ms,
        "target": TARGET,
        "target_met": met(mine, over_plain_ms),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
