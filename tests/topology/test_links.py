"""Which links a topology asks for: every change reaches every region, whatever the shape."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.region.config import Functions, Identity, Region
from couchgrass.topology.config import App, Shape, Synced, Topology
from couchgrass.topology.links import USERS, Way, Wishes, is_expired, matches, shared_apps

DAY_S = 24 * 3600
NAMES = ("london", "dallas", "tokyo", "sydney", "paris", "lima", "oslo")


def topology(*entries: Synced, count: int = 3, sign_in: Iterable[str] = ()) -> Topology:
    regions = (Region(name=name, identity=Identity(name in sign_in)) for name in NAMES[:count])
    return Topology(tuple(regions), entries)


def reached(ways: Iterable[Way], start: str, without: str = "") -> set[str]:
    """The regions that a change of `start` comes to, while one region is lost."""
    there, more = {start}, True
    while more:
        new = {way.target for way in ways if way.source in there and without not in way} - there
        there |= new
        more = bool(new)
    return there


@given(shape=st.sampled_from(Shape), count=st.integers(2, 7), hub=st.sampled_from(["", *NAMES[:2]]))
def test_a_change_of_any_region_reaches_every_other(shape: Shape, count: int, hub: str) -> None:
    ways = Wishes(topology(Synced("todos", shape=shape, hub=hub), count=count)).ways("todos")
    for name in NAMES[:count]:
        assert reached(ways, name) == set(NAMES[:count])


@given(shape=st.sampled_from(Shape), count=st.integers(2, 7), lost=st.integers(0, 6))
def test_a_region_that_is_lost_separates_no_others_unless_it_is_the_hub(
    shape: Shape, count: int, lost: int
) -> None:
    names = NAMES[:count]
    ways = Wishes(topology(Synced("todos", shape=shape), count=count)).ways("todos")
    gone = names[lost % count]
    left = set(names) - {gone}
    for name in left:
        alone = shape is Shape.HUB and gone == names[0]
        assert reached(ways, name, gone) == ({name} if alone else left)


@given(shape=st.sampled_from(Shape), count=st.integers(2, 7), at=st.integers(0, 6))
def test_one_way_nothing_comes_back_and_standbys_agree_when_the_source_is_lost(
    shape: Shape, count: int, at: int
) -> None:
    names = NAMES[:count]
    source = names[at % count]
    ways = Wishes(topology(Synced("todos", shape=shape, source=source), count=count)).ways("todos")
    assert reached(ways, source) == set(names)
    assert all(way.target != source for way in ways)
    if shape is not Shape.HUB or source != names[0]:
        for name in set(names) - {source}:
            assert reached(ways, name, source) == set(names) - {source}


@pytest.mark.parametrize(("shape", "links"), [(Shape.MESH, 20), (Shape.RING, 10), (Shape.HUB, 8)])
def test_as_many_links_as_the_shape_has(shape: Shape, links: int) -> None:
    assert len(Wishes(topology(Synced("x", shape=shape), count=5)).ways("x")) == links


def test_a_ring_of_two_is_a_pair_and_a_shape_of_one_is_nothing() -> None:
    for shape in Shape:
        both = {Way("london", "dallas"), Way("dallas", "london")}
        assert Wishes(topology(Synced("x", shape=shape), count=2)).ways("x") == both
        assert Wishes(topology(Synced("x", shape=shape), count=1)).ways("x") == frozenset()


def test_the_first_entry_that_matches_counts() -> None:
    wishes = Wishes(
        topology(Synced("todos-local", regions=("london",)), Synced("todos*", source="london"), Synced("*"))
    )
    assert wishes.ways("todos-local") == frozenset()
    assert not wishes.wants(Way("dallas", "london"), "todos-2")
    assert wishes.wants(Way("dallas", "london"), "notes")


def test_only_the_regions_of_an_entry_have_its_links() -> None:
    wishes = Wishes(topology(Synced("todos", regions=("london", "tokyo"))))
    assert wishes.ways("todos") == {Way("london", "tokyo"), Way("tokyo", "london")}
    assert wishes.into("dallas") == ("london", "tokyo")  # for kept answers, which are everybody's


@pytest.mark.parametrize(
    ("pattern", "database", "is_meant"),
    [
        ("todos*", "todos", True),
        ("todos*", "todos-1", True),
        ("todos*", "my-todos", False),
        ("*todos", "my-todos", True),
        ("a*b*c", "a1b2c", True),
        ("a+b", "aab", False),
        ("*", "anything", True),
        ("*", "_users", False),
        ("_users", "_users", False),
        ("*", "whisk_whisks", False),
        ("*", "couchgrass_identity", False),
        ("couchgrass_*", "couchgrass_pages", False),
        ("whisk_*", "whisk_whisks", True),
        ("whisk_*", "whisk_feeds", False),
        ("whisk_feeds", "whisk_feeds", False),
    ],
)
def test_what_a_pattern_means(pattern: str, database: str, is_meant: bool) -> None:
    assert matches(pattern, database) is is_meant


def test_sign_in_is_in_step_between_the_regions_that_have_it() -> None:
    wishes = Wishes(topology(Synced("*"), sign_in=("london", "tokyo")))
    for database in (USERS, "couchgrass_identity"):
        assert wishes.ways(database) == {Way("london", "tokyo"), Way("tokyo", "london")}
    for regions in ((), ("london",)):
        assert Wishes(topology(Synced("*"), sign_in=regions)).ways(USERS) == frozenset()


def test_kept_answers_are_in_step_until_they_expire() -> None:
    wishes = Wishes(topology())
    day = "couchgrass_idempotency-2026-02-28"
    assert len(wishes.ways(day)) == 6
    noon = 1772280000.0  # 2026-02-28 12:00 UTC
    assert not is_expired(day, noon - DAY_S)
    assert not is_expired(day, noon)
    assert not is_expired(day, noon + DAY_S)
    assert is_expired(day, noon + 2 * DAY_S)


@pytest.mark.parametrize("database", ["todos", "todos-2020-01-01", "couchgrass_identity"])
def test_nothing_else_ever_expires(database: str) -> None:
    assert not is_expired(database, 4e9)


def test_answers_are_kept_for_the_databases_that_there_are() -> None:
    wishes = Wishes(topology(Synced("todos")))
    assert wishes.ways("todos") == wishes.ways("todos")
    wishes.keep(())
    assert len(wishes.ways("todos")) == 6


def test_apps_are_shared_with_the_regions_that_have_them_and_run_them_here() -> None:
    elsewhere = Functions(url="https://whisk.example.org", key="key.json")
    regions = (
        *(Region(name=name) for name in ("london", "dallas", "tokyo")),
        Region(name="paris", functions=elsewhere),
    )
    apps = (App("todo"), App("shop", namespace="shop", regions=("london", "tokyo")), App("more"))
    topology = Topology(regions, apps=apps)
    assert shared_apps(topology, "london") == {"guest": {"dallas", "tokyo"}, "shop": {"tokyo"}}
    assert shared_apps(topology, "dallas") == {"guest": {"london", "tokyo"}}
    assert shared_apps(topology, "paris") == {}
