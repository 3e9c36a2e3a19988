"""Rules over HTTP: definitions and their status."""

from __future__ import annotations

from couchgrass.testing.functions import Region, asking
from couchgrass.testing.server import ServerProcess

OWN = "/api/v1/namespaces/_"
ECHO = {"exec": {"kind": "python:3", "code": "def main(args):\n    return args"}}
RING = {"trigger": "/_/bell", "action": "/_/echo"}


async def ends(region: Region) -> None:
    await region.put("triggers/bell", {})
    await region.put("actions/echo", ECHO)


def test_a_rule_is_made_active_changed_found_and_deleted(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await ends(region)
        made = await region.put("rules/ring", RING)
        assert made.pop("updated") > 0
        assert made == {
            "namespace": region.namespace,
            "name": "ring",
            "version": "0.0.1",
            "publish": False,
            "trigger": {"path": region.namespace, "name": "bell"},
            "action": {"path": region.namespace, "name": "echo"},
            "annotations": [],
            "status": "active",
        }
        assert (await region.ask("PUT", f"{OWN}/rules/ring", RING)).status == 409
        updated = await region.put("rules/ring?overwrite=true", {})
        assert (updated["version"], updated["status"]) == ("0.0.2", "active")
        (row,) = (await region.ask("GET", f"{OWN}/rules")).json()
        assert (row["name"], "status" in row) == ("ring", False)
        assert (await region.ask("DELETE", f"{OWN}/rules/ring")).json()["status"] == "inactive"
        assert (await region.ask("GET", f"{OWN}/rules/ring")).status == 404

    asking(couch_server, work)


def test_the_status_is_set_and_kept_by_updates(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await ends(region)
        await region.put("rules/ring", RING)
        for status in ("inactive", "inactive", "active"):
            reply = await region.ask("POST", f"{OWN}/rules/ring", {"status": status})
            assert (reply.status, reply.body) == (200, b"")
            assert (await region.put("rules/ring?overwrite=true", {}))["status"] == status
            assert (await region.ask("GET", f"{OWN}/rules/ring")).json()["status"] == status
        for body in ({}, {"status": "asleep"}):
            assert (await region.ask("POST", f"{OWN}/rules/ring", body)).status == 400

    asking(couch_server, work)


def test_a_rule_without_its_trigger_can_not_be_made_active(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await ends(region)
        await region.put("rules/ring", RING)
        await region.ask("DELETE", f"{OWN}/triggers/bell")
        reply = await region.ask("POST", f"{OWN}/rules/ring", {"status": "active"})
        assert (reply.status, reply.json()["error"]) == (
            404,
            "Only rules with existing triggers can be activated",
        )
        assert (await region.ask("POST", f"{OWN}/rules/ring", {"status": "inactive"})).status == 200

    asking(couch_server, work)


def test_both_ends_have_to_be_there(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await ends(region)
        for body, text in (
            ({}, "rule requires a valid trigger and a valid action"),
            ({**RING, "trigger": "/_/no"}, f"trigger /{region.namespace}/no does not exist"),
            ({**RING, "action": "/_/no"}, f"action /{region.namespace}/no does not exist"),
        ):
            reply = await region.ask("PUT", f"{OWN}/rules/ring", body)
            assert (reply.status, reply.json()["error"]) == (400, text)
        stranger = await region.stranger()
        theirs = {"trigger": f"/{region.namespace}/bell", "action": f"/{region.namespace}/echo"}
        reply = await region.ask("PUT", f"{OWN}/rules/ring", theirs, key=stranger.key)
        assert reply.status == 403

    asking(couch_server, work)
