"""Drift of whole topologies, shown and mended from one place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest

from couchgrass.agent.plan import drift
from couchgrass.agent.run import whole as whole_module
from couchgrass.agent.run.whole import opened
from couchgrass.errors import CouchgrassError
from couchgrass.linking.address import Address
from couchgrass.region.config import Region
from couchgrass.topology.config import Synced, Topology
from tests.agent.run.world import World, all_run, until, world
from tests.linking.apache import ADMIN, Apache, apaches

TODOS = Synced("todos*")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("regions"), "london", "dallas") as regions:
        yield regions


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No region is out of reach because the machine is busy."""
    monkeypatch.setattr(whole_module, "FIRST_S", 60.0)
    monkeypatch.setattr(whole_module, "REQUEST_S", 60.0)


Reached = Mapping[str, Callable[[], Address]]


async def drifts(topology: Topology, reach: Reached, *, mend: bool = False) -> list[tuple[str, str, str]]:
    """What is to be done, or with `mend` was done, until nothing is left."""
    told: list[tuple[str, str, str]] = []
    async with opened(topology, reach) as whole:
        for _ in range(6):
            looked = await whole.look()
            if not mend:
                return [(one.region, one.database, one.what) for one in map(drift, looked.steps)]
            if not looked.steps:
                return told
            outcome = await whole.apply(looked)
            assert outcome.failed == []
            told += [(one.region, one.database, one.what) for one in outcome.done]
    raise AssertionError(f"it does not come to an end: {told}")


def test_plan_shows_drift_and_apply_mends_it(two: World) -> None:
    topology = two.topology(TODOS)
    reach = {name: two.reach(name) for name in topology.names}

    async def work() -> None:
        await drifts(topology, reach, mend=True)
        await two.ask("london", "PUT", "todos-planned")
        await two.ask("dallas", "PUT", "unrelated")
        before = await two.jobs("dallas")
        planned = await drifts(topology, reach)
        assert ("dallas", "todos-planned", "create database") in planned
        assert await two.jobs("dallas") == before
        await drifts(topology, reach, mend=True)
        assert await drifts(topology, reach) == []
        assert await two.found("london", "unrelated") is None
        await two.ask("london", "PUT", "todos-planned", "one", body={})
        await two.until_there("dallas", "todos-planned", "one")

        (job,) = set(await two.jobs("dallas")) - set(before)
        doc = await two.ask("dallas", "GET", "_replicator", job)
        await two.ask("dallas", "DELETE", "_replicator", job, rev=doc["_rev"])
        security = await two.ask("london", "GET", "todos-planned", "_security")
        security["admins"]["names"] = ["couchgrass-link-dallas"]
        await two.ask("london", "PUT", "todos-planned", "_security", body=security)
        assert await drifts(topology, reach) == [
            ("london", "todos-planned", "grant couchgrass-link-dallas"),
            ("dallas", "todos-planned", "write job from london"),
        ]
        await drifts(topology, reach, mend=True)
        assert await drifts(topology, reach) == []

    asyncio.run(work())


def test_an_agent_and_apply_do_the_same_also_where_they_reach_a_region_at_different_urls(two: World) -> None:
    topology = two.topology(TODOS)
    reach = {name: two.reach(name) for name in topology.names}

    def by_wire() -> Address:
        straight = two.reach("london")()
        return Address(straight.base.replace("127.0.0.1", "localhost"), straight.user, straight.password)

    async def work() -> None:
        async with two.kept(topology, "dallas", reach={**reach, "london": by_wire}) as links:
            await two.ask("london", "PUT", "todos-wired")
            await until(
                lambda: all_run(links) and "todos-wired" in {link.database for link in links["dallas"].seen()}
            )

            async def all_are_wired() -> bool:
                jobs = await two.jobs("dallas")
                return all(doc["source"]["url"].startswith("http://localhost:") for doc in jobs.values())

            # Those that other tests left are mended one after the other.
            await until(all_are_wired)
            await drifts(topology, reach, mend=True)
            before = await two.jobs("dallas")
            assert await drifts(topology, reach) == []
            for doc in before.values():
                assert doc["source"]["url"].startswith("http://localhost:")

    asyncio.run(work())


def test_a_region_that_is_gone_from_the_file_has_no_key_left(two: World) -> None:
    topology = two.topology(TODOS)
    reach = {name: two.reach(name) for name in topology.names}

    async def work() -> None:
        await two.ask("london", "PUT", "todos-kept")
        await two.ask("london", "PUT", "todos-kept", "one", body={})
        await drifts(topology, reach, mend=True)
        one = two.topology(TODOS, regions=("london",))
        planned = await drifts(one, reach)
        assert ("london", "", "delete key couchgrass-link-dallas") in planned
        await drifts(one, reach, mend=True)
        assert await drifts(one, reach) == []
        assert await two.jobs("london") == {}
        assert await two.found("london", "_users", "org.couchdb.user:couchgrass-link-dallas") is None
        security = await two.ask("london", "GET", "todos-kept", "_security")
        assert "couchgrass-link-dallas" not in str(security)
        assert await two.found("london", "todos-kept", "one") is not None

    asyncio.run(work())


def test_a_region_that_does_not_answer_keeps_no_other_from_being_planned(two: World) -> None:
    def refused() -> Address:
        raise CouchgrassError("it never ran here")

    regions = tuple(Region(name=name) for name in ("london", "dallas", "tokyo", "lima"))
    topology = Topology(regions, (TODOS,))
    reach = {
        **{name: two.reach(name) for name in two.servers},
        "tokyo": lambda: Address("http://127.0.0.1:9", "admin", "x"),
        "lima": refused,
    }

    async def work() -> None:
        await two.ask("london", "PUT", "todos-far")
        async with opened(topology, reach) as whole:
            looked = await whole.look()
            assert set(looked.unreached) == {"tokyo", "lima"}
            assert looked.unreached["lima"] == "it never ran here"
            await whole.apply(looked)
        assert any("london-dallas" in job for job in await two.jobs("dallas"))

    asyncio.run(work())


def test_regions_on_apache_couchdb_have_keys_at_both_ends() -> None:
    async def work() -> None:
        async with apaches(2) as (a, b):
            topology = Topology((Region(name="london"), Region(name="dallas")), (TODOS,))
            reach = {"london": at(a), "dallas": at(b)}
            a.create("todos")
            a.security["todos"] = {"admins": {"names": ["todo"]}, "members": {"names": ["todo"]}}
            await drifts(topology, reach, mend=True)
            assert await drifts(topology, reach) == []
            (job,) = b.jobs().values()
            assert {job[end]["auth"]["basic"]["username"] for end in ("source", "target")} == {
                "couchgrass-link-dallas"
            }
            assert a.security["todos"]["members"]["names"] == ["todo", "couchgrass-link-dallas"]
            assert "couchgrass-link-dallas" in b.security["todos"]["admins"]["names"]
            assert "todo" in b.security["todos"]["members"]["names"]
            a.put("todos", "here", {})
            b.put("todos", "there", {})
            assert a.dbs["todos"] == b.dbs["todos"]

    asyncio.run(work())


def at(server: Apache) -> Callable[[], Address]:
    return lambda: Address(server.url, *ADMIN)
