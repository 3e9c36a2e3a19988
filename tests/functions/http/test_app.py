"""What every answer of the REST API has in common: who may ask, where it leads, how refusals look, CORS."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from couchgrass.serving.inner import bearer
from couchgrass.testing.functions import SHARED, Region, asking
from couchgrass.testing.server import ServerProcess

ORIGIN = "access-control-allow-origin"
METHODS = "access-control-allow-methods"


def test_without_a_key_there_is_a_challenge(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        for key in (None, "no:body", f"{region.key.split(':')[0]}:wrong"):
            reply = await region.ask("GET", "/api/v1/namespaces", key=key)
            assert reply.status == 401
            assert reply.json()["code"] == reply.headers["x-request-id"]
            assert reply.headers["www-authenticate"].startswith('Basic realm="OpenWhisk secure realm"')
            assert reply.headers[ORIGIN] == "*"

    asking(couch_server, work)


def test_the_key_of_a_namespace_opens_it(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        for path in ("/api/v1/namespaces", "/api/v1/namespaces/"):
            assert (await region.ask("GET", path)).json() == [region.namespace]
        for namespace in ("_", region.namespace):
            reply = await region.ask("GET", f"/api/v1/namespaces/{namespace}/actions")
            assert (reply.status, reply.json()) == (200, [])

    asking(couch_server, work)


def test_the_regions_own_processes_act_in_a_namespace_that_they_name(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        stranger = await region.stranger()

        async def asked(authorization: str, namespace: str, path: str = "") -> tuple[int, Any]:
            headers = {"authorization": authorization, "x_couchgrass_namespace": namespace}
            reply = await region.ask("GET", f"/api/v1/namespaces{path}", key=None, **headers)
            return reply.status, reply.json()

        shown = bearer(SHARED)
        for namespace in (region.namespace, stranger.namespace):
            assert await asked(shown, namespace) == (200, [namespace])
        assert (await asked(shown, stranger.namespace, f"/{region.namespace}/rules"))[0] == 403
        wrong = [
            await asked(shown, "no-such-one"),
            await asked(bearer(SHARED[:-1]), region.namespace),
            await asked(bearer(""), region.namespace),
            await asked(shown.removeprefix("Bearer "), region.namespace),
        ]
        assert {(status, told["error"]) for status, told in wrong} == {
            (401, "The supplied authentication is invalid")
        }
        assert (await region.ask("GET", "/api/v1/namespaces", key=None, authorization=shown)).status == 401

    asking(couch_server, work)


def test_a_key_counts_whatever_namespace_a_header_names(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        reply = await region.ask("GET", "/api/v1/namespaces", x_couchgrass_namespace="other")
        assert reply.json() == [region.namespace]

    asking(couch_server, work)


def test_json_is_exactly_application_json(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        for path in ("/", "/api/v1", "/api/v1/namespaces", "/api/v1/namespaces/_/nothing"):
            assert (await region.ask("GET", path)).headers["content-type"] == "application/json"

    asking(couch_server, work)


def test_the_request_id_is_the_one_that_was_given_or_a_new_one(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        given = await region.ask("GET", "/api/v1/namespaces/_/rules/none", x_request_id="trace-1")
        assert given.headers["x-request-id"] == given.json()["code"] == "trace-1"
        made = await region.ask("GET", "/", x_request_id="not one\tword")
        again = await region.ask("GET", "/")
        assert re.fullmatch(r"[0-9a-f]{32}", made.headers["x-request-id"])
        assert made.headers["x-request-id"] != again.headers["x-request-id"]

    asking(couch_server, work)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/api/v2"),
        ("GET", "/api/v1/nothing"),
        ("GET", "/api/v1/namespaces/_"),
        ("GET", "/api/v1/namespaces/_/nothing"),
        ("GET", "/api/v1/namespaces/_/packages/one/"),
        ("GET", "/api/v1/namespaces/_/actions/a/b/c"),
        ("GET", "/api/v1/namespaces//actions/"),
        ("GET", "/api/v1/web/guest/default/act"),
    ],
)
def test_paths_that_lead_nowhere(method: str, path: str, couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        reply = await region.ask(method, path)
        assert reply.status == (400 if "//" in path else 404), reply
        assert reply.json().keys() == {"error", "code"}

    asking(couch_server, work)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/", "GET"),
        ("DELETE", "/api/v1", "GET"),
        ("POST", "/api/v1/namespaces", "GET"),
        ("PATCH", "/api/v1/namespaces/_/actions/act", "GET, PUT, DELETE, POST"),
        ("POST", "/api/v1/namespaces/_/packages/tools", "GET, PUT, DELETE"),
        ("DELETE", "/api/v1/namespaces/_/actions", "GET"),
        ("DELETE", f"/api/v1/namespaces/_/activations/{'0' * 32}", "GET"),
    ],
)
def test_other_methods_are_refused_with_those_there_are(
    method: str, path: str, allowed: str, couch_server: ServerProcess
) -> None:
    async def work(region: Region) -> None:
        reply = await region.ask(method, path)
        assert (reply.status, reply.headers["allow"]) == (405, allowed)
        assert reply.json()["error"] == f"HTTP method not allowed, supported methods: {allowed}"

    asking(couch_server, work)


def test_options_is_answered_to_everybody(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        reply = await region.ask("OPTIONS", "/api/v1/namespaces/_/actions/x", key=None)
        assert (reply.status, reply.body) == (200, b"")
        assert reply.headers[METHODS] == "GET, DELETE, POST, PUT, HEAD"
        assert reply.headers["access-control-allow-headers"].startswith("Authorization, Origin,")
        root = await region.ask("OPTIONS", "/", key=None)
        assert (root.status, root.headers[METHODS]) == (200, "OPTIONS, GET, POST")

    asking(couch_server, work)


def test_head_is_a_get_without_its_body(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        got = await region.ask("GET", "/api/v1/namespaces")
        head = await region.ask("HEAD", "/api/v1/namespaces")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == str(len(got.body))

    asking(couch_server, work)


def test_names_that_are_none_are_refused(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        for path in ("{}/actions", "_/actions/{}", "_/packages/{}", "_/triggers/{}", "_/rules/{}"):
            for name in ("%2F", "%20", "-x", "a%0Ab", "x" * 257, "%ff"):
                reply = await region.ask("GET", f"/api/v1/namespaces/{path.format(name)}")
                assert reply.status == 400, (path, name, reply)

    asking(couch_server, work)


def test_what_is_mounted_is_served_in_front_of_web_actions(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        reply = await region.ask("GET", "/api/v1/web/whisk.system/mounted/x", key=None, x_request_id="t")
        assert (reply.status, reply.body) == (200, b"mounted t")
        assert reply.headers["x-request-id"] == "t"

    asking(couch_server, work)


PATHS = (
    "api v1 namespaces _ whisk.system actions triggers rules packages activations limits web x a%20b %ff %00 "
    "utils echo alarms default logs result"
)
SEGMENTS = PATHS.split()
QUERIES = "limit skip count docs since upto name blocking result timeout overwrite force code running"
OPTIONS = QUERIES.split()
VALUES = ["", "0", "-1", "1", "true", "false", "%ff", "a/b", "9" * 30, "%00"]
BODIES: list[Any] = [
    None, b"", b"{", b"\xff", b"[]", b"null", {}, {"exec": 1}, {"exec": {"kind": []}}, {"parameters": {}},
    {"exec": {"kind": "sequence", "components": ["x", 1]}}, {"binding": {"namespace": 1}}, {"limits": []},
    {"annotations": [{"key": 1}]}, {"trigger": {}, "action": []}, {"status": None}, {"version": "x"},
    {"exec": {"kind": "python:3", "code": "="}}, {"publish": "yes"}, b"[" * 5000,
]  # fmt: skip


def test_whatever_is_asked_it_is_never_our_failure(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        for _ in range(500):
            lead = dice.choice(["", "/api/v1", "/api/v1/namespaces/_", "/api/v1/namespaces/_"])
            path = lead + "".join("/" + dice.choice(SEGMENTS) for _ in range(dice.randrange(5)))
            query = "&".join(
                f"{dice.choice(OPTIONS)}={dice.choice(VALUES)}" for _ in range(dice.randrange(3))
            )
            reply = await region.ask(
                dice.choice(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]),
                f"{path or '/'}?{query}",
                dice.choice(BODIES),
                content_type=dice.choice(["application/json", "application/json", "text/plain", ""]),
            )
            assert reply.status < 500 or "activationId" in reply.json(), (seed, path, query, reply)

    seed = random.randrange(2**32)
    dice = random.Random(seed)
    asking(couch_server, work)
