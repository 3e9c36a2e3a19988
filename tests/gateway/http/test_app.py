"""The gateway over real sockets: what reaches the functions, what comes back, who is refused and how."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from couchgrass.gateway.http.app import BODY_BYTES_MAX, HEALTH
from couchgrass.serving import asgi
from couchgrass.serving.asgi import Answer, Request
from couchgrass.testing.scripted import Exchange, answers, hangs_up, is_silent
from couchgrass.testing.server import ServerProcess
from tests.couch.asking import closed_port
from tests.gateway.documents import endpoint, swagger
from tests.gateway.http.served import World, echo, with_gateway
from tests.gateway.tokens import key, key_set, token

TODOS = swagger(*(endpoint(verb=verb) for verb in ("get", "post", "put", "delete", "patch", "head")))


@pytest.mark.parametrize("prefix", ["", "/api/guest"])
def test_a_request_reaches_its_action_and_its_answer_the_client(
    couch_server: ServerProcess, db_name: str, prefix: str
) -> None:
    async def work(world: World) -> None:
        await world.api(TODOS)
        got = await world.ask(
            "PATCH", f"{prefix}/v1/todo//42?a=1&b=%20", b'{"x":1}', authorization="Bearer t"
        )
        told = got.json()
        assert got.status == 200
        assert told["method"] == "PATCH" and told["body"] == '{"x":1}'
        assert told["target"] == "/api/v1/web/guest/shop/list.http/v1/todo//42?a=1&b=%20"
        headers = told["headers"]
        assert headers["authorization"] == "Bearer t"
        assert headers["x-forwarded-url"] == f"{world.url}{prefix}/v1/todo//42?a=1&b=%20"
        assert headers["host"] == world.peer.url.removeprefix("http://")
        assert headers["content-length"] == "7"
        assert got.headers["access-control-allow-origin"] == "*"

    with_gateway(couch_server, db_name, work)


def test_what_the_action_answers_is_not_changed(couch_server: ServerProcess, db_name: str) -> None:
    async def plain(exchange: Exchange) -> None:
        await exchange.body()
        raw = b"HTTP/1.1 418 T\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-encoding: gzip\r\n"
        await exchange.write(
            raw + b"content-type: image/x\r\ncontent-length: 3\r\nkeep-alive: 5\r\n\r\n\0\1\xff"
        )

    async def work(world: World) -> None:
        await world.api(TODOS)
        async with world.session.get(world.url + "/v1/todo") as answer:
            assert (answer.status, await answer.read()) == (418, b"\0\1\xff")
            assert answer.headers.getall("set-cookie") == ["a=1", "b=2"]
            assert (
                answer.headers["content-encoding"] == "gzip" and answer.headers["content-type"] == "image/x"
            )
            assert "keep-alive" not in answer.headers

    with_gateway(couch_server, db_name, work, plain)


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/v1/nope", 404),
        ("GET", "/", 404),
        ("GET", "/api/nobody/v1/todo", 404),
        ("OPTIONS", "/v1/nope", 404),
        ("OPTIONS", "/v1/todo", 200),
        ("TRACE", "/v1/todo", 404),
    ],
)
def test_what_leads_nowhere(
    couch_server: ServerProcess, db_name: str, method: str, target: str, status: int
) -> None:
    async def work(world: World) -> None:
        await world.api(swagger(endpoint()))
        got = await world.ask(method, target, origin="https://a.example")
        assert got.status == status
        if status != 200:
            assert got.json()["status"] == 404 and got.headers["content-type"] == "application/json"
        assert not world.peer.seen

    with_gateway(couch_server, db_name, work)


def test_cors_is_the_gateways_the_actions_or_nobodys(couch_server: ServerProcess, db_name: str) -> None:
    async def work(world: World) -> None:
        for enabled, preflight, origin in (
            (True, 200, "https://a.example"),
            (False, 404, None),
            (None, 404, "own"),
        ):
            document = swagger(endpoint())
            document["x-ibm-configuration"]["cors"] = {} if enabled is None else {"enabled": enabled}
            await world.api(document)
            sent = {"origin": "https://a.example", "access_control_request_headers": "x-a"}
            got = await world.ask("OPTIONS", "/v1/todo", **sent)
            assert got.status == preflight
            assert got.headers.get("access-control-allow-headers") == ("x-a" if enabled else None)
            got = await world.ask("GET", "/v1/todo", **sent)
            assert got.headers.get("access-control-allow-origin") == origin
            got = await world.ask("PUT", "/v1/todo", **sent)
            assert got.status == 404
            assert ("access-control-allow-origin" in got.headers) is bool(enabled)

    with_gateway(couch_server, db_name, work, answers(200, b"x", access_control_allow_origin="own"))


def test_head_and_empty_answers(couch_server: ServerProcess, db_name: str) -> None:
    async def by_method(exchange: Exchange) -> None:
        await exchange.body()
        if exchange.method == "HEAD":
            await exchange.begin(200, content_length="7")
        elif exchange.path.endswith("unchanged"):
            await exchange.begin(304, etag='"x"')
        else:
            await exchange.begin(204)

    async def work(world: World) -> None:
        await world.api(TODOS)
        for _ in range(2):
            got = await world.ask("HEAD", "/v1/todo")
            assert (got.status, got.headers["content-length"], got.body) == (200, "7", b"")
            got = await world.ask("DELETE", "/v1/todo/1")
            assert (got.status, got.body) == (204, b"")
            got = await world.ask("GET", "/v1/todo/unchanged")
            assert (got.status, got.headers["etag"], got.body) == (304, '"x"', b"")

    with_gateway(couch_server, db_name, work, by_method)


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1, BODY_BYTES_MAX])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_of_any_size_go_both_ways(
    couch_server: ServerProcess, db_name: str, size: int, chunked: bool
) -> None:
    async def returns(exchange: Exchange) -> None:
        if exchange.headers.get("transfer-encoding") == "chunked":
            exchange.is_read = True
            body = b""
            while length := int(await exchange._reader.readuntil(b"\r\n"), 16):
                body += await exchange._reader.readexactly(length)
                await exchange._reader.readexactly(2)
            await exchange._reader.readexactly(2)
        else:
            body = await exchange.body()
        await exchange.answer(200, body)

    async def pieces(body: bytes) -> Any:
        for at in range(0, len(body), 100_000):
            yield body[at : at + 100_000]

    async def work(world: World) -> None:
        await world.api(TODOS)
        body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
        got = await world.ask("POST", "/v1/todo", pieces(body) if chunked else body)
        assert got.status == 200 and got.body == body

    with_gateway(couch_server, db_name, work, returns)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(
    couch_server: ServerProcess, db_name: str, chunked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine 5 MB may take longer; a client that is cut off then sees no answer.
    monkeypatch.setattr(asgi, "DRAIN_S", 30.0)

    async def never_read(exchange: Exchange) -> None:
        exchange.is_read = True
        await exchange.silence()

    async def pieces() -> Any:
        for _ in range(60):
            yield b"x" * 100_000

    async def work(world: World) -> None:
        await world.api(TODOS)
        got = await world.ask("POST", "/v1/todo", pieces() if chunked else b"x" * (BODY_BYTES_MAX + 1))
        assert (got.status, got.json()["status"]) == (413, 413)

    async def reads(exchange: Exchange) -> None:
        exchange.is_read = True
        try:
            while await exchange._reader.read(100_000):
                pass
        except ConnectionError:
            pass
        exchange.cut()

    with_gateway(couch_server, db_name, work, reads if chunked else never_read)


def test_a_large_answer_is_streamed_and_one_that_breaks_off_is_not_taken_for_whole(
    couch_server: ServerProcess, db_name: str
) -> None:
    async def large(exchange: Exchange) -> None:
        await exchange.body()
        await exchange.begin(200, transfer_encoding="chunked")
        for n in range(60):
            await exchange.write(b"186a0\r\n" + bytes([n]) * 100_000 + b"\r\n")
        if exchange.path.endswith("cut"):
            exchange.cut()
        else:
            await exchange.write(b"0\r\n\r\n")

    async def work(world: World) -> None:
        await world.api(TODOS)
        got = await world.ask("GET", "/v1/todo")
        assert got.body == b"".join(bytes([n]) * 100_000 for n in range(60))
        with pytest.raises(aiohttp.ClientPayloadError):
            await world.ask("GET", "/v1/todo/cut")

    with_gateway(couch_server, db_name, work, large)


@pytest.mark.parametrize(
    ("play", "status"), [(hangs_up, 502), (is_silent, 504), (answers(503, {"error": "x", "code": "1"}), 503)]
)
def test_functions_that_fail(couch_server: ServerProcess, db_name: str, play: Any, status: int) -> None:
    async def work(world: World) -> None:
        await world.api(TODOS)
        got = await world.ask("POST", "/v1/todo", b"{}")
        assert got.status == status
        if status != 503:
            assert got.json()["status"] == status and world.peer.url not in got.body.decode()

    with_gateway(couch_server, db_name, work, play, answer_s=0.1 if play is is_silent else 20.0)


@pytest.mark.parametrize(
    ("status", "failure", "seen"), [(400, "action", 502), (202, "time", 504), (400, "", 400), (202, "", 202)]
)
def test_an_action_that_fails_is_told_from_one_that_says_no(
    couch_server: ServerProcess, db_name: str, status: int, failure: str, seen: int
) -> None:
    headers = {
        "x-openwhisk-activation-id": "a" * 32,
        **({"x-couchgrass-failure": failure} if failure else {}),
    }

    async def work(world: World) -> None:
        await world.api(TODOS)
        got = await world.ask("POST", "/v1/todo", b"{}")
        assert (got.status, got.headers["x-openwhisk-activation-id"]) == (seen, "a" * 32)
        assert ("message" in got.json()) is bool(failure)
        assert got.headers["access-control-allow-origin"] == "*"
        assert "x-couchgrass-failure" not in got.headers

    with_gateway(couch_server, db_name, work, answers(status, {"error": "its own"}, **headers))


def test_functions_that_are_not_there(couch_server: ServerProcess, db_name: str) -> None:
    async def work(world: World) -> None:
        await world.api(TODOS)
        world.backend.port = closed_port()
        got = await world.ask("GET", "/v1/todo")
        assert (got.status, got.headers["retry-after"]) == (503, "1")
        assert got.headers["x-couchgrass-not-run"] == "1"

    with_gateway(couch_server, db_name, work)


@pytest.mark.parametrize("play", [hangs_up, is_silent, answers(503, {"error": "x"})])
def test_only_what_reached_nobody_is_said_not_to_have_run(
    couch_server: ServerProcess, db_name: str, play: Any
) -> None:
    async def work(world: World) -> None:
        await world.api(TODOS)
        for method, body in (("POST", b"{}"), ("POST", b"x" * 200_000), ("GET", None)):
            got = await world.ask(method, "/v1/todo", body)
            assert got.status in (502, 503, 504) and "x-couchgrass-not-run" not in got.headers

    with_gateway(couch_server, db_name, work, play, answer_s=0.1 if play is is_silent else 20.0)


def test_every_answer_names_the_region_and_no_action_speaks_for_the_gateway(
    couch_server: ServerProcess, db_name: str
) -> None:
    lies = {"x_couchgrass_region": "dallas", "x_couchgrass_not_run": "1", "idempotency_replayed": "true"}

    async def work(world: World) -> None:
        await world.api(TODOS)
        for method, target in (
            ("GET", "/v1/todo"),
            ("POST", "/v1/todo"),
            ("GET", "/v1/nope"),
            ("OPTIONS", "/v1/todo"),
            ("DELETE", "/"),
            ("GET", HEALTH.decode()),
        ):
            got = await world.ask(method, target)
            assert got.headers["x-couchgrass-region"] == "london", target
            assert not {"x-couchgrass-not-run", "idempotency-replayed"} & set(got.headers)

    with_gateway(couch_server, db_name, work, answers(503, b"", **lies))


def test_an_api_that_leads_to_no_web_action(couch_server: ServerProcess, db_name: str) -> None:
    async def work(world: World) -> None:
        await world.api({"basePath": "/v1", "info": {"title": "t"}, "paths": {"/x": {"get": {}}}})
        assert (await world.ask("GET", "/v1/x")).status == 502

    with_gateway(couch_server, db_name, work)


def test_a_secured_action_gets_its_key_from_the_gateway(couch_server: ServerProcess, db_name: str) -> None:
    async def work(world: World) -> None:
        await world.api(swagger(endpoint(secure_key="s3cret")))
        got = await world.ask("GET", "/v1/todo", X_Require_Whisk_Auth="guess")
        assert got.json()["headers"]["x-require-whisk-auth"] == "s3cret"

    with_gateway(couch_server, db_name, work)


def test_a_rate_limit_says_when_to_come_back(couch_server: ServerProcess, db_name: str) -> None:
    async def work(world: World) -> None:
        more: dict[str, Any] = {"x-ibm-rate-limit": [{"rate": 2, "units": 1, "unit": "minute"}]}
        await world.api(swagger(endpoint(), **more))
        statuses = [(await world.ask("GET", "/v1/todo")).status for _ in range(3)]
        assert statuses == [200, 200, 429]
        got = await world.ask("GET", "/v1/todo")
        assert got.headers["retry-after"] == "30" and got.json()["message"] == "Error: Rate limit exceeded"
        world.clock.time_s += 30
        assert (await world.ask("GET", "/v1/todo")).status == 200

    with_gateway(couch_server, db_name, work)


KEYS: dict[str, Any] = {
    "client_id": {"type": "apiKey", "in": "header", "name": "X-Client-ID"},
    "client_secret": {"type": "apiKey", "in": "header", "name": "X-Client-Secret"},
    "query": {"type": "apiKey", "in": "query", "name": "key"},
}


def test_api_keys_and_secrets(couch_server: ServerProcess, db_name: str) -> None:
    async def work(world: World) -> None:
        more: dict[str, Any] = {
            "securityDefinitions": KEYS,
            "security": [{"client_id": [], "client_secret": []}, {"query": []}],
            "x-ibm-rate-limit": [{"rate": 3, "unit": "minute"}],
        }
        await world.api(swagger(endpoint(), **more))
        one, two = [
            (await world.manage("POST", "createSubscription", {"basepath": "/v1"})).json() for _ in range(2)
        ]

        async def status(target: str = "/v1/todo", **headers: str) -> int:
            got = await world.ask("GET", target, **headers)
            assert got.status != 401 or "www-authenticate" in got.headers
            return got.status

        assert await status() == 401
        assert await status(X_Client_ID=one["client_id"]) == 401
        assert await status(X_Client_ID=one["client_id"], X_Client_Secret=two["client_secret"]) == 401
        assert await status("/v1/todo?key=nope") == 401
        assert await status(X_Client_ID=one["client_id"], X_Client_Secret=one["client_secret"]) == 200
        assert await status(f"/v1/todo?a=1&key={one['client_id']}") == 200
        assert await status(f"/v1/todo?key={one['client_id']}") == 200
        assert await status(f"/v1/todo?key={one['client_id']}") == 429
        assert await status(f"/v1/todo?key={two['client_id']}") == 200
        await world.manage("DELETE", "deleteSubscription", id=two["id"])
        assert await status(f"/v1/todo?key={two['client_id']}") == 401

    with_gateway(couch_server, db_name, work)


APP_ID = {
    "app-id": {
        "type": "oauth2",
        "flow": "application",
        "tokenUrl": "",
        "x-provider": {"name": "app-id", "params": {"tenantId": "t-1"}},
        "x-tokenintrospect": {"url": None},
    }
}


def test_tokens_are_checked_and_reach_the_action(couch_server: ServerProcess, db_name: str) -> None:
    async def functions_and_issuer(exchange: Exchange) -> None:
        if exchange.path == "/oauth/v4/t-1/publickeys":
            await exchange.answer(200, key_set(key("one")))
        else:
            await echo(exchange)

    async def work(world: World) -> None:
        security: list[Any] = [{"$$label": "client_id", "app-id": []}]
        await world.api(swagger(endpoint(), securityDefinitions=APP_ID, security=security))
        claims: dict[str, Any] = {"tenant": "t-1", "sub": "u", "exp": world.clock.now() + 60}
        good = "Bearer " + token(key("one"), **claims)
        got = await world.ask("GET", "/v1/todo", authorization=good)
        assert (got.status, got.json()["headers"]["authorization"]) == (200, good)
        for header, message in (
            (None, "Error: No Authorization header provided"),
            ("Bearer x.y.z", "Error: The token is no JWT"),
            ("Bearer " + token(key("one"), **{**claims, "exp": 5}), "Error: The token has expired"),
            (
                "Bearer " + token(key("two"), **{**claims, "sub": "admin"}),
                "Error: The token signature did not match any known JWK.",
            ),
        ):
            got = await world.ask("GET", "/v1/todo", **({} if header is None else {"authorization": header}))
            assert (got.status, got.json()["message"]) == (401, message)
            assert got.headers["www-authenticate"].startswith("Bearer ")
            assert got.headers["access-control-allow-origin"] == "*"
        assert (await world.ask("OPTIONS", "/v1/todo")).status == 200

    with_gateway(couch_server, db_name, work, functions_and_issuer)


def test_a_trusted_balancer_tells_the_public_url(couch_server: ServerProcess, db_name: str) -> None:
    async def work(world: World) -> None:
        await world.api(TODOS)
        sent = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "api.example"}
        got = await world.ask("GET", "/v1/todo?a", **sent)
        assert got.json()["headers"]["x-forwarded-url"] == "https://api.example/v1/todo?a"

    with_gateway(couch_server, db_name, work, trusted=("127.0.0.0/8",))


def frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    """One of HTTP/2."""
    return len(content).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + content


def test_a_body_of_http_2_needs_no_length(couch_server: ServerProcess, db_name: str) -> None:
    bodies: list[bytes] = []

    async def keeps(exchange: Exchange) -> None:
        bodies.append(await exchange.body())
        await exchange.answer(200, {})

    async def work(world: World) -> None:
        await world.api(TODOS)
        head = b"\x83\x86\x04\x08/v1/todo\x01\x01g"  # POST, http, the path and the authority in HPACK
        parts = urlsplit(world.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 4, 1, head))
            writer.write(frame(0, 0, 1, b"one") + frame(0, 1, 1, b"two"))
            async with asyncio.timeout(60):
                while not bodies:
                    assert await reader.read(65536)
        finally:
            writer.close()
        assert bodies == [b"onetwo"]

    with_gateway(couch_server, db_name, work, keeps)


def test_health_and_mounts(couch_server: ServerProcess, db_name: str) -> None:
    async def sign_in(request: Request) -> Answer:
        return Answer(200, b"sign in")

    async def work(world: World) -> None:
        got = await world.ask("GET", HEALTH.decode())
        assert got.status == 200 and got.json()["status"] == "ok"
        # No API can stand in front of it.
        await world.api(swagger(endpoint("/.well-known"), base_path="/"))
        assert (await world.ask("GET", HEALTH.decode())).json()["status"] == "ok"
        assert (await world.ask("GET", "/oauth/v4/x")).body == b"sign in"

    with_gateway(couch_server, db_name, work, mounts={b"/oauth/": sign_in})


TEXT = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=30)
LINES = st.lists(TEXT, max_size=4)


@settings(max_examples=5, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "X"]), TEXT, LINES, TEXT), min_size=25
    )
)
def test_nothing_that_is_sent_makes_it_fail(
    couch_server: ServerProcess, db_name: str, requests: list[tuple[str, str, list[str], str]]
) -> None:
    async def work(world: World) -> None:
        document = swagger(
            endpoint(), endpoint("/{x}/y", parameters=[{"name": "x"}]), endpoint(verb="post"), endpoint("/")
        )
        await world.api(document)
        for method, path, lines, body in requests:
            for target in (f"/v1/todo{path}", f"/api/guest/v1/{path}", path):
                sent = [f"{method} {target} HTTP/1.1", "host: a", "connection: close", *lines]
                sent += [f"x-forwarded-host: {path}", f"content-length: {len(body)}", "", body]
                answer = await world.raw("\r\n".join(sent).encode("latin-1"))
                assert not answer or answer.split(b" ", 2)[1] in (
                    b"200",
                    b"400",
                    b"404",
                    b"413",
                    b"414",
                    b"431",
                ), (
                    sent,
                    answer,
                )

    with_gateway(couch_server, db_name, work, trusted=("127.0.0.1",))
