"""Triggers over HTTP: definitions, and what a fire sets off."""

from __future__ import annotations

import json

from couchgrass.testing.functions import Region, asking
from couchgrass.testing.server import ServerProcess

OWN = "/api/v1/namespaces/_"
ECHO = {"exec": {"kind": "python:3", "code": "def main(args):\n    return args"}}


def test_a_trigger_is_made_changed_found_and_deleted(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        made = await region.put("triggers/bell", {"parameters": [{"key": "a", "value": 1}]})
        assert made.pop("updated") > 0
        assert made == {
            "namespace": region.namespace,
            "name": "bell",
            "version": "0.0.1",
            "publish": False,
            "parameters": [{"key": "a", "value": 1}],
            "annotations": [],
            "limits": {},
        }
        assert (await region.ask("PUT", f"{OWN}/triggers/bell", {})).status == 409
        assert (await region.put("triggers/bell?overwrite=true", {}))["version"] == "0.0.2"
        rows = (await region.ask("GET", f"{OWN}/triggers")).json()
        assert [row["name"] for row in rows] == ["bell"]
        assert (await region.ask("GET", f"{OWN}/triggers?count=true")).json() == {"triggers": 1}
        assert (await region.ask("DELETE", f"{OWN}/triggers/bell")).json()["name"] == "bell"
        assert (await region.ask("GET", f"{OWN}/triggers/bell")).status == 404

    asking(couch_server, work)


def test_a_fire_without_an_active_rule_leaves_nothing(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await region.put("triggers/bell", {})
        reply = await region.ask("POST", f"{OWN}/triggers/bell", {})
        assert (reply.status, reply.body) == (204, b"")
        assert (await region.ask("GET", f"{OWN}/activations")).json() == []
        assert (await region.ask("POST", f"{OWN}/triggers/none", {})).status == 404

    asking(couch_server, work)


def test_a_fire_runs_the_actions_of_its_active_rules(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await region.put("triggers/bell", {"parameters": [{"key": "bound", "value": 1}]})
        await region.put("actions/echo", ECHO)
        for name in ("ring", "silent"):
            await region.put(f"rules/{name}", {"trigger": "/_/bell", "action": "/_/echo"})
        await region.ask("POST", f"{OWN}/rules/silent", {"status": "inactive"})
        fired = await region.ask("POST", f"{OWN}/triggers/bell", {"given": 2}, x_custom="yes")
        assert fired.status == 202
        trigger = await region.activation(fired.json()["activationId"])
        assert fired.headers["x-openwhisk-activation-id"] == trigger["activationId"]
        assert trigger["response"]["result"] == {"given": 2}
        ring, silent = [json.loads(line) for line in trigger["logs"]]
        assert (ring["success"], ring["statusCode"], ring["rule"]) == (True, 0, f"{region.namespace}/ring")
        assert "inactive" in silent["error"]
        result = (await region.activation(ring["activationId"]))["response"]["result"]
        headers = result.pop("__ow_headers")
        assert result == {"bound": 1, "given": 2}
        assert headers["x-custom"] == "yes"
        assert "authorization" not in headers

    asking(couch_server, work)


def test_a_trigger_shows_its_rules_and_leaves_them_inactive(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await region.put("triggers/bell", {})
        await region.put("actions/echo", ECHO)
        await region.put("rules/ring", {"trigger": "/_/bell", "action": "/_/echo"})
        shown = (await region.ask("GET", f"{OWN}/triggers/bell")).json()
        assert shown["rules"] == {
            f"{region.namespace}/ring": {
                "action": {"path": region.namespace, "name": "echo"},
                "status": "active",
            }
        }
        await region.ask("DELETE", f"{OWN}/triggers/bell")
        assert (await region.ask("GET", f"{OWN}/rules/ring")).json()["status"] == "inactive"
        await region.put("triggers/bell", {})
        assert (await region.ask("GET", f"{OWN}/rules/ring")).json()["status"] == "inactive"
        assert (await region.ask("POST", f"{OWN}/triggers/bell", {})).status == 204

    asking(couch_server, work)


def test_triggers_are_their_owners_alone(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        stranger = await region.stranger()
        await region.put("triggers/bell", {"publish": True})
        theirs = f"/api/v1/namespaces/{region.namespace}/triggers"
        for method, path in (
            ("GET", theirs),
            ("GET", f"{theirs}/bell"),
            ("POST", f"{theirs}/bell"),
            ("PUT", f"{theirs}/new"),
            ("DELETE", f"{theirs}/bell"),
        ):
            assert (await region.ask(method, path, {}, key=stranger.key)).status == 403

    asking(couch_server, work)
