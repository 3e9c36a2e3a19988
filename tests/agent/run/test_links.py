"""Links between real servers: made, found again, mended, and taken away, each by its own region."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from couchgrass.agent.run.links import Links
from couchgrass.agent.run.watch import Watch
from couchgrass.identity import person
from couchgrass.identity.claims import User
from couchgrass.linking.address import Address
from couchgrass.linking.job import Side
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


async def linked(regions: World, links: Mapping[str, Links], database: str) -> None:
    """Makes a database in London, and waits until all its links run, and all others."""
    await regions.ask("london", "PUT", database)
    await until(
        lambda: all_run(links) and all(database in {x.database for x in one.seen()} for one in links.values())
    )


def test_a_database_of_any_region_is_in_all_within_seconds(three: World) -> None:
    async def work() -> None:
        async with three.kept(three.topology(TODOS)) as links:
            await until(lambda: all(one.is_known for one in links.values()))
            for name, other in (("london", "tokyo"), ("tokyo", "dallas")):
                database = f"todos-{name}"
                await three.ask(name, "PUT", database)
                await three.ask(name, "PUT", database, "_security", body=RIGHTS)
                await three.ask(name, "PUT", database, "one", body={"from": name})
                assert (await three.until_there(other, database, "one"))["from"] == name
                await three.ask(other, "PUT", database, "two", body={"from": other})
                await three.until_there(name, database, "two")
            await until(lambda: all_run(links))
            seen = links["dallas"].seen()
            assert {(link.database, link.source) for link in seen} >= {
                (f"todos-{name}", source) for name in ("london", "tokyo") for source in ("london", "tokyo")
            }
            await until(lambda: sum(link.docs_written or 0 for link in links["dallas"].seen()) > 0)
            readers = {"todo", "couchgrass-link-london", "couchgrass-link-tokyo"}

            async def has_rights() -> bool:
                security = await three.ask("dallas", "GET", "todos-london", "_security")
                admins, members = (security[one].get("names", ()) for one in ("admins", "members"))
                return list(admins) == ["todo"] and set(members) == readers

            # They were given after the database was made, and may come after it.
            await until(has_rights)

    asyncio.run(work())


def test_whatever_is_changed_by_hand_is_mended(three: World) -> None:
    async def work() -> None:
        async with three.kept(three.topology(TODOS)) as links:
            await linked(three, links, "todos-mended")
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
        async with three.kept(three.topology(TODOS)) as links:
            await linked(three, links, "todos-fewer")
        theirs = {"source": "http://127.0.0.1:1/x", "target": "x", "continuous": True}
        await three.ask("tokyo", "PUT", "_replicator", "theirs", body=theirs)
        two = three.topology(TODOS, regions=("london", "tokyo"))
        assert any("dallas" in name for name in await three.jobs("tokyo"))
        async with three.kept(two, "tokyo") as links:
            await until(lambda: links["tokyo"].is_known)

            async def none_left() -> bool:
                return not any("dallas" in name for name in await three.jobs("tokyo"))

            await until(none_left)
            assert {link.source for link in links["tokyo"].seen()} == {"london"}
        assert await three.found("tokyo", "_replicator", "theirs") is not None
        assert await three.found("tokyo", "todos-fewer") is not None
        one_way = three.topology(Synced("todos*", source="tokyo"), regions=("london", "tokyo"))
        async with three.kept(one_way, "tokyo"):

            async def no_jobs() -> bool:
                return not any("todos" in name for name in await three.jobs("tokyo"))

            await until(no_jobs)

    asyncio.run(work())


def test_a_peer_that_is_down_stops_nothing_else_and_may_come_back_elsewhere(three: World) -> None:
    async def work() -> None:
        async with three.kept(three.topology(TODOS)) as links:
            await linked(three, links, "todos-both")
            london = three.servers["london"]
            london.kill()
            await until(
                lambda: not any(x.peer_reachable for x in links["dallas"].seen() if x.source == "london")
            )
            await three.ask("dallas", "PUT", "todos-alone")
            await three.ask("dallas", "PUT", "todos-alone", "one", body={})
            await three.until_there("tokyo", "todos-alone", "one")
            await three.ask("dallas", "PUT", "todos-both", "meanwhile", body={})

            london.port = 0
            london.start()
            await three.until_there("london", "todos-alone", "one")
            await three.until_there("london", "todos-both", "meanwhile")
            await three.ask("london", "PUT", "todos-both", "elsewhere", body={})
            await three.until_there("dallas", "todos-both", "elsewhere")
            await until(lambda: all_run(links))

    asyncio.run(work())


def test_rights_that_are_given_a_moment_after_a_database_was_made_come_along(three: World) -> None:
    async def work() -> None:
        async with three.kept(three.topology(TODOS)) as links:
            await linked(three, links, "todos-late")
            await three.ask("london", "PUT", "todos-late", "_security", body=RIGHTS)

            async def has_them() -> bool:
                security = await three.ask("dallas", "GET", "todos-late", "_security")
                return "todo" in security["members"].get("names", ())

            await until(has_them)
            await until(lambda: all_run(links))

    asyncio.run(work())


def test_sign_in_and_kept_answers_are_in_step_and_old_answers_go(three: World) -> None:
    today = f"couchgrass_idempotency-{datetime.now(UTC):%Y-%m-%d}"
    old = "couchgrass_idempotency-2020-01-31"

    async def work() -> None:
        for name in (today, old, "couchgrass_identity"):
            await three.ask("london", "PUT", name)
        user = person.new_doc("app", User("123", "ann@example.org", "Ann", 0), "a password")
        where = person.doc_id("app", "ann@example.org")
        await three.ask("london", "PUT", "_users", where, body=user)
        other = {"type": "user", "name": "todo", "roles": [], "password": "x"}
        await three.ask("london", "PUT", "_users", "org.couchdb.user:todo", body=other)
        async with three.kept(three.topology(sign_in=True)) as links:
            assert (await three.until_there("tokyo", "_users", where))["name"] == "app/ann@example.org"
            for name in (today, "couchgrass_identity"):
                await three.until_there("dallas", name)

            async def is_gone() -> bool:
                return await three.found("london", old) is None

            await until(is_gone)
            await until(lambda: all_run(links))
            written = await three.ask("tokyo", "GET", "_users", where)
            await three.ask("tokyo", "DELETE", "_users", where, rev=written["_rev"])

            async def has_left() -> bool:
                return await three.found("london", "_users", where) is None

            await until(has_left)
        assert await three.found("dallas", old) is None
        assert await three.found("dallas", "_users", "org.couchdb.user:todo") is None

    asyncio.run(work())


def test_it_is_said_once_each_time_a_region_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch("london", Side.A, lambda: Address("http://127.0.0.1:1"), lambda: None)

    async def work() -> None:
        for _ in range(2):
            watch.error = ""  # it was reached
            for reason in ("connection refused", "no answer"):
                watch._lost(reason)

    asyncio.run(work())
    assert caplog.text.count("does not answer") == 2
