"""A region's share of a deploy, from nothing to the table of its APIs, and away again."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from couchgrass.clock import SystemClock
from couchgrass.couch.server import CouchServer
from couchgrass.deploy.apply.credentials import Credentials
from couchgrass.deploy.apply.place import Place
from couchgrass.deploy.apply.provision import Provisioned, provisioned, settled
from couchgrass.deploy.apply.region import Order, Row, all_ended, api_rows, carry_out, prepare
from couchgrass.deploy.apply.site import Publisher
from couchgrass.deploy.needs import Needs
from couchgrass.deploy.site import Pages
from couchgrass.deploy.steps import Change, Kind
from couchgrass.deploy.wanted import Action, App, Exec, Package, Route
from couchgrass.errors import CouchgrassError
from couchgrass.gateway.site import INDEX, SiteFile, digest_of
from couchgrass.testing.broken import How as Fails
from couchgrass.testing.server import ServerProcess
from tests.deploy import places


def load(env: Mapping[str, str], kinds: Any) -> App:
    assert "python" in kinds
    parameters = {
        "username": env["CLOUDANT_USERNAME"],
        "url": env["CLOUDANT_URL"],
        "tenant": env["API_APPID_TENANTID"],
    }
    return App(
        (Package("p", parameters),),
        (Action("p/get", Exec("python:3", "x = 1")),),
        routes=(Route("todos", "/v1", "/todo", "GET", "p/get", "http"),),
    )


def order(**more: Any) -> Order:
    return Order(load, {"OTHER": "x"}, SystemClock(), **more)


def test_from_nothing_to_a_table_and_away_again(couch_server: ServerProcess) -> None:
    async def work(here: places.Place) -> None:
        async with CouchServer(couch_server.url, couch_server.user, couch_server.password) as couch:
            place = Place("london", couch, "http://db.example", here.url, signs_in=True)
            wanted = _wanted(place)
            found = await prepare(place, wanted, order())
            assert [one.kind for one in found.missing] == ["namespace", "account", "tenant"]
            assert {step.change for step in found.plan.steps} == {Change.CREATE}
            told: list[str] = []
            done = await carry_out(found, order(), lambda step: told.append(step.name))
            assert done.error is None, done.error
            assert sorted(told) == ["/v1", "p", "p/get"]
            (row,) = api_rows(done)
            assert row == Row("get", "get", "todos", row.url)
            assert row.url.endswith("/v1/todo")
            parameters = {one["key"]: one["value"] for one in done.prepared.plan.steps[0].body["parameters"]}
            assert parameters["username"] == wanted.needs.account
            assert parameters["url"] == "http://db.example"
            assert wanted.sign_in is not None and parameters["tenant"] == wanted.sign_in.tenant_id
            again = await prepare(place, wanted, order())
            assert not again.changes
            assert [one.url for one in api_rows(await carry_out(again, order(), lambda step: None))] == [
                row.url
            ]
            away = await prepare(place, wanted, order(takes_away=True))
            assert {step.change for step in away.plan.steps} == {Change.DELETE}
            gone = await carry_out(away, order(takes_away=True), lambda step: None)
            assert gone.error is None and api_rows(gone) == []
            assert not (await prepare(place, wanted, order(takes_away=True))).changes

    places.at_place(couch_server, work)


def test_a_region_that_fails_is_as_it_was_and_says_so(couch_server: ServerProcess) -> None:
    async def work(here: places.Place) -> None:
        async with CouchServer(couch_server.url, couch_server.user, couch_server.password) as couch:
            place = Place("london", couch, "http://db.example", here.url, signs_in=True)
            found = await prepare(place, _wanted(place), order())
            here.broken.break_at(2, Fails.REFUSED, frozenset({"PUT"}))
            done = await carry_out(found, order(), lambda step: None)
            assert isinstance(done.error, CouchgrassError) and done.is_back
            assert "create action p/get: broken on purpose" in done.error.reason

    places.at_place(couch_server, work)


def test_pages_come_and_go_with_the_app_and_go_back_with_it(couch_server: ServerProcess) -> None:
    async def work(here: places.Place) -> None:
        async with CouchServer(couch_server.url, couch_server.user, couch_server.password) as couch:
            place = Place("london", couch, "http://db.example", here.url, signs_in=True)
            wanted = _wanted(place)
            where = f"/{wanted.needs.app}/"
            with_pages = order(pages=pages_at(where, b"first"))

            async def index() -> str:
                found = (await Publisher(couch).look(where)).sites.get(where)
                return "" if found is None else next(one.digest for one in found.files if one.name == INDEX)

            # What fails after new pages were put takes them away again.
            here.broken.break_at(2, Fails.REFUSED, frozenset({"PUT"}))
            done = await carry_out(await prepare(place, wanted, with_pages), with_pages, lambda step: None)
            assert done.is_back and await index() == ""
            here.broken.mend()
            done = await carry_out(await prepare(place, wanted, with_pages), with_pages, lambda step: None)
            assert done.error is None and await index() == digest_of(b"first")
            assert not (await prepare(place, wanted, with_pages)).changes
            changed = order(pages=pages_at(where, b"second"))
            (step,) = (await prepare(place, wanted, changed)).plan.writes
            assert (step.kind, step.change) == (Kind.PAGES, Change.UPDATE)
            # A gateway that is not ours serves none, and a deploy without them says what is left.
            assert not (await prepare(replace(place, has_pages=False), wanted, changed)).changes
            assert (await prepare(place, wanted, order())).plan.left[0].name == where
            away = order(takes_away=True)
            await carry_out(await prepare(place, wanted, away), away, lambda step: None)
            assert await index() == ""

    places.at_place(couch_server, work)


def pages_at(where: str, body: bytes) -> Pages:
    file = SiteFile(INDEX, digest_of(body), len(body), "text/html")
    return Pages(where, (file,), {file.digest: body})


def _wanted(place: Place) -> Provisioned:
    name = f"r{uuid.uuid4().hex[:12]}"
    needs = Needs(name, name, name, (), name)
    return provisioned(place, needs, settled(Credentials(), needs, [place], SystemClock()))


def test_each_region_has_its_time_to_go_back_when_all_is_interrupted() -> None:
    back: list[str] = []
    begun = asyncio.Event()

    async def region(name: str, turns: int) -> str:
        try:
            begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            for _ in range(turns):
                await asyncio.sleep(0)
            back.append(name)
            raise
        return name

    async def deploy() -> None:
        await all_ended([region("quick", 1), region("slow", 20)])

    async def interrupted() -> None:
        deploying = asyncio.create_task(deploy())
        await begun.wait()
        deploying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await deploying
        assert back == ["quick", "slow"]

    asyncio.run(interrupted())


def test_what_all_regions_give_is_in_their_order_and_a_fault_of_ours_is_raised() -> None:
    async def one(value: int) -> int:
        return 1 // value

    assert asyncio.run(all_ended([one(1), one(-1)])) == [1, -1]
    with pytest.raises(ZeroDivisionError):
        asyncio.run(all_ended([one(1), one(0)]))
