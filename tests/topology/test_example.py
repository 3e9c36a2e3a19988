"""The example is a file that can be used, and what it shows are the defaults."""

from __future__ import annotations

import re

from couchgrass.topology.config import App, Balancer, Pages, Synced, Topology, parse_topology
from couchgrass.topology.example import EXAMPLE


def parsed(text: str) -> Topology:
    return parse_topology(text, "/srv", "couchgrass.toml")


def test_what_it_shows_are_the_defaults() -> None:
    topology = parsed(EXAMPLE)
    assert topology.names == ("london", "dallas")
    assert topology.balancer == Balancer(data="/srv/balancer")
    assert topology.region("london") == parsed("[regions.london]\nlocation = 'London, GB'").regions[0]
    assert (topology.databases, topology.apps) == ((), ())


def test_its_examples_are_what_it_says_when_their_marks_are_taken_away() -> None:
    _, _, rest = EXAMPLE.partition("# --- Databases")
    whole = "[regions.london]\n" + re.sub(r"^# (?=\[|\w+ = )", "", "#" + rest, flags=re.MULTILINE)
    topology = parsed(whole.replace('policy = "failover"', 'policy = "weighted"'))
    assert topology.databases == (Synced("todos*"),)
    assert topology.apps == (App("/srv/todo", pages=Pages("/srv/todo/web")),)
    assert topology.balancer is not None
    assert topology.balancer.coordinates == (48.9, 2.4)
    assert topology.balancer.weights == {"london": 3}
    assert topology.balancer.tls is not None
