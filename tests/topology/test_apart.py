"""What would be taken twice on one machine."""

from __future__ import annotations

import pytest

from couchgrass.region.config import Database, Functions, Gateway, Region
from couchgrass.topology.apart import Claim, Folder, claims_of, clashes, folder_of, machine_of


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
