"""Links between real servers: made, found again, mended, and taken away, each by its own region."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from couchgrass.topology.config import Synced
from tests.agent.run.world import World, all_run, until, world

TODOS = Synced("todos*")
RIGHTS = {
    "admins": {"names": ["todo"], "roles": []},
    "members": {"names": ["todo"], "roles": []},
}


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("regions"), "london", "dallas", "tokyo") as regions:
        yield regions


def test_a_database_of_any_region_is_in_all_within_seconds(three: World) -> None:
    async def work() -> None:
        async with three.kept(three.topology(TODOS)) as links:
            await until(lambda: all(one.is_known for one in links.values()))
            for name, other in (("london", "tokyo"), ("tokyo", "dallas")):
                database = f"todos-{name}"
                await three.ask(name, "PUT", database)
                await three.ask(name, "PUT", database, "_security", body=RIGHTS)
                await three.ask(name, "PUT", database, "one", body={"from": name})
                began = asyncio.get_running_loop().time()
                assert (await three.until_there(other, database, "one"))["from"] == name
                print("took", asyncio.get_running_loop().time() - began)
                await three.ask(other, "PUT", database, "two", body={"from": other})
                await three.until_there(name, database, "two")
            await until(lambda: all_run(links))
            seen = links["dallas"].seen()
            assert {(link.database, link.source) for link in seen} == {
                (f"todos-{name}", source) for name in ("london", "tokyo") for source in ("london", "tokyo")
            }
            security = await three.ask("dallas", "GET", "todos-london", "_security")
            assert security["admins"]["names"] == ["todo"]
            assert set(security["members"]["names"]) == {
                "todo",
                "couchgrass-link-london",
                "couchgrass-link-tokyo",
            }

    asyncio.run(work())


def test_whatever_is_changed_by_hand_is_mended(three: World) -> None:
    async def work() -> None:
        async with three.kept(three.topology(TODOS)) as links:
            await three.ask("london", "PUT", "todos-mended")
            await until(lambda: all_run(links))
            london = next(
                link.job
                for link in links["dallas"].seen()
                if (link.source, link.database) == ("london", "todos-mended")
            )
            before = (await three.jobs("dallas"))[london]

            await three.ask("dallas", "DELETE", "_replicator", london, rev=before["_rev"])
            doc = await three.until_there("dallas", "_replicator", london)
            assert doc["source"] == before["source"]

            await three.ask(
                "dallas",
                "PUT",
                "_replicator",
                london,
                body={**doc, "continuous": False, "worker_processes": 2},
            )

            async def is_continuous() -> Any:
                return (await three.found("dallas", "_replicator", london) or {}).get("continuous")

            await until(is_continuous)
            assert (await three.found("dallas", "_replicator", london))["worker_processes"] == 2

            name = "couchgrass-link-dallas"
            security = await three.ask("london", "GET", "todos-mended", "_security")
            assert name in security["members"]["names"]
            security["admins"] = {"names": [name]}
            await three.ask("london", "PUT", "todos-mended", "_security", body=security)

            async def has_its_right_only() -> bool:
                found = await three.ask("london", "GET", "todos-mended", "_security")
                return name in found["members"]["names"] and name not in found.get("admins", {}).get(
                    "names", ()
                )

            await until(has_its_right_only)

            account = await three.ask("london", "GET", "_users", f"org.couchdb.user:{name}")
            await three.ask("london", "DELETE", "_users", f"org.couchdb.user:{name}", rev=account["_rev"])
            await three.ask("london", "PUT", "todos-mended", "late", body={})
            await three.until_there("dallas", "todos-mended", "late")
            await until(lambda: all_run(links))

    asyncio.run(work())


def test_who_is_not_in_the_file_any_more_has_no_links_here(three: World) -> None:
    async def work() -> None:
        await three.ask("tokyo", "PUT", "_replicator") if await three.found(
            "tokyo", "_replicator"
        ) is None else None
        theirs = {"source": "http://127.0.0.1:1/x", "target": "x", "continuous": True}
        await three.ask("tokyo", "PUT", "_replicator", "theirs", body=theirs)
        two = three.topology(TODOS, regions=("london", "tokyo"))
        before = await three.jobs("tokyo")
        assert any("dallas" in name for name in before)
        async with three.kept(two, "tokyo") as links:
            await until(lambda: links["tokyo"].is_known)

            async def none_left() -> bool:
                return not any("dallas" in name for name in await three.jobs("tokyo"))

            await until(none_left)
            assert {link.source for link in links["tokyo"].seen()} == {"london"}
        assert await three.found("tokyo", "_replicator", "theirs") is not None
        assert await three.found("tokyo", "todos-mended") is not None
        one_way = three.topology(Synced("todos*", source="tokyo"), regions=("london", "tokyo"))
        async with three.kept(one_way, "tokyo"):

            async def no_jobs() -> bool:
                return not await three.jobs("tokyo")

            await until(no_jobs)

    asyncio.run(work())


def test_a_peer_that_is_down_stops_nothing_else_and_may_come_back_elsewhere(three: World) -> None:
    async def work() -> None:
        async with three.kept(three.topology(TODOS)) as links:
            await until(lambda: all_run(links))
            london = three.servers["london"]
            london.kill()
            await until(
                lambda: not any(x.peer_reachable for x in links["dallas"].seen() if x.source == "london")
            )
            await three.ask("dallas", "PUT", "todos-alone")
            await three.ask("dallas", "PUT", "todos-alone", "one", body={})
            await three.until_there("tokyo", "todos-alone", "one")
            await three.ask("dallas", "PUT", "todos-mended", "meanwhile", body={})

            london.port = 0
            london.start()
            await three.until_there("london", "todos-alone", "one")
            await three.until_there("london", "todos-mended", "meanwhile")
            await three.ask("london", "PUT", "todos-mended", "elsewhere", body={})
            await three.until_there("dallas", "todos-mended", "elsewhere")
            await until(lambda: all_run(links))

    asyncio.run(work())
