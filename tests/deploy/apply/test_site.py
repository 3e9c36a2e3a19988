"""Pages are put into a region's database and switched over by one write, or all is as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from couchgrass.couch.server import CouchServer, path
from couchgrass.deploy.apply import site as applied
from couchgrass.deploy.apply.apply import Failed, Target, apply
from couchgrass.deploy.apply.site import Publisher
from couchgrass.deploy.site import Owner, site_steps
from couchgrass.deploy.steps import Change, Plan
from couchgrass.docdb.http.app import App
from couchgrass.errors import Conflict
from couchgrass.gateway.site import Site, SiteFile, content_from, digest_of, site_id
from couchgrass.testing.broken import Broken
from couchgrass.testing.broken import How as Fails
from couchgrass.testing.in_process import ADMIN, served
from couchgrass.testing.listening import listening
from couchgrass.testing.server import ServerProcess
from couchgrass.whisk.host import WhiskHost
from couchgrass.whisk.namespace import Namespace

OWNER = Owner("todo", "guest")
FIRST = {"index.html": b"1", "assets/a-11111111.js": b"a1", "same.txt": b"same"}
SECOND = {"index.html": b"2", "assets/a-22222222.js": b"a2", "same.txt": b"same", "new.txt": b"n" * 1000}
WRITES = frozenset({"PUT", "POST", "DELETE"})


class Region:
    """A database, which `broken` stands before, and deploys into it."""

    def __init__(self, couch: CouchServer, database: str, broken: Broken | None = None) -> None:
        self.couch = couch
        self.database = database
        self.broken = broken

    def publisher(self, files: Mapping[str, bytes]) -> Publisher:
        return Publisher(self.couch, {digest_of(body): body for body in files.values()}, self.database)

    async def plan(self, files: Mapping[str, bytes] | None, *, prune: bool = False) -> tuple[Publisher, Plan]:
        publisher = self.publisher(files or {})
        present = await publisher.look("/" if files else "")
        owner = Owner("todo", "guest", prune=prune)
        return publisher, Plan(tuple(site_steps(None if files is None else site_of(files), present, owner)))

    async def deploy(self, files: Mapping[str, bytes] | None, *, prune: bool = False) -> Plan:
        publisher, plan = await self.plan(files, prune=prune)
        # Its steps are about pages only: nothing is asked of functions.
        target = Target(Namespace(WhiskHost("http://127.0.0.1:1", "u:k"), "guest"), publisher)
        await apply(plan, target, lambda step: None)
        for step in plan.writes:
            await publisher.tidy(step.name)
        return plan

    async def served(self) -> dict[str, Any]:
        """Names to contents, of the site at /; what is kept with a mark."""
        there = (await Publisher(self.couch, {}, self.database).look("/")).sites.get("/")
        if there is None:
            return {}
        files = [(one.name, one) for one in there.files] + [(f"kept {one.name}", one) for one in there.kept]
        return {name: await self.content(one) for name, one in files}

    async def content(self, file: SiteFile) -> bytes | None:
        where = path(self.database, f"file:/:{file.digest}")
        return content_from(await self.couch.ask("GET", where, query={"attachments": "true"}), file.digest)

    async def count(self) -> int:
        return len((await Publisher(self.couch, {}, self.database).look("/")).contents)


def site_of(files: Mapping[str, bytes]) -> Site:
    found = [
        SiteFile(name, digest_of(body), len(body), "t", name.startswith("assets/"))
        for name, body in files.items()
    ]
    return Site("/", "todo", "guest", "csp", tuple(found))


def in_region(server: ServerProcess, database: str, work: Callable[[Region], Awaitable[None]]) -> None:
    async def run() -> None:
        async with CouchServer(server.url, server.user, server.password) as couch:
            await work(Region(couch, database))

    asyncio.run(run())


def test_from_nothing_to_served_changed_and_away(couch_server: ServerProcess, db_name: str) -> None:
    async def work(region: Region) -> None:
        assert [step.change for step in (await region.deploy(FIRST)).steps] == [Change.CREATE]
        assert await region.served() == FIRST
        assert (await region.deploy(FIRST)).writes == ()
        await region.deploy(SECOND)
        assert await region.served() == {**SECOND, "kept assets/a-11111111.js": b"a1"}
        assert await region.count() == 5, "what no page asks for any more is gone"
        assert (await region.deploy(SECOND)).writes == ()
        await region.deploy(FIRST)
        assert await region.served() == {**FIRST, "kept assets/a-22222222.js": b"a2"}
        assert [step.change for step in (await region.deploy(None)).steps] == [Change.LEFT]
        assert [step.change for step in (await region.deploy(None, prune=True)).steps] == [Change.DELETE]
        assert await region.served() == {} and await region.count() == 0
        assert (await region.deploy(None, prune=True)).steps == ()
        await region.deploy(SECOND)
        assert await region.served() == SECOND

    in_region(couch_server, db_name, work)


def test_many_and_large_contents_go_in_bounded_requests(
    couch_server: ServerProcess, db_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(region: Region) -> None:
        monkeypatch.setattr(applied, "BATCH_BYTES_MAX", 1000)
        monkeypatch.setattr(applied, "BATCH_DOCS_MAX", 7)
        files = {f"{number}.txt": b"%d" % number * (400 if number % 9 == 0 else 1) for number in range(40)}
        await region.deploy(files)
        assert await region.served() == files

    in_region(couch_server, db_name, work)


def test_two_deploys_at_once_do_not_undo_each_other(couch_server: ServerProcess, db_name: str) -> None:
    async def work(region: Region) -> None:
        await region.deploy(FIRST)
        slow, plan = await region.plan({"index.html": b"slow"})
        await region.deploy(SECOND)
        with pytest.raises(Conflict, match="another deploy put pages at / meanwhile"):
            await slow.do(plan.steps[0])
        assert (await region.served())["index.html"] == b"2"

    in_region(couch_server, db_name, work)


def test_contents_that_are_lost_are_written_again(couch_server: ServerProcess, db_name: str) -> None:
    async def work(region: Region) -> None:
        await region.deploy(FIRST)
        where = path(db_name, f"file:/:{digest_of(b'same')}")
        rev = (await region.couch.ask("GET", where))["_rev"]
        await region.couch.ask("DELETE", where, query={"rev": rev})
        (step,) = (await region.deploy(FIRST)).writes
        assert step.why == ("1 file missing in the database, 4 bytes",)
        assert await region.served() == FIRST
        # A document that is no site is in nobody's way but its own path's.
        await region.couch.ask("PUT", path(db_name, site_id("/x/")), {"type": "other"})
        assert (await region.deploy(FIRST)).writes == ()

    in_region(couch_server, db_name, work)


@pytest.mark.parametrize("how", Fails)
@pytest.mark.parametrize("files", [FIRST, None])
def test_from_whichever_request_fails_it_goes_back(
    tmp_path: Path, how: Fails, files: dict[str, bytes] | None
) -> None:
    """FIRST: what is there is changed; None: there is nothing yet."""

    async def run() -> None:
        async with served(tmp_path) as found:
            broken = Broken(App(found.server))
            async with listening(broken) as url, CouchServer(url, *ADMIN) as couch:
                await walk(Region(couch, "pages", broken))

    async def walk(region: Region) -> None:
        assert region.broken is not None
        if files:
            await region.deploy(files)
        before = await region.served()
        for number in range(1, 30):
            region.broken.break_at(number, how, WRITES)
            try:
                await region.deploy(SECOND)
            except Failed as failed:
                assert failed.stuck == (), failed.stuck
                region.broken.mend()
                assert await region.served() == before, number
                continue
            assert number >= 3
            region.broken.mend()
            assert {
                name: body for name, body in (await region.served()).items() if "kept" not in name
            } == SECOND
            return
        raise AssertionError("it always fails")

    asyncio.run(run())
