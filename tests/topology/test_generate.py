"""The file that `up` begins with: what it says can be read back, no port is there twice, and options that
say something else are told apart from those that agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.topology.config import Policy, Topology, parse_topology
from couchgrass.topology.generate import (
    RESERVED,
    Asked,
    NamesRefused,
    NoPort,
    Ports,
    contradicted,
    generated,
    names_of,
    ports_for,
)


def none_taken(port: int) -> bool:
    return False


def read(text: str) -> Topology:
    return parse_topology(text, "/srv/app", "couchgrass.toml")


def of(*names: str, app: str = "apps/todo", sign_in: bool = False) -> Topology:
    ports = ports_for(len(names), none_taken)
    databases = ("todos", "todos_*")
    return read(generated(names, ports, app=app, account="todo", databases=databases, sign_in=sign_in))


def all_ports(ports: Ports) -> list[int]:
    return [*(port for one in ports.regions for port in one.values()), ports.balancer, ports.metrics]


def test_it_is_read_back_as_what_was_asked_for() -> None:
    topology = of("london", "dallas")
    london, dallas = topology.regions
    assert (london.name, london.location, london.coordinates) == ("london", "London, GB", (51.51, -0.13))
    assert london.data == "/srv/app/london"
    assert (london.database.port, london.functions.port, london.gateway.port, london.agent.port) == (
        *(5984, 3233, 3234, 3235),
    )
    assert (dallas.database.port, dallas.agent.port) == (5994, 3245)
    assert dallas.gateway.default_namespace == "guest"
    assert [one.match for one in topology.databases] == ["todos", "todos_*"]
    assert not london.identity.enabled
    assert [(one.folder, one.account) for one in topology.apps] == [("/srv/app/apps/todo", "todo")]
    assert topology.balancer is not None
    assert (topology.balancer.port, topology.balancer.metrics_port) == (8080, 8081)
    assert topology.balancer.policy is Policy.FAILOVER


def test_with_sign_in_all_regions_have_the_balancer_as_their_issuer() -> None:
    for region in of("london", "dallas", sign_in=True).regions:
        assert (region.identity.enabled, region.identity.issuer) == (True, "http://127.0.0.1:8080")


def test_a_region_may_be_no_city() -> None:
    assert of("a.b", "x").region("a.b").coordinates is None


@given(
    st.lists(
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True), min_size=1, max_size=5, unique=True
    ),
    st.text(st.characters(exclude_categories=["C"]), min_size=1),
)
def test_whatever_the_names_it_can_be_read(names: list[str], app: str) -> None:
    topology = of(*names, app=app)
    assert list(topology.names) == names


@given(st.integers(1, 32), st.sets(st.integers(3000, 9000)))
def test_no_port_is_there_twice_or_taken(count: int, taken: set[int]) -> None:
    ports = all_ports(ports_for(count, taken.__contains__))
    assert len(ports) == len(set(ports))
    assert not taken & set(ports)


def test_a_taken_port_is_replaced_and_a_named_one_is_not() -> None:
    ports = ports_for(1, {5984, 8080}.__contains__, balancer=8080)
    assert ports.regions[0]["database"] == 6084
    assert ports.balancer == 8080
    assert ports_for(1, {8080}.__contains__).balancer == 8180
    with pytest.raises(NoPort, match="no port is free"):
        ports_for(1, lambda port: True)


def test_names_are_read() -> None:
    assert names_of("london, dallas,") == ("london", "dallas")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "names no region"),
        (" , ", "names no region"),
        ("lon don", "'lon don' is no name of a region"),
        ("../x", "is no name"),
        ("a,b,a", "a is named twice"),
        (",".join(f"r{n}" for n in range(33)), "33 regions, at most 32"),
        *((name, "something else is called so") for name in sorted(RESERVED)),
    ],
)
def test_names_that_can_not_be_are_refused(text: str, reason: str) -> None:
    with pytest.raises(NamesRefused, match=reason):
        names_of(text)


def test_options_that_agree_with_the_file_contradict_nothing() -> None:
    topology = of("london", "dallas")
    for asked in (Asked(), Asked(("dallas", "london"), "/srv/app/apps/todo", 8080)):
        assert contradicted(topology, asked) == ""


def test_options_that_say_something_else_are_told() -> None:
    topology = of("london", "dallas")
    assert contradicted(topology, Asked(regions=("london",))) == (
        "--regions names london, but it has london, dallas"
    )
    assert contradicted(topology, Asked(app="/other")) == "--app names /other, but it has /srv/app/apps/todo"
    assert contradicted(topology, Asked(env_file="/x.env")) == "--env-file names /x.env, but it has none"
    assert contradicted(topology, Asked(port=9000)) == "--port names 9000, but it has 8080"
    alone = read("[regions.london]")
    assert contradicted(alone, Asked(port=9000)) == "--port names 9000, but it has no balancer"
    assert contradicted(alone, Asked(app="/other")) == "--app names /other, but it has no app"
