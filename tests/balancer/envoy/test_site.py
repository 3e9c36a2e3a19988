"""What is balanced, and what happens when its file changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from couchgrass.balancer.envoy.site import Sites, Source, site_of
from couchgrass.balancer.render import Upstream
from couchgrass.errors import BadRequest, CouchgrassError
from couchgrass.region.config import Region
from couchgrass.topology.config import Balancer, Policy, Topology

REGIONS = (Region("london"), Region("dallas"))


class Scene:
    """A file that can change, and where gateways are."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "couchgrass.toml"
        self.topology = Topology(REGIONS, balancer=Balancer())
        self.urls = {"london": "http://127.0.0.1:1", "dallas": ""}
        self.wrong = ""
        self.save()
        self.sites = Sites(Source(self.file, self._read, self._url), site_of(self.topology))

    def save(self) -> None:
        """As editors do: another file takes its place."""
        beside = self.file.with_suffix(".new")
        beside.write_text("")
        beside.replace(self.file)

    def _read(self) -> Topology:
        if self.wrong:
            raise BadRequest(self.wrong)
        return self.topology

    def _url(self, region: Region, _: Balancer) -> str:
        return self.urls[region.name]


def test_a_topology_without_a_balancer_is_refused() -> None:
    with pytest.raises(CouchgrassError, match=r"no \[balancer\]"):
        site_of(Topology(REGIONS))


def test_a_changed_file_is_taken_over_but_for_what_needs_a_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene(tmp_path)
    assert not scene.sites.look()
    scene.topology = Topology(
        (*REGIONS, Region("tokyo")), balancer=Balancer(policy=Policy.LEAST_REQUEST, port=9, hostname="a")
    )
    scene.save()
    assert scene.sites.look()
    assert scene.sites.site.names == ("london", "dallas", "tokyo")
    now = scene.sites.site.balancer
    assert (now.policy, now.hostname, now.port) == (Policy.LEAST_REQUEST, "a", Balancer().port)
    assert "port of [balancer] changed: it counts after a restart" in caplog.text
    scene.save()
    assert not scene.sites.look(), "nothing in it changed"


def test_a_file_that_went_wrong_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(tmp_path)
    scene.wrong = "line 3: no"
    scene.save()
    assert not scene.sites.look()
    assert "line 3: no" in caplog.text
    scene.wrong, scene.topology = "", Topology(REGIONS[:1], balancer=Balancer())
    scene.save()
    assert scene.sites.look()


def test_gateways_are_found_when_their_ports_are_known_and_kept_when_they_cant_be_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene(tmp_path)
    assert asyncio.run(scene.sites.find())
    assert scene.sites.upstreams == {"london": Upstream("london", "127.0.0.1", 1)}
    assert "dallas: its gateway's port is not known yet" in caplog.text
    scene.urls |= {"dallas": "http://127.0.0.1:2", "london": ""}
    caplog.clear()
    assert asyncio.run(scene.sites.find())
    assert list(scene.sites.upstreams) == ["london", "dallas"]
    assert not asyncio.run(scene.sites.find())
    assert caplog.text.count("not known yet") == 1, "said once"
