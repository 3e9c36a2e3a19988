"""A namespace of a real functions host: lists over several pages, feeds, APIs."""

from __future__ import annotations

import asyncio

import pytest

from couchgrass.errors import NotFound
from couchgrass.testing.server import ServerProcess
from couchgrass.whisk.host import Refused
from tests.deploy.places import Place, at_place


def test_lists_are_had_whole(couch_server: ServerProcess) -> None:
    async def work(place: Place) -> None:
        names = {f"t{number}" for number in range(205)}
        await asyncio.gather(*(place.namespace.put("triggers", name, {}) for name in names))
        assert {row["name"] for row in await place.namespace.rows("triggers")} == names

    at_place(couch_server, work)


def test_it_knows_its_own_name_and_entities(couch_server: ServerProcess) -> None:
    async def work(place: Place) -> None:
        assert place.namespace.name == place.region.namespace
        await place.namespace.put("packages", "p", {})
        body = {"exec": {"kind": "python:3", "code": "x = 1"}}
        await place.namespace.put("actions", "p/a", body)
        await place.namespace.put("triggers", "t", {})
        await place.namespace.put("rules", "r", {"trigger": "/_/t", "action": "/_/p/a"})
        await place.namespace.set_active("r", False)
        assert (await place.namespace.get("rules", "r"))["status"] == "inactive"
        assert (await place.namespace.get("actions", "p/a"))["exec"]["code"] == "x = 1"
        assert "code" not in (await place.namespace.get("actions", "p/a", code="false"))["exec"]
        assert (await place.namespace.package_of("whisk.system", "alarms"))["name"] == "alarms"
        await place.namespace.delete("actions", "p/a")
        with pytest.raises(NotFound):
            await place.namespace.get("actions", "p/a")

    at_place(couch_server, work)


def test_a_feed_is_told_and_says_what_it_refuses(couch_server: ServerProcess) -> None:
    async def work(place: Place) -> None:
        feed = "/whisk.system/alarms/interval"
        await place.namespace.put("triggers", "t", {})
        await place.namespace.feed(feed, "CREATE", "t", {"minutes": 3})
        told = await place.namespace.feed(feed, "READ", "t", {})
        assert told["config"]["minutes"] == 3
        with pytest.raises(Refused, match="minutes"):
            await place.namespace.feed(feed, "UPDATE", "t", {"minutes": "often"})

    at_place(couch_server, work)


def test_apis_are_put_read_and_deleted(couch_server: ServerProcess) -> None:
    async def work(place: Place) -> None:
        document = {
            "swagger": "2.0",
            "info": {"title": "a", "version": "1"},
            "basePath": "/v1",
            "paths": {"/x": {"get": {"operationId": "getX", "x-other": [1]}}},
        }
        made = await place.namespace.put_api(document)
        assert made["gwApiUrl"].endswith("/v1")
        (found,) = await place.namespace.apis()
        assert found["apidoc"] == document
        await place.namespace.delete_api("/v1")
        assert await place.namespace.apis() == []
        with pytest.raises(NotFound):
            await place.namespace.delete_api("/v1")
        with pytest.raises(Refused, match="basePath"):
            await place.namespace.put_api({"swagger": "2.0", "info": {"title": "a"}, "paths": {"/x": {}}})

    at_place(couch_server, work)
