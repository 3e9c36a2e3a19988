"""Packages and bindings over HTTP."""

from __future__ import annotations

from couchgrass.testing.functions import Region, asking
from couchgrass.testing.server import ServerProcess

OWN = "/api/v1/namespaces/_"
ACTION = {"exec": {"kind": "python:3", "code": "def main(args):\n    return {}"}}


def test_a_package_with_what_is_in_it(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        made = await region.put("packages/tools", {"parameters": [{"key": "a", "value": 1}]})
        assert made.pop("updated") > 0
        assert made == {
            "namespace": region.namespace,
            "name": "tools",
            "version": "0.0.1",
            "publish": False,
            "binding": {},
            "parameters": [{"key": "a", "value": 1}],
            "annotations": [],
        }
        await region.put("actions/tools/act", ACTION)
        await region.put("actions/tools/feed", {**ACTION, "annotations": [{"key": "feed", "value": True}]})
        got = (await region.ask("GET", f"{OWN}/packages/tools")).json()
        assert [each["name"] for each in got["actions"]] == ["act"]
        assert [each["name"] for each in got["feeds"]] == ["feed"]

    asking(couch_server, work)


def test_a_binding_shows_what_it_binds_with_its_own_parameters(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await region.put(
            "packages/tools", {"parameters": [{"key": "a", "value": 1}, {"key": "b", "value": 1}]}
        )
        await region.put("actions/tools/act", ACTION)
        bind = {"binding": {"namespace": "_", "name": "tools"}, "parameters": [{"key": "b", "value": 2}]}
        made = await region.put("packages/bound", bind)
        assert made["binding"] == {"namespace": region.namespace, "name": "tools"}
        got = (await region.ask("GET", f"{OWN}/packages/bound")).json()
        assert {row["key"]: row["value"] for row in got["parameters"]} == {"a": 1, "b": 2}
        assert [each["name"] for each in got["actions"]] == ["act"]
        row = (await region.ask("GET", f"{OWN}/packages?limit=1")).json()[0]
        assert row["binding"] == {"namespace": region.namespace, "name": "tools"}
        listed = (await region.ask("GET", f"{OWN}/actions/bound/")).json()
        assert [each["namespace"] for each in listed] == [f"{region.namespace}/tools"]
        assert (await region.ask("DELETE", f"{OWN}/packages/bound")).status == 200

    asking(couch_server, work)


def test_what_can_not_be_bound_is_refused(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        stranger = await region.stranger()
        await region.put("packages/tools", {})
        await region.put("packages/bound", {"binding": {"namespace": "_", "name": "tools"}})
        for name, status in (("none", 400), ("bound", 400)):
            reply = await region.ask(
                "PUT", f"{OWN}/packages/new", {"binding": {"namespace": "_", "name": name}}
            )
            assert reply.status == status
        theirs = {"binding": {"namespace": region.namespace, "name": "tools"}}
        reply = await region.ask("PUT", f"{OWN}/packages/new", theirs, key=stranger.key)
        assert reply.status == 403

    asking(couch_server, work)


def test_a_package_that_is_not_empty_goes_only_by_force(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await region.put("packages/tools", {})
        await region.put("actions/tools/act", ACTION)
        refused = await region.ask("DELETE", f"{OWN}/packages/tools")
        assert (refused.status, refused.json()["error"]) == (
            409,
            "Package not empty (contains 1 entity). Set force param or delete package contents.",
        )
        gone = await region.ask("DELETE", f"{OWN}/packages/tools?force=true")
        assert (gone.status, gone.json()["name"]) == (200, "tools")
        assert (await region.ask("GET", f"{OWN}/actions")).json() == []

    asking(couch_server, work)


def test_names_that_are_taken_or_reserved(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        reserved = await region.ask("PUT", f"{OWN}/packages/default", {})
        assert (reserved.status, reserved.json()["error"]) == (
            400,
            "Package name 'default' is reserved.",
        )
        await region.put("actions/tools", ACTION)
        for path in ("packages/tools", "triggers/tools", "rules/tools"):
            reply = await region.ask("GET", f"{OWN}/{path}")
            assert (reply.status, reply.json()["error"]) == (
                409,
                "Resource by this name exists but is not in this collection.",
            )
        assert (await region.ask("PUT", f"{OWN}/packages/tools?overwrite=true", {})).status == 409

    asking(couch_server, work)


def test_others_see_the_public_ones(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        stranger = await region.stranger()
        theirs = f"/api/v1/namespaces/{region.namespace}/packages"
        await region.put("packages/open", {"publish": True})
        await region.put("packages/secret", {})
        rows = (await region.ask("GET", theirs, key=stranger.key)).json()
        assert [row["name"] for row in rows] == ["open"]
        assert (await region.ask("GET", f"{theirs}/open", key=stranger.key)).status == 200
        for name in ("secret", "missing"):
            assert (await region.ask("GET", f"{theirs}/{name}", key=stranger.key)).status == 403
        assert (await region.ask("PUT", f"{theirs}/new", {}, key=stranger.key)).status == 403
        assert (await region.ask("DELETE", f"{theirs}/open", key=stranger.key)).status == 403

    asking(couch_server, work)
