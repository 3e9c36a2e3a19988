"""How long `couchgrass up` takes, and a region that was killed.

    python -m bench.start [--rounds N]

Each round is a folder of its own: `up` with London, Dallas, the balancer and the todo app, then the same
folder a second time, then `kill -9` of all processes of the region that does not serve. Prints JSON; the
times are medians over the rounds.

- `first`, `again`: seconds from the start of the command until `todo` (a todo is stored through the
  balancer), `deployed` ("All done." or "Nothing changes") and `whole` (the table of addresses).
- `killed`: seconds from the kill until the region's gateway says that it is `ready`.
- `cpu_s`: processor seconds that each process used until then, which say more on a machine that others use.
  `others` are the actions' processes and what else they all began.
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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.server import ROOT, scratch
from couchgrass.cli.region import read_topology
from couchgrass.region.run.state_file import read_state
from couchgrass.testing.ports import free_ports
from couchgrass.topology.places import CONFIG

TARGET = {"first_todo_s": 15.0, "killed_ready_s": 3.0}
VICTIM = "dallas"
LIMIT_S = 180.0
POLL_S = 0.02
ANSWER_S = 5.0
STOP_S = 60.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
BODY = json.dumps({"title": "water the grass"})
MARKS = {"deployed": ("All done.", "Nothing changes"), "whole": ("Logs are in ",)}


class Process(NamedTuple):
    """What /proc says of one. `cpu_s` is what it used, with its children that ended."""

    pid: int
    parent: int
    cpu_s: float
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """The command that it is, "" for what is not ours."""
        words = [one for one in self.words if not one.startswith("-")]
        if "-m" not in self.words or not any(one.startswith("couchgrass") for one in words[1:2]):
            return "envoy" if self.words and "envoy" in Path(self.words[0]).name else ""
        return words[2] if len(words) > 2 else ""


def _processes() -> dict[int, Process]:
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        ticks = sum(int(stat[at]) for at in (11, 12, 13, 14))
        found[int(folder.name)] = Process(
            int(folder.name), int(stat[1]), ticks / TICKS_PER_S, tuple(filter(None, words))
        )
    return found


def below(root: int) -> list[Process]:
    """A process and all that it began."""
    known = _processes()
    found, rest = [], [root]
    while rest:
        pid = rest.pop()
        if pid in known:
            found.append(known[pid])
            rest += [one.pid for one in known.values() if one.parent == pid]
    return found


def _cpu(root: int) -> dict[str, float]:
    """Processor seconds below a process, by command; those of all regions together."""
    used: dict[str, float] = {}
    for one in below(root):
        name = one.name or "others"
        used[name] = used.get(name, 0.0) + one.cpu_s
    return {name: round(seconds, 2) for name, seconds in used.items()} | {"all": round(sum(used.values()), 2)}


# --- what is asked -----------------------------------------------------------------------------------------


def _status(port: int, method: str, path: str, body: str | None = None) -> int:
    """The answer's; 0 when there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request(method, path, body, {"content-type": "application/json"} if body else {})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _until(condition: Callable[[], bool], what: str) -> float:
    """The moment at which it is so."""
    late = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > late:
            raise RuntimeError(f"{what} did not come within {LIMIT_S:.0f} s")
        time.sleep(POLL_S)
    return time.monotonic()


def _start(folder: Path, port: int) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    """`up`, when all of it runs, and how long each step of it took."""
    said = folder.with_suffix(".out")
    begun_at = time.monotonic()
    with said.open("wb") as out:
        up = subprocess.Popen(
            [sys.executable, "-m", "couchgrass", "up", "--dir", str(folder), "--port", str(port)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    times: dict[str, Any] = {}

    def look() -> bool:
        if up.poll() is not None:
            raise RuntimeError(f"up ended: {said.read_text()[-2000:]}")
        text = said.read_text(errors="replace")
        for mark, words in MARKS.items():
            if mark not in times and any(one in text for one in words):
                times[mark] = round(time.monotonic() - begun_at, 2)
        if "todo" not in times and _status(port, "POST", "/v1/todo", BODY) in (200, 201):
            times["todo"] = round(time.monotonic() - begun_at, 2)
            times["cpu_s"] = _cpu(up.pid)
        return "todo" in times and "whole" in times

    _until(look, "the first todo")
    return up, times


def _stop(up: subprocess.Popen[bytes]) -> None:
    up.send_signal(signal.SIGTERM)
    try:
        up.wait(STOP_S)
    finally:
        up.kill()
        up.wait()


def _kill(folder: Path, up: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Kills a region once it is ready; how long it takes to be ready again."""
    region = read_topology(folder / CONFIG).region(VICTIM)

    def is_ready() -> bool:
        return _status(region.gateway.port, "GET", "/_couchgrass/ready") == 200

    _until(is_ready, "a ready region")
    state = read_state(Path(region.data))
    assert state is not None
    for one in below(state.pid):
        try:
            os.kill(one.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    killed_at = time.monotonic()
    _until(lambda: not is_ready(), "the end of a region")
    ready_s = _until(is_ready, "the region's return") - killed_at
    now = read_state(Path(region.data))
    assert now is not None
    assert now.pid != state.pid
    assert up.poll() is None
    return {"ready": round(ready_s, 2), "cpu_s": _cpu(now.pid)}


def _round(number: int, folder: Path) -> dict[str, Any]:
    [port] = free_ports(1)
    place = folder / str(number)
    up, first = _start(place, port)
    _stop(up)
    up, again = _start(place, port)
    try:
        killed = _kill(place, up)
    finally:
        _stop(up)
    return {"first": first, "again": again, "killed": killed}


def _medians(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Number by number."""
    found: dict[str, Any] = {}
    for key, value in rounds[0].items():
        values = [one[key] for one in rounds if key in one]
        found[key] = _medians(values) if isinstance(value, dict) else round(statistics.median(values), 2)
    return found


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with scratch() as folder:
        rounds = [_round(number, folder) for number in range(asked.rounds)]
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]}
    print(json.dumps({"machine": machine, "target": TARGET, **_medians(rounds)}, indent=1))


if __name__ == "__main__":
    main()
