"""Several real regions for tests: ``couchgrass up`` in a folder of the test's own, on free ports."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from couchgrass.cli.fleet import look, up_kept
from couchgrass.cli.region import read_topology
from couchgrass.drill.wires import Fault, Wires, read_wires, wires_text, with_faults
from couchgrass.region.config import Region
from couchgrass.region.places import ADMIN
from couchgrass.region.run.state_file import RegionState, read_state
from couchgrass.serving.files import replace_file
from couchgrass.testing.ports import free_ports
from couchgrass.testing.region import Login, environment, is_gone, until
from couchgrass.topology.config import Topology
from couchgrass.topology.generate import FIRST_PORTS, Ports, generated
from couchgrass.topology.holds import HoldNote, hold_text
from couchgrass.topology.places import CONFIG, HOLDS, WIRES
from couchgrass.topology.run.look import Look
from couchgrass.topology.status import RegionStatus, Status

START_S = 240.0
STOP_S = 120.0
LOOK_S = 10.0
"""How long a part may take to say how it is: longer than people would wait, for a busy machine."""

STARTS_MAX = 3
"""Between our choice of a port and its use somebody else may take it."""

BEGUN = "Logs are in "
SIGN_IN_ENV = "sign-in.env"


class UpDied(Exception):
    """It ended before it served; the text is what it said."""


class UpProcess:
    """``couchgrass up`` in `folder`. `app` is the folder of an app, and `pages` that of its pages; None: no
    app is deployed. With `sign_in` its API is for people who sign in. `change` may change the text of the
    file before the first start."""

    def __init__(
        self,
        folder: Path,
        *,
        regions: Sequence[str] = ("london", "dallas"),
        app: Path | None = None,
        pages: Path | None = None,
        sign_in: bool = False,
        balancer: bool = True,
        change: Callable[[str], str] = str,
    ) -> None:
        self.folder = folder
        self.file = folder / CONFIG
        self.said = folder / "up.out"
        self.process: subprocess.Popen[bytes] | None = None
        self._regions = tuple(regions)
        self._app = app
        self._pages = pages
        self._sign_in = sign_in
        self._balancer = balancer
        self._change = change

    # --- its life

    def start(self) -> None:
        """Starts it and returns when all is ready and deployed. Raises UpDied."""
        for left in reversed(range(STARTS_MAX)):
            new = not self.file.exists()
            if new:
                self._write_file()
            try:
                self._start_once()
                return
            except UpDied as died:
                if not (left and new and "taken" in str(died)):
                    raise
                self.file.unlink()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tells it to stop; the exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        try:
            return self.process.wait(STOP_S)
        finally:
            self.process.kill()
            self.process.wait()

    def kill_region(self, name: str) -> int:
        """SIGKILL to a region's supervisor, and with it to all its processes; its former id. They are gone
        when it returns: on a busy machine a killed process may still answer for a moment."""
        pid = self.pid(name)
        inner = read_state(Path(self.region(name).data))
        all_pids = [pid, *(one.pid for one in (inner.processes.values() if inner else ()) if one.pid)]
        os.kill(pid, signal.SIGKILL)
        self.until(lambda: all(map(is_gone, all_pids)))
        return pid

    def kill_process(self, region: str, name: str) -> int:
        """SIGKILL to "database", "functions", "gateway" or "agent" of a region; its former id."""
        state = read_state(Path(self.region(region).data))
        assert state is not None
        pid = state.processes[name].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        return pid

    def hold(self, name: str, until_s: float) -> Path:
        """Keeps a region from being started again until then (seconds since the epoch), or until the file is
        removed."""
        place = self.folder / HOLDS / name
        place.parent.mkdir(mode=0o700, exist_ok=True)
        replace_file(place, hold_text(HoldNote(os.getpid(), until_s)))
        return place

    def set_faults(self, **faults: Fault) -> None:
        """What is wrong with the wires from now on: `london_dallas=Fault(cut=True)`, and with no others."""
        named = {name.replace("_", "->", 1): fault for name, fault in faults.items()}
        replace_file(self.folder / WIRES, wires_text(with_faults(self.wires, named)))

    def until(self, condition: Callable[[], bool], limit_s: float = 60.0) -> None:
        """Waits until it is so. Raises UpDied, AssertionError when it takes too long."""

        def is_so() -> bool:
            if self.process is not None and self.process.poll() is not None:
                raise UpDied(self.words)
            return condition()

        until(is_so, limit_s, lambda: self.words[-6000:])

    def until_back(self, name: str, former: int, limit_s: float = 180.0) -> None:
        """Waits until a region whose supervisor was `former` is ready again."""

        def is_another() -> bool:
            seen = self.state.processes[name]
            return seen.phase.value == "ready" and seen.pid != former

        self.until(is_another, limit_s)

    # --- what it is

    @property
    def topology(self) -> Topology:
        return read_topology(self.file)

    def region(self, name: str) -> Region:
        """As the file has it."""
        return self.topology.region(name)

    def dashboard(self, name: str) -> str:
        """Where a region's dashboard is served."""
        return f"http://127.0.0.1:{self.region(name).dashboard.port}"

    def admin(self, name: str) -> Login:
        """The admin of a region's database."""
        told = json.loads((Path(self.region(name).data) / ADMIN).read_bytes())
        return Login(told["name"], told["password"])

    @property
    def state(self) -> RegionState:
        """What its supervisor wrote down: "wires", the regions and "balancer"."""
        found = read_state(self.folder, up_kept())
        assert found is not None, "nothing runs"
        return found

    def pid(self, name: str) -> int:
        """Of "wires", of a region's supervisor or of "balancer"."""
        pid = self.state.processes[name].pid
        assert pid is not None, f"{name} does not run"
        return pid

    def status(self) -> Status:
        """What `couchgrass status --dir` shows."""

        async def looked() -> Status:
            async with Look(LOOK_S) as asking:
                return await look(self.folder, self.topology, asking)

        # On a thread of its own: a test that drives a browser has an event loop on this one.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(looked())).result()

    def region_status(self, name: str) -> RegionStatus:
        return next(one for one in self.status().regions if one.name == name)

    @property
    def wires(self) -> Wires:
        return read_wires((self.folder / WIRES).read_bytes(), WIRES)

    @property
    def url(self) -> str:
        """Of the balancer."""
        balancer = self.topology.balancer
        assert balancer is not None
        return f"http://127.0.0.1:{balancer.port}"

    @property
    def words(self) -> str:
        """All that it said, and its log."""
        log = self.folder / "up.log"
        said = self.said.read_text(errors="replace") if self.said.exists() else ""
        return said + (log.read_text(errors="replace") if log.exists() else "")

    def _start_once(self) -> None:
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "couchgrass", "up", "--dir", str(self.folder)],
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        self.until(lambda: BEGUN in self.said.read_text(errors="replace"), START_S)

    def _write_file(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = iter(free_ports(len(self._regions) * len(FIRST_PORTS) + 2))
        ports = Ports(tuple({name: next(free) for name in FIRST_PORTS} for _ in self._regions), *free)
        text = generated(
            self._regions,
            ports,
            app=str(self._app or ""),
            account="todo",
            databases=("todos", "todos*"),
            pages=str(self._pages or ""),
            env_file=SIGN_IN_ENV if self._sign_in else "",
            sign_in=self._sign_in,
        )
        if self._sign_in:
            (self.folder / SIGN_IN_ENV).write_text("API_USE_APPID=true\n", encoding="utf-8")
        head, apps, rest = text.partition("# --- Apps")
        rest, balancer, last = rest.partition("# --- The balancer")
        text = head + (apps + rest if self._app else "") + (balancer + last if self._balancer else "")
        self.file.write_text(self._change(text), encoding="utf-8")


@contextmanager
def running_up(folder: Path, **how: object) -> Iterator[UpProcess]:
    """For the length of a block; `how` as of UpProcess."""
    up = UpProcess(folder, **how)  # type: ignore[arg-type]
    try:
        up.start()
        yield up
    finally:
        if up.process is not None and up.process.poll() is None:
            up.stop()
