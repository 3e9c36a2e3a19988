"""`couchgrass.toml` as values."""

from __future__ import annotations

import pytest

from couchgrass.region.config import ConfigRefused
from couchgrass.topology.config import Policy, Shape, Topology, parse_topology

WHOLE = """\
[regions.london]
coordinates = [51.5, -0.1]
[regions.london.database]
port = 5984

[regions.dallas]
data = "dallas-data"

[[databases]]
match = "todos*"

[[apps]]
folder = "app"

[balancer]
policy = "geo"
"""


def parsed(text: str) -> Topology:
    return parse_topology(text, "/srv/app", "couchgrass.toml")


def test_a_file_is_read_whole() -> None:
    topology = parsed(WHOLE)
    assert topology.names == ("london", "dallas")
    assert topology.region("london").data == "/srv/app/london"
    assert topology.region("dallas").data == "/srv/app/dallas-data"
    assert topology.databases[0].shape is Shape.MESH
    assert topology.apps[0].folder == "/srv/app/app"
    assert topology.balancer is not None
    assert topology.balancer.policy is Policy.GEO
    assert topology.balancer.data == "/srv/app/balancer"


def test_no_region_is_refused() -> None:
    with pytest.raises(ConfigRefused, match=r"couchgrass.toml:1: regions: there is no region"):
        parsed("[balancer]\n")
