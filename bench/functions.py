"""The speed of functions and their gateway, and of the plain function behind granian in the same run.

    python -m bench.functions [--quick]

Starts a region of its own. Prints JSON; all times are in milliseconds.

- `cold`: the first call of an action that is new, for each kind; one at a time, with a pause in which the
  next process is made ready, as calls of rare actions come. `burst`: so many new actions, all called at once.
- `warm`: calls on one connection, after some that do not count: of the web action, and of the action by the
  REST API, blocking. The action does nothing, so all of it is what we cost.
- `parallel`: wrk with 32 connections to the no-op web action, directly and through the gateway, and to the
  plain function; one after the other in each round, the medians of all rounds. `cpu_us` is the processor time
  that an answer takes, by process; the load generator's share comes on top.
- `mixed`: directly, while eight calls at a time of another action sleep a second each, one that computes is
  always under way, and new actions are called one after the other; what matters is the p99 of the first.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench.load import require_wrk, wrk
from bench.pair import TICKS_PER_S
from bench.server import Server, basic, family, headers, plain, scratch
from couchgrass.testing.region import Owner, RegionProcess, running_region

TARGET = {
    "cold_python_median_ms": 30.0,
    "cold_nodejs_median_ms": 80.0,
    "warm_median_ms": 1.0,
    "gateway_per_s": 4_000,
}
KINDS = {
    "python": ("python:3", "def main(args):\n    return {'body': {'ok': True}}\n"),
    "nodejs": ("nodejs:default", "function main(args) { return { body: { ok: true } } }\n"),
}
SLEEPS = "import time\n\ndef main(args):\n    time.sleep(1)\n    return {'body': {'ok': True}}\n"
COMPUTES = "def main(args):\n    return {'body': {'sum': sum(range(10_000_000))}}\n"
NAMESPACE = "bench"
TABLES: Mapping[str, Mapping[str, Any]] = {"functions": {"memory_mb": 8192}}
"""Memory for all that is begun at once in a burst; the default is 2 GB."""

CONNECTIONS = 32
SLEEPERS = 8
BURST = 20
WARM_UP = 50
PAUSE_S = 0.5
"""Between cold calls: about twice what it takes until the next process waits for an action."""

TIMEOUT_S = 120


class Settings(NamedTuple):
    """How much of everything."""

    colds: int
    bursts: int
    warms: int
    rounds: int
    seconds: float


FULL = Settings(colds=50, bursts=3, warms=2_000, rounds=3, seconds=5.0)
QUICK = Settings(colds=8, bursts=1, warms=200, rounds=1, seconds=1.0)


class Bench:
    """A region with the namespace of the benchmark. `functions` is asked with its key, `web` without."""

    def __init__(self, region: RegionProcess) -> None:
        self.region = region
        self.owner: Owner = region.owner(NAMESPACE)
        self.functions = _server("functions", region.functions, basic(*self.owner.key.split(":")))
        self.web = _server("functions", region.functions, "")

    def put(self, name: str, family_name: str) -> str:
        """A new no-op action; its path as a web action."""
        self.owner.put(name, *KINDS[family_name], web=True)
        return self.owner.web(name)

    def drop(self, *names: str) -> None:
        """Deletes actions."""
        for name in names:
            self.owner.ask("DELETE", f"actions/{name}")

    def through_gateway(self, name: str) -> tuple[Server, str]:
        """The same action as an API: where, and its path."""
        url = urlsplit(self.owner.add_api("/bench", f"/{name}", name, kind="http"))
        return _server("gateway", self.region.gateway, ""), url.path + f"/{name}"


def _server(name: str, url: str, authorization: str) -> Server:
    parts = urlsplit(url)
    return Server(name, parts.hostname or "127.0.0.1", parts.port or 80, authorization, None)


def timed(server: Server, method: str, path: str, times: int) -> list[float]:
    """Seconds of so many requests on one connection."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=TIMEOUT_S)
    took: list[float] = []
    for _ in range(times):
        begin = time.perf_counter()
        connection.request(method, path, b"{}" if method == "POST" else None, headers(server))
        answer = connection.getresponse()
        text = answer.read()
        took.append(time.perf_counter() - begin)
        if answer.status != 200:
            raise RuntimeError(f"{server.name}: {method} {path}: {answer.status} {text[:500]!r}")
    connection.close()
    return took


def shown(seconds: list[float]) -> dict[str, float]:
    """Median, p95 and the longest, in milliseconds."""
    ordered = sorted(seconds)
    at = {"median_ms": len(ordered) // 2, "p95_ms": len(ordered) * 95 // 100, "max_ms": -1}
    return {name: round(ordered[place] * 1000, 2) for name, place in at.items()}


# --- what is measured ----------------------------------------------------------------------------------


def cold(bench: Bench, family_name: str, times: int) -> dict[str, float]:
    """The first calls of new actions, one at a time."""
    took: list[float] = []
    for turn in range(times):
        path = bench.put(name := f"cold-{family_name}-{turn}", family_name)
        time.sleep(PAUSE_S)
        took += timed(bench.web, "GET", path, 1)
        bench.drop(name)
    return shown(took)


def burst(bench: Bench, family_name: str, times: int) -> dict[str, float]:
    """The first calls of BURST new actions at once."""
    took: list[float] = []
    for turn in range(times):
        names = [f"burst-{family_name}-{turn}-{number}" for number in range(BURST)]
        paths = [bench.put(name, family_name) for name in names]
        time.sleep(PAUSE_S)
        with ThreadPoolExecutor(BURST) as callers:
            for each in callers.map(lambda path: timed(bench.web, "GET", path, 1), paths):
                took += each
        bench.drop(*names)
    return shown(took)


def warm(server: Server, method: str, path: str, times: int) -> dict[str, float]:
    """Calls on one connection, when all is warm."""
    timed(server, method, path, WARM_UP)
    return shown(timed(server, method, path, times))


def parallel(bench: Bench, other: Server, settings: Settings) -> dict[str, Any]:
    """The no-op actions and the plain function under the same load, in turn."""
    where = {"plain": (other, "/")}
    for family_name in KINDS:
        path = bench.put(name := f"noop-{family_name}", family_name)
        where[f"direct_{family_name}"] = (bench.web, path)
        where[f"gateway_{family_name}"] = bench.through_gateway(name)
    for server, path in where.values():  # grows as many processes as it takes
        wrk(server, path, "get", connections=CONNECTIONS, seconds=1)
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in where}
    for _ in range(settings.rounds):
        for name, (server, path) in where.items():
            before = _cpu_s(bench.region)
            ran = wrk(server, path, "get", connections=CONNECTIONS, seconds=settings.seconds)
            spent = {part: after - before[part] for part, after in _cpu_s(bench.region).items()}
            ran["cpu_us"] = {part: round(s * 1e6 / ran["requests"]) for part, s in spent.items()}
            seen[name].append(ran)
    return {name: _median(rounds) for name, rounds in seen.items()}


def _median(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    found = {key: statistics.median(ran[key] for ran in rounds) for key in ("per_s", "p50_ms", "p99_ms")}
    parts = rounds[0]["cpu_us"]
    return {
        **found,
        "cpu_us": {part: statistics.median(ran["cpu_us"][part] for ran in rounds) for part in parts},
    }


def _cpu_s(region: RegionProcess) -> dict[str, float]:
    """Seconds of processor time that the processes have used, those of the actions together."""
    functions, gateway = (region.seen(name).pid or 0 for name in ("functions", "gateway"))
    cells = [pid for pid in family(functions) if pid != functions]
    return {
        "functions": _spent_s(functions),
        "actions": sum(map(_spent_s, cells)),
        "gateway": _spent_s(gateway),
    }


def _spent_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


@contextmanager
def beside(bench: Bench) -> Iterator[dict[str, int]]:
    """Slow calls and cold ones go on while the block runs; counts them."""
    for name, code in (("sleeps", SLEEPS), ("computes", COMPUTES)):
        bench.owner.put(name, "python:3", code, web=True)
    stop = threading.Event()
    counted = {"slept": 0, "computed": 0, "cold": 0}

    def call_on(name: str, counter: str) -> Callable[[], None]:
        def work() -> None:
            while not stop.is_set():
                timed(bench.web, "GET", bench.owner.web(name), 1)
                counted[counter] += 1

        return work

    def new_on() -> None:
        while not stop.is_set():
            path = bench.put(f"new-{counted['cold']}", "python")
            timed(bench.web, "GET", path, 1)
            counted["cold"] += 1

    works = [*[call_on("sleeps", "slept")] * SLEEPERS, call_on("computes", "computed"), new_on]
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield counted
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def mixed(bench: Bench, settings: Settings) -> dict[str, Any]:
    """The no-op action beside slow and cold ones: four callers, so that there is processor time for all."""
    path = bench.put("noop-python", "python")
    alone = wrk(bench.web, path, "get", connections=4, seconds=settings.seconds)
    with beside(bench) as counted:
        among = wrk(bench.web, path, "get", connections=4, seconds=settings.seconds)
    return {"alone": alone, "beside_slow": among, "meanwhile": counted}


def measure(bench: Bench, settings: Settings) -> dict[str, Any]:
    """All of it."""
    seen: dict[str, Any] = {"cold": {}, "burst": {}}
    for family_name in KINDS:
        seen["cold"][family_name] = cold(bench, family_name, settings.colds)
        seen["burst"][family_name] = burst(bench, family_name, settings.bursts)
    with scratch() as folder, plain(folder) as other:
        seen["warm"] = {"plain": warm(other, "GET", "/", settings.warms)}
        for family_name in KINDS:
            path = bench.put(name := f"noop-{family_name}", family_name)
            invoke = f"/api/v1/namespaces/_/actions/{name}?blocking=true&result=true"
            seen["warm"][f"web_{family_name}"] = warm(bench.web, "GET", path, settings.warms)
            seen["warm"][f"rest_{family_name}"] = warm(bench.functions, "POST", invoke, settings.warms)
        seen["parallel"] = parallel(bench, other, settings)
    seen["mixed"] = mixed(bench, settings)
    return seen


def compared(seen: dict[str, Any]) -> dict[str, Any]:
    """Ours by the plain function's."""
    of = seen["parallel"]
    base = of["plain"]["per_s"]
    return {
        "warm_over_plain_ms": {
            name: round(took["median_ms"] - seen["warm"]["plain"]["median_ms"], 2)
            for name, took in seen["warm"].items()
            if name != "plain"
        },
        "parallel_of_plain": {name: round(ran["per_s"] / base, 3) for name, ran in of.items()},
    }


def met(seen: dict[str, Any]) -> dict[str, bool]:
    """Which targets were reached."""
    return {
        "cold_python_median_ms": seen["cold"]["python"]["median_ms"] <= TARGET["cold_python_median_ms"],
        "cold_nodejs_median_ms": seen["cold"]["nodejs"]["median_ms"] <= TARGET["cold_nodejs_median_ms"],
        "warm_median_ms": seen["warm"]["rest_python"]["median_ms"] <= TARGET["warm_median_ms"],
        "gateway_per_s": seen["parallel"]["gateway_python"]["per_s"] >= TARGET["gateway_per_s"],
    }


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python -m bench.functions", description=(__doc__ or "").partition("\n")[0]
    )
    options.add_argument("--quick", action="store_true", help="fewer calls and 1 s a load")
    settings = QUICK if options.parse_args().quick else FULL
    require_wrk()
    with scratch() as folder, running_region(folder, **TABLES) as region:
        print("measuring functions and their gateway", file=sys.stderr)
        seen = measure(Bench(region), settings)
    report = {
        "settings": {
            **settings._asdict(),
            "connections": CONNECTIONS,
            "burst_actions": BURST,
            "cpus": os.cpu_count(),
            "load_average": os.getloadavg()[0],
            "machine": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        **seen,
        "compared": compared(seen),
        "target": TARGET,
        "target_met": met(seen),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
