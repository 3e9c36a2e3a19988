"""Actions over HTTP: definitions, code, lists, packages and bindings, invocations, rights."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from couchgrass.testing.asgi import MovedClock
from couchgrass.testing.functions import Region, asking
from couchgrass.testing.server import ServerProcess

HELLO = "def main(args):\n    print('hi')\n    return {'greeting': 'Hello ' + args.get('name', 'nobody')}\n"
ECHO = "def main(args):\n    return args\n"
GATED = """
from tests.functions.http.test_actions import GATE


async def main(args):
    await GATE[0].wait()
    return {}
"""
GATE: list[asyncio.Event] = []
"""What the action GATED, which runs in this process, waits for."""
OWN = "/api/v1/namespaces/_"
PYTHON = "python:3"


def python(code: str, **more: Any) -> dict[str, Any]:
    """The body of a PUT."""
    return {"exec": {"kind": PYTHON, "code": code}, **more}


def test_a_new_action_is_answered_whole_and_found_again(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        made = await region.ask(
            "PUT", f"{OWN}/actions/hello", python(HELLO, parameters=[{"key": "name", "value": "you"}])
        )
        assert made.status == 200, made
        action = made.json()
        assert action.pop("updated") > 0
        assert action == {
            "namespace": region.namespace,
            "name": "hello",
            "version": "0.0.1",
            "publish": False,
            "exec": {"kind": PYTHON, "code": HELLO, "binary": False},
            "parameters": [{"key": "name", "value": "you"}],
            "annotations": [
                {"key": "provide-api-key", "value": False},
                {"key": "exec", "value": PYTHON},
            ],
            "limits": {"timeout": 60_000, "memory": 256, "logs": 10, "concurrency": 1},
        }
        got = (await region.ask("GET", f"{OWN}/actions/hello")).json()
        assert got["exec"]["code"] == HELLO
        bare = (await region.ask("GET", f"{OWN}/actions/hello?code=false")).json()
        assert "code" not in bare["exec"]

    asking(couch_server, work)


def test_an_existing_action_is_replaced_only_when_told_so(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        path = f"{OWN}/actions/hello"
        await region.put("actions/hello", python(HELLO))
        again = await region.ask("PUT", path, python(ECHO))
        assert (again.status, again.json()["error"]) == (409, "resource already exists")
        limits = await region.ask("PUT", f"{path}?overwrite=true", {"limits": {"memory": 512}})
        updated = limits.json()
        assert (updated["version"], updated["limits"]["memory"]) == ("0.0.2", 512)
        assert updated["exec"]["code"] == HELLO

    asking(couch_server, work)


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b"", 400, "Request entity expected but not supplied"),
        (b"{", 400, "The request content was malformed:\n"),
        (b"[]", 400, "The request content was malformed:\nObject expected"),
        (b"{}", 400, "exec undefined"),
        (json.dumps(python(HELLO, limits={"memory": 1})).encode(), 400, "memory"),
        (b'{"exec":{"kind":"cobol:1","code":""}}', 400, "'cobol:1' is not supported by this platform"),
    ],
)
def test_bodies_that_make_no_action_are_refused(
    body: bytes, status: int, text: str, couch_server: ServerProcess
) -> None:
    async def work(region: Region) -> None:
        reply = await region.ask("PUT", f"{OWN}/actions/a", body, content_type="application/json")
        assert reply.status == status
        assert text in reply.json()["error"]

    asking(couch_server, work)


def test_a_body_that_is_not_said_to_be_json_is_refused(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        for method in ("PUT", "POST"):
            reply = await region.ask(method, f"{OWN}/actions/a", b"{}", content_type="text/plain")
            assert (reply.status, "Content-Type" in reply.json()["error"]) == (415, True)

    asking(couch_server, work)


def test_large_code_is_taken_and_given_back(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        code = base64.b64encode(bytes(1024 * 1024)).decode()
        made = await region.put("actions/large", python(code))
        assert (made["exec"]["binary"], made["exec"]["code"]) == (True, code)

    asking(couch_server, work)


def test_too_large_a_payload_is_refused(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await region.put("actions/echo", python(ECHO))
        most = 1024 * 1024
        reply = await region.ask("POST", f"{OWN}/actions/echo", {"a": "x" * most})
        assert reply.status == 413
        assert "larger than allowed" in reply.json()["error"]

    asking(couch_server, work)


def test_lists_are_newest_first_in_pages(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await region.put("packages/tools", {})
        for number in range(3):
            await region.put(f"actions/a{number}", python(ECHO))
        await region.put("actions/tools/hammer", python(ECHO))
        rows = (await region.ask("GET", f"{OWN}/actions")).json()
        assert [row["name"] for row in rows] == ["hammer", "a2", "a1", "a0"]
        assert rows[0]["namespace"] == f"{region.namespace}/tools"
        assert rows[0]["exec"] == {"binary": False}
        page = (await region.ask("GET", f"{OWN}/actions?limit=1&skip=1")).json()
        assert [row["name"] for row in page] == ["a2"]
        assert (await region.ask("GET", f"{OWN}/actions?count=true")).json() == {"actions": 4}
        assert (await region.ask("GET", f"{OWN}/actions?count=true&skip=3")).json() == {"actions": 1}
        within = (await region.ask("GET", f"{OWN}/actions/tools/")).json()
        assert [row["name"] for row in within] == ["hammer"]
        assert (await region.ask("GET", f"{OWN}/actions?limit=201")).status == 400

    asking(couch_server, work)


def test_a_deleted_action_is_answered_once_more(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await region.put("actions/hello", python(HELLO))
        gone = await region.ask("DELETE", f"{OWN}/actions/hello")
        assert (gone.status, gone.json()["exec"]["code"]) == (200, HELLO)
        for method in ("GET", "DELETE", "POST"):
            reply = await region.ask(method, f"{OWN}/actions/hello", {} if method == "POST" else None)
            assert (reply.status, reply.json()["error"]) == (
                404,
                "The requested resource does not exist.",
            )

    asking(couch_server, work)


def test_a_blocking_invocation_answers_the_record_or_the_result(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await region.put("actions/hello", python(HELLO))
        whole = await region.ask("POST", f"{OWN}/actions/hello?blocking=true", {"name": "Ann"})
        record = whole.json()
        assert whole.status == 200
        assert whole.headers["x-openwhisk-activation-id"] == record["activationId"]
        assert record["response"] == {
            "result": {"greeting": "Hello Ann"},
            "size": len(b'{"greeting":"Hello Ann"}'),
            "status": "success",
            "success": True,
        }
        assert record["logs"] == []
        bare = await region.ask("POST", f"{OWN}/actions/hello?blocking=true&result=true")
        assert bare.json() == {"greeting": "Hello nobody"}

    asking(couch_server, work)


@pytest.mark.parametrize(
    ("code", "status", "result"),
    [
        ("def main(args):\n    return {'error': 'no'}", 502, {"error": "no"}),
        ("def main(args):\n    return {'x': 1 / 0}", 502, None),
        ("def main(args):\n    return [1, 2]", 200, [1, 2]),
    ],
)
def test_the_status_tells_how_the_action_ended(
    code: str, status: int, result: Any, couch_server: ServerProcess
) -> None:
    async def work(region: Region) -> None:
        await region.put("actions/a", python(code))
        reply = await region.ask("POST", f"{OWN}/actions/a?blocking=true&result=true", {})
        assert reply.status == status
        if result is None:
            assert "error" in reply.json()
        else:
            assert reply.json() == result

    asking(couch_server, work)


def test_an_array_is_answered_bare_even_where_the_record_was_asked_for(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await region.put("actions/a", python("def main(args):\n    return [1]"))
        assert (await region.ask("POST", f"{OWN}/actions/a?blocking=true")).json() == [1]

    asking(couch_server, work)


def test_what_takes_longer_than_asked_for_goes_on_under_its_id(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        GATE[:] = [asyncio.Event()]
        await region.put("actions/slow", python(GATED))
        late = await region.ask("POST", f"{OWN}/actions/slow?blocking=true&timeout=1", {})
        assert (late.status, late.json().keys()) == (202, {"activationId"})
        at_once = await region.ask("POST", f"{OWN}/actions/slow", {})
        assert at_once.status == 202
        GATE[0].set()
        for reply in (late, at_once):
            record = await region.activation(reply.json()["activationId"])
            assert record["response"]["success"]

    asking(couch_server, work)


def test_final_parameters_are_not_the_callers(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await region.put(
            "actions/fixed",
            python(
                ECHO,
                parameters=[{"key": "name", "value": "mine"}],
                annotations=[{"key": "final", "value": True}],
            ),
        )
        path = f"{OWN}/actions/fixed?blocking=true&result=true"
        assert (await region.ask("POST", path, {"name": "yours"})).status == 400
        assert (await region.ask("POST", path, {"other": 1})).json() == {"name": "mine", "other": 1}

    asking(couch_server, work)


def test_parameters_come_from_package_binding_action_and_payload(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        def layer(name: str, *keys: str) -> list[dict[str, str]]:
            return [{"key": key, "value": name} for key in keys]

        await region.put("packages/tools", {"parameters": layer("package", "a", "b", "c", "d")})
        await region.put(
            "packages/bound",
            {
                "binding": {"namespace": "_", "name": "tools"},
                "parameters": layer("binding", "b", "c", "d"),
            },
        )
        await region.put("actions/tools/echo", python(ECHO, parameters=layer("action", "c", "d")))
        reply = await region.ask(
            "POST", f"{OWN}/actions/bound/echo?blocking=true&result=true", {"d": "payload"}
        )
        assert reply.json() == {"a": "package", "b": "binding", "c": "action", "d": "payload"}
        got = (await region.ask("GET", f"{OWN}/actions/bound/echo")).json()
        assert {row["key"]: row["value"] for row in got["parameters"]} == {
            "a": "package",
            "b": "binding",
            "c": "action",
            "d": "action",
        }
        assert got["namespace"] == f"{region.namespace}/tools"
        for method in ("PUT", "DELETE"):
            reply = await region.ask(method, f"{OWN}/actions/bound/echo?overwrite=true", python(ECHO))
            assert (reply.status, reply.json()["error"]) == (
                400,
                "Operation not permitted on package binding.",
            )

    asking(couch_server, work)


def test_a_sequence_runs_its_components_in_turn(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await region.put("actions/hello", python(HELLO))
        await region.put(
            "actions/shout", python("def main(args):\n    return {'greeting': args['greeting'].upper()}")
        )
        sequence = {"exec": {"kind": "sequence", "components": ["/_/hello", f"/{region.namespace}/shout"]}}
        made = await region.put("actions/both", sequence)
        assert made["exec"]["components"] == [f"/{region.namespace}/hello", f"/{region.namespace}/shout"]
        reply = await region.ask("POST", f"{OWN}/actions/both?blocking=true&result=true", {"name": "Bo"})
        assert reply.json() == {"greeting": "HELLO BO"}
        record = (await region.ask("POST", f"{OWN}/actions/both?blocking=true", {"name": "Bo"})).json()
        for ran, name in zip(record["logs"], ("hello", "shout"), strict=True):
            found = (await region.ask("GET", f"{OWN}/activations/{ran}")).json()
            assert (found["name"], found["cause"]) == (name, record["activationId"])
        lost = {"exec": {"kind": "sequence", "components": ["/_/nothing"]}}
        refused = await region.ask("PUT", f"{OWN}/actions/lost", lost)
        assert (refused.status, refused.json()["error"]) == (400, "Sequence component does not exist.")

    asking(couch_server, work)


def test_others_reach_only_what_is_in_a_public_package(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        stranger = await region.stranger()
        theirs = f"/api/v1/namespaces/{region.namespace}"
        await region.put("packages/open", {"publish": True})
        await region.put("packages/secret", {})
        for name in ("open/who", "secret/who", "who"):
            await region.put(f"actions/{name}", python(ECHO))
        ran = await region.ask("POST", f"{theirs}/actions/open/who?blocking=true", {}, key=stranger.key)
        assert (ran.status, ran.json()["namespace"]) == (200, stranger.namespace)
        assert (await region.ask("GET", f"{theirs}/actions/open/who", key=stranger.key)).status == 200
        assert len((await region.ask("GET", f"{theirs}/actions/open/", key=stranger.key)).json()) == 1
        refused = [
            ("GET", "actions"),
            ("GET", "actions/who"),
            ("POST", "actions/who"),
            ("PUT", "actions/mine"),
            ("GET", "actions/secret/who"),
            ("POST", "actions/secret/who"),
            ("POST", "actions/missing/who"),
            ("GET", "actions/secret/"),
            ("PUT", "actions/open/who?overwrite=true"),
            ("DELETE", "actions/open/who"),
        ]
        for method, path in refused:
            body = None if method == "GET" else python(ECHO)
            reply = await region.ask(method, f"{theirs}/{path}", body, key=stranger.key)
            assert reply.status == 403, (method, path, reply)
            assert "is not authorized to access" in reply.json()["error"]

    asking(couch_server, work)


def test_a_bound_package_serves_while_it_is_public(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        stranger = await region.stranger()
        await region.put("packages/open", {"publish": True})
        await region.put("actions/open/echo", python(ECHO))
        bind = {"binding": {"namespace": region.namespace, "name": "open"}}
        path = "/api/v1/namespaces/_/actions/bound/echo"
        assert (await region.ask("PUT", f"{OWN}/packages/bound", bind, key=stranger.key)).status == 200
        assert (await region.ask("POST", path, {}, key=stranger.key)).status == 202
        await region.put("packages/open?overwrite=true", {"publish": False})
        assert (await region.ask("POST", path, {}, key=stranger.key)).status == 403

    asking(couch_server, work)


def test_the_system_packages_are_there_for_everybody(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        system = "/api/v1/namespaces/whisk.system"
        names = {row["name"] for row in (await region.ask("GET", f"{system}/packages")).json()}
        assert {"alarms", "cloudant", "samples", "utils"} <= names
        feeds = (await region.ask("GET", f"{system}/packages/alarms")).json()["feeds"]
        assert {feed["name"] for feed in feeds} == {"alarm", "interval", "once"}
        echo = await region.ask("GET", f"{system}/actions/utils/echo")
        assert "def echo" in echo.json()["exec"]["code"]
        ran = await region.ask("POST", f"{system}/actions/utils/echo?blocking=true&result=true", {"a": 1})
        assert ran.json() == {"a": 1}
        assert (await region.ask("PUT", f"{system}/actions/utils/echo", python(ECHO))).status == 403

    asking(couch_server, work)


def test_a_throttled_caller_is_told_when_to_try_again(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await region.put("actions/echo", python(ECHO))
        replies = [await region.ask("POST", f"{OWN}/actions/echo?blocking=true") for _ in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 429]
        assert "(count: 3, allowed: 2)" in replies[2].json()["error"]
        assert int(replies[2].headers["retry-after"]) == 60 - clock.time_s % 60

    # It stands still, so that no minute turns between the requests.
    clock = MovedClock()
    asking(couch_server, work, actions_per_minute=2, clock=clock)
