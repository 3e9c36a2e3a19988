"""One balancer with two regions for the tests of this folder; the gateways are fakes, each a process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from couchgrass.testing.balancer import BalancerProcess, balancing
from couchgrass.testing.call import Reply, call
from couchgrass.testing.fake_gateway import GatewayProcess, gateways
from couchgrass.testing.ports import free_ports

LIMIT_S = 60.0

SETTINGS = {"probe_ms": 50, "probe_timeout_ms": 3000}
"""Asked more often than by default, since a region that fell several times has to be ready for longer; and
with more patience: on a machine that is busy, a process may not run for a second or two."""


class Running(NamedTuple):
    """What runs."""

    balancer: BalancerProcess
    london: GatewayProcess
    dallas: GatewayProcess
    settings: dict[str, Any]

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Through the balancer."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return call(self.balancer.url, method, path, body, headers=sent)

    def serves(self, region: str, path: str = "/") -> bool:
        """Whether the region answers a GET."""
        answer = self.ask("GET", path)
        return (answer.status, answer.headers.get("x-couchgrass-region")) == (200, region)

    def make_well(self) -> None:
        """Undoes what a test changed."""
        for region in (self.london, self.dallas):
            assert region.process is not None
            if region.process.poll() is not None:
                region.start()
            region.be(live=True, ready=True, lag_s=0.1, reasons=[])
        if self.balancer.settings != self.settings:
            self.balancer.settings = dict(self.settings)
            self.balancer.write()


def until(holds: Callable[[], object]) -> None:
    """Waits until it is so."""
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="package")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    ports = dict(zip(("london", "dallas"), free_ports(2), strict=True))
    with gateways(ports) as regions, balancing(tmp_path_factory.mktemp("balancer"), ports, **SETTINGS) as one:
        yield Running(one, regions["london"], regions["dallas"], dict(one.settings))


@pytest.fixture
def site(_running: Running) -> Iterator[Running]:
    """All is well, London serves, and Dallas would."""
    _running.balancer.until_regions(london="serving", dallas="standby")
    # Envoy takes it over a moment after it was decided, and first asks a region that is new to it itself.
    until(lambda: _running.serves("london"))
    until(lambda: _running.serves("dallas", "/?in=london&status=500"))
    yield _running
    _running.make_well()
