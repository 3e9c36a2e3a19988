"""Pages at a gateway's address: beside APIs, kept by browsers, another region's when they can't be had."""

from __future__ import annotations

import gzip

import pytest

from couchgrass.serving.asgi import Answer, Request
from couchgrass.testing.in_process import until
from couchgrass.testing.server import ServerProcess
from tests.gateway.documents import endpoint, swagger
from tests.gateway.http.served import World, with_gateway
from tests.gateway.published import CSP, publish

SCRIPT = b"let grass = 'grows';\n" * 200
FILES = {
    "index.html": b"<!doctype html><title>todo</title>",
    "assets/main-a1B2c3D4.js": SCRIPT,
    "sub/index.html": b"below",
    "regions.json": b"{}",
    "v1/todo/index.html": b"hidden by the API",
    "api/index.html": b"not the APIs'",
}


async def deployed(world: World, where: str = "/") -> None:
    await world.api(swagger(endpoint()))
    await publish(world.db, world.pages, FILES, where)
    await until(lambda: world.sites.find(where.encode()) is not None)


def test_a_page_comes_with_all_that_keeps_it_safe_and_fresh(
    couch_server: ServerProcess, db_name: str
) -> None:
    async def work(world: World) -> None:
        await deployed(world)
        got = await world.ask("GET", "/")
        assert (got.status, got.body) == (200, FILES["index.html"])
        assert got.headers["content-type"] == "text/html; charset=utf-8"
        assert got.headers["cache-control"] == "no-cache"
        assert got.headers["content-security-policy"] == CSP
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["x-couchgrass-region"] == "london"
        assert "access-control-allow-origin" not in got.headers
        assert (await world.ask("GET", "/index.html")).body == got.body
        head = await world.ask("HEAD", "/")
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(got.body)))
        script = await world.ask("GET", "/assets/main-a1B2c3D4.js", accept_encoding="gzip, deflate")
        assert gzip.decompress(script.body) == SCRIPT
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (script.headers["content-encoding"], script.headers["vary"]) == ("gzip", "accept-encoding")
        plain = await world.ask("GET", "/assets/main-a1B2c3D4.js", accept_encoding="gzip;q=0")
        assert plain.body == SCRIPT and "content-encoding" not in plain.headers
        for known in (script, got):
            same = await world.ask(
                "GET",
                "/" if known is got else "/assets/main-a1B2c3D4.js",
                if_none_match=known.headers["etag"],
            )
            assert (same.status, same.body, same.headers["etag"]) == (304, b"", known.headers["etag"])
            assert same.headers.get("vary") == known.headers.get("vary")

    with_gateway(couch_server, db_name, work)


async def signs_in(request: Request) -> Answer:
    return Answer(200, b"the sign-in service")


def test_apis_and_the_gateways_own_paths_go_before_pages(couch_server: ServerProcess, db_name: str) -> None:
    async def work(world: World) -> None:
        await deployed(world)
        await publish(world.db, world.pages, {"v4/x": b"a page"}, "/oauth/")
        await publish(world.db, world.pages, {"guest/v1/todo": b"a page"}, "/api/")
        await until(lambda: world.sites.find(b"/api/guest/v1/todo") is not None)
        for path in ("/v1/todo", "/v1/todo/", "/api/guest/v1/todo"):
            assert (await world.ask("GET", path)).json()["method"] == "GET"
        assert (await world.ask("GET", "/oauth/v4/x")).body == b"the sign-in service"
        assert (await world.ask("GET", "/_couchgrass/nothing")).status == 404
        assert (await world.ask("GET", "/api/guest/index.html")).status == 404

    with_gateway(couch_server, db_name, work, mounts={b"/oauth/v4/": signs_in})


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_told_which_there_are(
    couch_server: ServerProcess, db_name: str, method: str
) -> None:
    async def work(world: World) -> None:
        await deployed(world)
        got = await world.ask(method, "/", b"x" if method != "OPTIONS" else None)
        assert (got.status, got.headers["allow"]) == (405, "GET, HEAD")
        assert got.json() == {"status": 405, "message": "Error: Only GET,HEAD allowed"}
        assert (await world.ask(method, "/nothing")).status == 404

    with_gateway(couch_server, db_name, work)


def test_a_folder_is_told_its_slash_and_what_there_is_not_is_not_there(
    couch_server: ServerProcess, db_name: str
) -> None:
    async def work(world: World) -> None:
        await deployed(world, "/todo/")
        moved = await world.ask("GET", "/todo?a=b")
        assert (moved.status, moved.headers["location"]) == (308, "/todo/?a=b")
        assert (await world.ask("GET", "/todo/sub")).headers["location"] == "/todo/sub/"
        assert (await world.ask("GET", "/todo/sub/")).body == b"below"
        for path in (
            "/",
            "/todos/",
            "/todo/../",
            "/todo/%2e%2e/etc/passwd",
            "/todo/sub%2Findex.html",
            "/todo//",
        ):
            assert (await world.ask("GET", path)).status == 404, path

    with_gateway(couch_server, db_name, work)


def test_scripts_of_other_origins_may_read_where_the_app_is(
    couch_server: ServerProcess, db_name: str
) -> None:
    async def work(world: World) -> None:
        await deployed(world)
        got = await world.ask("GET", "/regions.json", origin="https://a.example")
        assert (got.headers["access-control-allow-origin"], got.headers["content-type"]) == (
            "*",
            "application/json",
        )

    with_gateway(couch_server, db_name, work)


def test_a_page_that_can_not_be_had_here_is_asked_for_elsewhere(
    couch_server: ServerProcess, db_name: str
) -> None:
    async def work(world: World) -> None:
        await deployed(world)
        await world.ask("GET", "/")
        await world.db.ask("DELETE", f"/{world.pages}")
        got = await world.ask("GET", "/sub/")
        assert (got.status, got.headers["x-couchgrass-not-run"]) == (503, "1")
        assert (await world.ask("GET", "/")).status in (200, 404), "as long as it is known here"

    with_gateway(couch_server, db_name, work)


def test_a_client_in_another_origin_may_use_the_api_and_read_who_answered(
    couch_server: ServerProcess, db_name: str
) -> None:
    """What the todo client needs that asks the regions' gateways directly."""

    async def work(world: World) -> None:
        await deployed(world)
        origin, asked = "http://127.0.0.1:8080", "authorization,content-type,idempotency-key"
        allowed = await world.ask(
            "OPTIONS",
            "/v1/todo",
            origin=origin,
            access_control_request_method="PATCH",
            access_control_request_headers=asked,
        )
        assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (200, origin)
        assert allowed.headers["access-control-allow-headers"] == asked
        assert "PATCH" in allowed.headers["access-control-allow-methods"]
        for got in (
            await world.ask("GET", "/v1/todo", origin=origin),
            await world.ask("DELETE", "/v1/todo", origin=origin),
        ):
            exposed = got.headers["access-control-expose-headers"].lower().split(", ")
            assert {"x-couchgrass-region", "x-openwhisk-activation-id", "idempotency-replayed"} <= set(
                exposed
            )
            assert got.headers["access-control-allow-origin"] == origin

    with_gateway(couch_server, db_name, work)
