"""Two regions on machines of their own, as far as the network goes: a namespace each, and a cable between.

They are what a fleet is: the same file on both, the same ports, each reached at its public URL. Whether
namespaces can be made is tried; where they can't, the reason that the system gives is the reason to skip.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from couchgrass.region.run.account import Account, write_account
from couchgrass.testing.region import until
from tests.whole.site import LIMIT_S, TEST_S

STOP_S = 60.0
ADDRESSES = {"london": "10.77.0.1", "dallas": "10.77.0.2"}
ADMIN = Account("admin", "of-this-test-only")
IS_ROOT = os.geteuid() == 0
OWN = ["unshare", "--net"] if IS_ROOT else ["unshare", "--net", "--user", "--map-root-user"]
"""Root needs no users of the namespace's own, and its actions are confined as ever then."""

ASKER = """
import json, sys
from couchgrass.testing.call import call
for line in sys.stdin:
    try:
        answer = call(*json.loads(line))
        told = [answer.status, answer.body.decode()]
    except OSError as broken:
        told = [0, repr(broken)]
    print(json.dumps(told), flush=True)
"""


def refused() -> str:
    """Why there can be no namespaces with a cable between; "" when there can."""
    for program in ("unshare", "nsenter", "ip"):
        if shutil.which(program) is None:
            return f"there is no program {program}"
    tried = "ip link add one type veth peer name other && ip link set one up"
    done = subprocess.run([*OWN, "sh", "-c", tried], capture_output=True, text=True, timeout=60)
    return (done.stderr.strip() or f"it ended with {done.returncode}") if done.returncode else ""


class Machine:
    """A region in a namespace of its own. `start`, then `stop`."""

    def __init__(self, name: str, file: Path) -> None:
        self.name = name
        self.log = file.parent / f"{name}.log"
        self._file = file
        self._processes: list[subprocess.Popen[str]] = []
        self._enter: list[str] = []
        self._asker: subprocess.Popen[str] | None = None

    def start(self, beside: Machine | None = None) -> None:
        """The namespace; one that is made by others than root belongs to the users of the one `beside`."""
        within = [] if beside is None or IS_ROOT else beside._enter
        holder = self._run([*within, *(OWN if not within else ["unshare", "--net"]), "sleep", "infinity"])
        self.pid = holder.pid
        ours = Path("/proc/self/ns/net").readlink()
        until(lambda: Path(f"/proc/{self.pid}/ns/net").readlink() != ours and self._is_asleep(), LIMIT_S)
        users = [] if IS_ROOT else ["--user", "--preserve-credentials"]
        self._enter = ["nsenter", f"--target={self.pid}", "--net", *users]
        self.ip("link", "set", "lo", "up")

    def _is_asleep(self) -> bool:
        return Path(f"/proc/{self.pid}/comm").read_text().strip() == "sleep"

    def start_region(self) -> None:
        admin = {"COUCHDB_USER": ADMIN.name, "COUCHDB_PASSWORD": ADMIN.password}
        command = [sys.executable, "-m", "couchgrass", "region", self.name, "-c", str(self._file)]
        with self.log.open("wb") as log:
            self._run([*self._enter, *command], env={**os.environ, **admin}, stdout=log, stderr=log)
        self._asker = self._run(
            [*self._enter, sys.executable, "-c", ASKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.communicate(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

    def ip(self, *words: str) -> None:
        done = subprocess.run([*self._enter, "ip", *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (words, done.stderr)

    def ask(self, method: str, path: str, body: Any = None, *, port: int = 5984) -> tuple[int, Any]:
        """Asks the region here, from here: (status, JSON); (0, why) when nobody answers."""
        assert self._asker is not None and self._asker.stdin is not None and self._asker.stdout is not None
        base = f"http://{ADMIN.name}:{ADMIN.password}@127.0.0.1:{port}"
        self._asker.stdin.write(json.dumps([base, method, path, body]) + "\n")
        self._asker.stdin.flush()
        status, text = json.loads(self._asker.stdout.readline())
        return status, json.loads(text) if status else text

    def until(self, condition: Any) -> None:
        until(condition, LIMIT_S, lambda: self.log.read_text(errors="replace")[-4000:])

    def revs(self) -> dict[str, str]:
        """The documents of the database, with their revisions."""
        status, found = self.ask("GET", "/todos/_all_docs")
        return {row["id"]: row["value"]["rev"] for row in found["rows"]} if status == 200 else {}

    def links(self) -> list[dict[str, Any]]:
        """What the agent says of them."""
        status, found = self.ask("GET", "/_couchgrass/status", port=3235)
        return list(found["links"]) if status == 200 else []

    def _run(self, command: list[str], **how: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(command, text=True, **{"stdin": subprocess.DEVNULL, **how})
        self._processes.append(process)
        return process


@contextmanager
def cabled(folder: Path) -> Iterator[tuple[Machine, Machine]]:
    """Both, with their regions, each of which reaches the other."""
    file = folder / "couchgrass.toml"
    tables = "".join(
        f'[regions.{name}]\naddresses = ["{address}"]\ndatabase.host = "0.0.0.0"\n'
        f'database.public_url = "http://{address}:5984"\ndatabase.credentials = "admin.json"\n\n'
        for name, address in ADDRESSES.items()
    )
    file.write_text(f'[[databases]]\nmatch = "todos*"\n\n{tables}', encoding="utf-8")
    write_account(folder / "admin.json", ADMIN)
    london, dallas = Machine("london", file), Machine("dallas", file)
    try:
        london.start()
        dallas.start(beside=london)
        london.ip("link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(dallas.pid))
        for machine in (london, dallas):
            machine.ip("address", "add", f"{ADDRESSES[machine.name]}/24", "dev", "cable")
            machine.ip("link", "set", "cable", "up")
            machine.start_region()
        yield london, dallas
    finally:
        dallas.stop()
        london.stop()


@pytest.mark.timeout(TEST_S)
def test_a_cable_that_is_pulled_and_put_in_again_leaves_both_regions_with_the_same(tmp_path: Path) -> None:
    if why := refused():
        pytest.skip(f"no namespaces of the network can be made here: {why}")
    with cabled(tmp_path) as (london, dallas):
        london.until(lambda: london.ask("PUT", "/todos")[0] in (201, 202, 412))
        dallas.until(lambda: dallas.ask("PUT", "/todos/before", {"by": "dallas"})[0] in (201, 202, 409))
        london.until(lambda: "before" in london.revs())

        london.ip("link", "set", "cable", "down")
        for machine, other in ((london, "dallas"), (dallas, "london")):
            machine.until(
                lambda machine=machine, other=other: any(
                    one["source"] == other and not one["peer_reachable"] for one in machine.links()
                )
            )
            docs = [{"_id": f"{machine.name}-{number}"} for number in range(100)]
            docs.append({"_id": "both", "by": machine.name})
            assert machine.ask("POST", "/todos/_bulk_docs", {"docs": docs})[0] == 201
        assert "both" in london.revs() and "dallas-0" not in london.revs()

        london.ip("link", "set", "cable", "up")
        wanted = {"before", "both", *(f"{name}-{number}" for name in ADDRESSES for number in range(100))}
        for machine in (london, dallas):
            machine.until(lambda machine=machine: machine.revs().keys() == wanted)
        london.until(lambda: london.revs() == dallas.revs())
        conflicts = [machine.ask("GET", "/todos/both?conflicts=true")[1] for machine in (london, dallas)]
        assert conflicts[0] == conflicts[1]
        assert len(conflicts[0]["_conflicts"]) == 1
        for machine in (london, dallas):
            machine.until(lambda machine=machine: {one["state"] for one in machine.links()} == {"running"})
