"""A real balancer for tests: ``couchgrass balancer`` with its Envoy, in front of gateways on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from couchgrass.balancer.envoy.folder import read_state
from couchgrass.balancer.state import BalancerState
from couchgrass.testing.ports import free_ports

START_S = 60.0
POLL_S = 0.01


class BalancerProcess:
    """One balancer in `folder`. `settings` are keys of its table; `gateways` are ports by region."""

    def __init__(self, folder: Path, gateways: Mapping[str, int], **settings: Any) -> None:
        self.folder = folder
        self.file = folder / "couchgrass.toml"
        self.data = folder / "balancer"
        self.log = folder / "balancer.log"
        self.gateways = dict(gateways)
        port, metrics_port = free_ports(2)
        self.settings: dict[str, Any] = {"port": port, "metrics_port": metrics_port, **settings}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings['port']}"

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.settings['metrics_port']}"

    def write(self, **settings: Any) -> None:
        """Its file, with changed keys."""
        self.settings |= settings
        lines = ["[balancer]"]
        lines += [f"{key} = {_toml(value)}" for key, value in self.settings.items()]
        for number, (region, port) in enumerate(self.gateways.items()):
            lines += [f"[regions.{region}]", f"[regions.{region}.gateway]", f"port = {port}"]
            # Nobody listens there; only that they differ counts.
            for place, part in enumerate(("database", "functions", "agent")):
                lines += [f"[regions.{region}.{part}]", f"port = {1 + 3 * number + place}"]
        beside = self.file.with_suffix(".new")
        beside.write_text("\n".join(lines) + "\n", encoding="utf-8")
        beside.replace(self.file)

    def start(self) -> None:
        """Returns when it serves."""
        self.write()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "couchgrass", "balancer", "-c", str(self.file)],
                env=dict(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.until(lambda state: True)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(START_S)

    def state(self) -> BalancerState | None:
        """What it says of itself."""
        return read_state(self.data)

    def until(self, holds: Callable[[BalancerState], bool], seconds: float = START_S) -> BalancerState:
        """Waits for a state."""
        until = time.monotonic() + seconds
        while True:
            state = self.state()
            if state is not None and holds(state):
                return state
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text(errors="replace")[-4000:]
            assert time.monotonic() < until, (state, self.log.read_text(errors="replace")[-4000:])
            time.sleep(POLL_S)

    def until_regions(self, **states: str) -> BalancerState:
        """Waits until the regions are so; one that the balancer does not know of yet is not."""

        def are_so(state: BalancerState) -> bool:
            seen = {name: one.state.value for name, one in state.regions.items()}
            return states.items() <= seen.items()

        return self.until(are_so)


@contextmanager
def balancing(folder: Path, gateways: Mapping[str, int], **settings: Any) -> Iterator[BalancerProcess]:
    """A balancer for the length of a block."""
    balancer = BalancerProcess(folder, gateways, **settings)
    try:
        balancer.start()
        yield balancer
    finally:
        if balancer.process is not None and balancer.process.poll() is None:
            balancer.stop()


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    return msgspec.json.encode(value).decode()
