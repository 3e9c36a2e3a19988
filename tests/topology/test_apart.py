"""What would be taken twice on one machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from couchgrass.region.config import Agent, Dashboard, Database, Functions, Gateway, Region
from couchgrass.topology.apart import (
    Claim,
    Folder,
    claims_of,
    clashes,
    folder_of,
    machine_of,
    with_dashboards,
)


def claim(host: str, machine: str = "") -> Claim:
    return Claim((host,), "it", machine, host, 80)


def folder(path: str, machine: str = "") -> Folder:
    return Folder((path,), "it", machine, path)


@pytest.mark.parametrize(
    ("one", "other"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "10.0.0.1"), ("localhost", "127.0.0.2")],
)
def test_hosts_of_one_machine_share_a_port(one: str, other: str) -> None:
    assert [path for path, _ in clashes([claim(one), claim(other)], [])] == [(other,)]
    assert list(clashes([claim(one), claim(other, "elsewhere")], [])) == []


def test_two_addresses_of_one_machine_have_their_own_ports() -> None:
    assert list(clashes([claim("10.0.0.1"), claim("10.0.0.2")], [])) == []


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("/a/b", "/a/c/../b/.", "is the data folder"),
        ("/a", "/a/b", "lies in the data folder"),
        ("/a/b", "/a", "holds the data folder"),
    ],
)
def test_folders_are_neither_the_same_nor_in_one_another(one: str, other: str, how: str) -> None:
    ((path, reason),) = clashes([], [folder(one), folder(other)])
    assert path == (other,)
    assert reason.startswith(how)
    assert list(clashes([], [folder(one), folder(other, "elsewhere")])) == []


def test_folders_beside_each_other_are_fine() -> None:
    assert list(clashes([], [folder("/a/b"), folder("/a/bc")])) == []


@pytest.mark.parametrize(
    ("region", "machine"),
    [
        (Region(), ""),
        (Region(database=Database(public_url="https://l.example:6984")), "l.example"),
        (Region(gateway=Gateway(public_url="http://127.0.0.1:1")), ""),
        (Region(functions=Functions(public_url="http://localhost:1"), addresses=("L.example",)), "l.example"),
    ],
)
def test_public_urls_and_addresses_name_the_machine(region: Region, machine: str) -> None:
    assert machine_of(region) == machine


def test_a_region_takes_the_ports_of_what_it_runs_itself() -> None:
    region = Region(name="l", data="/d", database=Database(url="https://c"), functions=Functions(port=0))
    assert [one.path for one in claims_of(region)] == [
        ("regions", "l", "gateway", "port"),
        ("regions", "l", "agent", "port"),
        ("regions", "l", "dashboard", "port"),
    ]
    assert folder_of(region).folder == "/d"


def ported(name: str, agent: int, database: int, **more: Any) -> Region:
    """A region on ports of its own."""
    return Region(
        name=name,
        data=f"/{name}",
        database=Database(port=database),
        functions=Functions(port=database + 1),
        gateway=Gateway(port=database + 2),
        agent=Agent(port=agent),
        **more,
    )


def dashboards(regions: list[Region], unnamed: str = "a b c", others: Sequence[Claim] = ()) -> list[int]:
    found = with_dashboards(regions, frozenset(unnamed.split()), others)
    assert [one.name for one in found] == [one.name for one in regions]
    assert not list(clashes([*others, *(claim for one in found for claim in claims_of(one))], []))
    return [one.dashboard.port for one in found]


def test_a_dashboard_that_names_no_port_is_on_the_next_free_one_above_the_agents() -> None:
    assert dashboards([ported("a", 3235, 3000), ported("b", 3245, 3010)]) == [3236, 3246]
    # Ports that the file names one after another are left to those who have them, later ones too.
    assert dashboards([ported("a", 5003, 5000), ported("b", 5007, 5004)]) == [5008, 5009]
    balancer = Claim(("balancer", "port"), "the balancer", "", "127.0.0.1", 3236)
    assert dashboards([ported("a", 3235, 3000)], others=[balancer]) == [3237]


def test_a_dashboard_that_names_its_port_keeps_it() -> None:
    named = ported("a", 3235, 3000, dashboard=Dashboard(port=3246))
    assert dashboards([named, ported("b", 3245, 3010)], "b") == [3246, 3247]


def test_dashboards_of_different_machines_may_have_the_same_port() -> None:
    elsewhere = ported("b", 3235, 3000, addresses=("b.example",))
    assert dashboards([ported("a", 3235, 3000), elsewhere]) == [3236, 3236]


def test_above_any_port_and_above_the_last_one_it_is_any_port() -> None:
    assert dashboards([ported("a", 0, 3000), ported("b", 65535, 3010)]) == [0, 0]
