"""One balancer with two regions for the tests of this folder; the gateways are fakes, each a process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from couchgrass.testing.balancer import BalancerProcess, balancing
from couchgrass.testing.call import Reply, call
from couchgrass.testing.fake_gateway import GatewayProcess, gateways
from couchgrass.testing.ports import free_ports

SETTINGS = {"probe_ms": 50, "probe_timeout_ms": 1000}
"""Asked more often than by default, since a region that fell several times has to be ready for longer; and
with more patience, since tests share their machine."""


class Running(NamedTuple):
    """What runs."""

    balancer: BalancerProcess
    london: GatewayProcess
    dallas: GatewayProcess

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Through the balancer."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return call(self.balancer.url, method, path, body, headers=sent)


@pytest.fixture(scope="package")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    ports = dict(zip(("london", "dallas"), free_ports(2), strict=True))
    with gateways(ports) as regions, balancing(tmp_path_factory.mktemp("balancer"), ports, **SETTINGS) as one:
        yield Running(one, regions["london"], regions["dallas"])


@pytest.fixture
def site(_running: Running) -> Running:
    """All is well, and London serves."""
    _running.balancer.until_regions(london="serving", dallas="standby")
    until = time.monotonic() + 30
    while _running.ask("GET", "/").headers.get("x-couchgrass-region") != "london":
        # Envoy takes it over a moment after it was decided.
        assert time.monotonic() < until
        time.sleep(0.01)
    return _running
