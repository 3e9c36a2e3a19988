"""A controller without its Envoy: what it writes for it, and what it does when it can't."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path

import msgspec
import pytest

from couchgrass.balancer.admission import Absence, Answer, Named, Probed
from couchgrass.balancer.envoy.controller import Controller, Place
from couchgrass.balancer.envoy.folder import BalancerRefused
from couchgrass.balancer.envoy.site import Sites, Source, site_of
from couchgrass.balancer.render import ENDPOINTS
from couchgrass.topology.config import Topology, parse_topology
from couchgrass.topology.places import DRAINED

TWO = """
[regions.london]
gateway.port = 3001
[regions.dallas]
gateway.port = 3002
database.port = 5994
functions.port = 3243
agent.port = 3245
[balancer]
"""


class Hands:
    """A clock that somebody sets."""

    def __init__(self) -> None:
        self.epoch_s, self.ran_s = 1_800_000_000.0, 1000.0

    def now(self) -> float:
        return self.epoch_s + self.ran_s

    def monotonic(self) -> float:
        return self.ran_s


def topology(folder: Path) -> Topology:
    return parse_topology(TWO, str(folder), "couchgrass.toml")


async def made(folder: Path, clock: Hands) -> Controller:
    """One that has asked each region once: both are ready."""
    file = folder / "couchgrass.toml"
    file.write_text(TWO, encoding="utf-8")
    source = Source(
        file, partial(topology, folder), lambda region, _: f"http://127.0.0.1:{region.gateway.port}"
    )
    sites = Sites(source, site_of(topology(folder)))
    data = folder / "balancer"
    one = Controller(Place(data, "http://x", "http://y", 8080), sites, Path("envoy"), clock, None)
    await sites.find()
    one._take(Named(sites.site.names))
    for name in sites.site.names:
        one._take(Probed(name, Answer(True, True, "i")))
    one._configure()
    return one


def told(folder: Path) -> dict[str, str]:
    """What Envoy's file says of each region."""
    file = msgspec.json.decode((folder / "balancer" / "envoy" / ENDPOINTS).read_bytes())
    return {
        endpoint["metadata"]["filter_metadata"]["couchgrass"]["region"]: endpoint["health_status"]
        for group in file["resources"][0]["endpoints"]
        for endpoint in group["lb_endpoints"]
    }


def test_what_could_not_be_written_is_written_as_soon_as_it_can_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        one = await made(tmp_path, Hands())
        in_the_way = tmp_path / "balancer" / "envoy" / f"{ENDPOINTS}.new"
        in_the_way.mkdir()
        one._take(Probed("london", Absence("its gateway does not answer")))
        assert told(tmp_path)["london"] == "HEALTHY"
        assert "can't be told to Envoy" in caplog.text
        with pytest.raises(OSError, match=ENDPOINTS):
            await one._follow_turn()
        in_the_way.rmdir()
        await one._follow_turn()
        assert told(tmp_path) == {"london": "UNHEALTHY", "dallas": "HEALTHY"}

    asyncio.run(work())


def test_a_machines_clock_that_is_set_moves_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        clock = Hands()
        one = await made(tmp_path, clock)
        before = one.state().regions["london"].since
        clock.epoch_s -= 3600
        clock.ran_s += 2
        one._take(Probed("london", Answer(True, True, "i")))
        assert one.state().regions["london"].since == before

    asyncio.run(work())


def test_a_list_of_drained_regions_that_can_not_be_read_keeps_nothing_else_from_being_followed(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        one = await made(tmp_path, Hands())
        (tmp_path / "balancer" / DRAINED).write_text("[")
        file = tmp_path / "couchgrass.toml"
        changed = parse_topology(TWO.replace("dallas", "tokyo"), str(tmp_path), "couchgrass.toml")
        one._sites = Sites(
            Source(file, lambda: changed, lambda region, _: f"http://127.0.0.1:{region.gateway.port}"),
            one._sites.site,
        )
        os.utime(file, ns=(1, 1))
        with pytest.raises(BalancerRefused, match=DRAINED):
            await one._follow_turn()
        assert set(told(tmp_path)) == {"london", "tokyo"}

    asyncio.run(work())
