"""The speed of the balancer, beside bare Envoy in the same run, with the same servers behind both.

    python -m bench.balancer [--quick]

The "regions" are plain applications behind granian, as a gateway is: what a balancer takes of the whole is
what it takes in use, at most. "bare" is Envoy with the smallest static configuration that there is: one
listener, one route, one cluster, no log. "ours" is `couchgrass balancer` with its probes, retries and log.
Prints JSON.

- `alone`: GETs on one connection, in turn to a region itself, through bare Envoy, and through ours, request
  by request; medians in milliseconds. `added_ms` is what each puts on top of the region itself.
- `parallel`: wrk with 32 connections, bare and ours in turn in each round; the medians of all rounds.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench.load import require_wrk, wrk
from bench.server import ROOT, Server, scratch
from couchgrass.balancer.envoy.binary import envoy_binary
from couchgrass.balancer.render import extension, typed
from couchgrass.testing.ports import free_ports

TARGET = {"added_ms": 0.5, "throughput_of_bare": 0.9}
REGIONS = ("london", "dallas")
CONNECTIONS = 32
WARM_UP = 200
START_S = 20.0
BODY = json.dumps({"todos": ["water the grass"] * 8}).encode()
HEALTH = json.dumps({"live": True, "ready": True}).encode()


class Settings(NamedTuple):
    """How much of everything."""

    singles: int
    rounds: int
    seconds: float


FULL = Settings(singles=5_000, rounds=7, seconds=4.0)
QUICK = Settings(singles=500, rounds=1, seconds=1.0)


# --- what runs -------------------------------------------------------------------------------------------


def _listener(port: int, routes: list[dict[str, Any]]) -> dict[str, Any]:
    connections = extension(
        "envoy.filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="bench",
        route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        http_filters=[extension("envoy.filters.http.router", "extensions.filters.http.router.v3.Router")],
    )
    return {
        "name": f"at-{port}",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [connections]}],
    }


async def app(scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    """A region: it is ready, and answers all else with the same list."""
    if scope["type"] != "http":
        return
    body = HEALTH if scope["path"].startswith("/_couchgrass/") else BODY
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def _region(folder: Path, name: str, port: int) -> Iterator[None]:
    command = [str(ROOT / ".venv/bin/granian"), "--interface", "asginl", "--no-ws", "--port", str(port)]
    command += ["--working-dir", str(ROOT), "--no-log", "bench.balancer:app"]
    with _running(command, folder, name, PYTHONPATH=f"{ROOT}:{ROOT / 'src'}"):
        yield


def _bare(port: int, behind: int) -> dict[str, Any]:
    endpoint = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": behind}}}
    cluster = typed(
        "config.cluster.v3.Cluster",
        name="region",
        type="STATIC",
        load_assignment={
            "cluster_name": "region",
            "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        },
    )
    del cluster["@type"]
    route = {"match": {"prefix": "/"}, "route": {"cluster": "region"}}
    return {"static_resources": {"listeners": [_listener(port, [route])], "clusters": [cluster]}}


@contextmanager
def _running(command: list[str], folder: Path, name: str, **env: str) -> Iterator[None]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env={**os.environ, **env})
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_S)


@contextmanager
def _envoy(folder: Path, name: str, config: dict[str, Any], *more: str) -> Iterator[None]:
    (folder / f"{name}.json").write_text(json.dumps(config))
    command = [str(envoy_binary()), "-c", f"{name}.json", "--disable-hot-restart", "-l", "error", *more]
    with _running(command, folder, name):
        yield


def _topology(ports: list[int], port: int, metrics_port: int) -> str:
    lines = [f"[balancer]\nport = {port}\nmetrics_port = {metrics_port}"]
    for number, (name, behind) in enumerate(zip(REGIONS, ports, strict=True)):
        lines.append(f"[regions.{name}.gateway]\nport = {behind}")
        lines += [
            f"[regions.{name}.{part}]\nport = {20 + 10 * number + place}"
            for place, part in enumerate(("database", "functions", "agent"))
        ]
    return "\n".join(lines) + "\n"


def _answers(server: Server) -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            timed([server], 1)
            return
        except (OSError, RuntimeError, http.client.HTTPException):
            if time.monotonic() >= until:
                raise
            time.sleep(0.05)


# --- what is measured ------------------------------------------------------------------------------------


def timed(servers: list[Server], times: int) -> dict[str, list[float]]:
    """Seconds of so many GETs of each, in turn, each on its one connection."""
    with ExitStack() as stack:
        connections = {}
        for server in servers:
            connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
            stack.callback(connection.close)
            connections[server.name] = connection
        took: dict[str, list[float]] = {server.name: [] for server in servers}
        for _ in range(times):
            for name, connection in connections.items():
                begin = time.perf_counter()
                connection.request("GET", "/v1/todos")
                answer = connection.getresponse()
                answer.read()
                took[name].append(time.perf_counter() - begin)
                if answer.status != 200:
                    raise RuntimeError(f"{name}: {answer.status}")
        return took


def alone(servers: list[Server], settings: Settings) -> dict[str, Any]:
    """The medians, and what is added to the first server's."""
    timed(servers, WARM_UP)
    seen = {name: statistics.median(took) * 1000 for name, took in timed(servers, settings.singles).items()}
    base = seen[servers[0].name]
    return {
        "median_ms": {name: round(value, 3) for name, value in seen.items()},
        "added_ms": {name: round(value - base, 3) for name, value in seen.items() if value != base},
    }


def parallel(servers: list[Server], settings: Settings) -> dict[str, dict[str, float]]:
    """The same load on each, in turn."""
    seen: dict[str, list[dict[str, Any]]] = {server.name: [] for server in servers}
    for server in servers:
        wrk(server, "/v1/todos", "get", connections=CONNECTIONS, seconds=1)
    for number in range(settings.rounds):
        for server in servers if number % 2 else reversed(servers):
            ran = wrk(server, "/v1/todos", "get", connections=CONNECTIONS, seconds=settings.seconds)
            seen[server.name].append(ran)
    return {
        name: {key: statistics.median(ran[key] for ran in rounds) for key in ("per_s", "p50_ms", "p99_ms")}
        for name, rounds in seen.items()
    }


def measure(folder: Path, settings: Settings) -> dict[str, Any]:
    """All of it."""
    *behind, bare_port, port, metrics_port = free_ports(5)
    region, bare, ours = (
        Server(name, "127.0.0.1", at, "", None)
        for name, at in (("region", behind[0]), ("bare", bare_port), ("ours", port))
    )
    (folder / "couchgrass.toml").write_text(_topology(behind, port, metrics_port))
    couchgrass = [sys.executable, "-m", "couchgrass", "balancer", "-c", "couchgrass.toml"]
    with (
        _region(folder, "london", behind[0]),
        _region(folder, "dallas", behind[1]),
        _envoy(folder, "bare", _bare(bare_port, behind[0])),
        _running(couchgrass, folder, "ours"),
    ):
        for server in (region, bare, ours):
            _answers(server)
        single = alone([region, bare, ours], settings)
        both = parallel([bare, ours], settings)
    return {"alone": single, "parallel": both}


def met(seen: dict[str, Any], compared: dict[str, float]) -> dict[str, bool]:
    """Which targets were reached."""
    reached: dict[str, Callable[[], bool]] = {
        "added_ms": lambda: seen["alone"]["added_ms"]["ours"] <= TARGET["added_ms"],
        "throughput_of_bare": lambda: compared["throughput_of_bare"] >= TARGET["throughput_of_bare"],
    }
    return {name: is_met() for name, is_met in reached.items()}


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python -m bench.balancer", description=(__doc__ or "").partition("\n")[0]
    )
    options.add_argument("--quick", action="store_true", help="fewer calls and 1 s a load")
    settings = QUICK if options.parse_args().quick else FULL
    require_wrk()
    with scratch() as folder:
        print("measuring the balancer beside bare Envoy", file=sys.stderr)
        seen = measure(folder, settings)
    by_rate = {name: ran["per_s"] for name, ran in seen["parallel"].items()}
    compared = {"throughput_of_bare": round(by_rate["ours"] / by_rate["bare"], 3)}
    report = {
        "settings": {
            **settings._asdict(),
            "connections": CONNECTIONS,
            "cpus": os.cpu_count(),
            "load_average": os.getloadavg()[0],
            "machine": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        **seen,
        "compared": compared,
        "target": TARGET,
        "target_met": met(seen, compared),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
