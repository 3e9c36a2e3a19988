"""Requests with an Idempotency-Key, over real sockets and databases: run once, answered each time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from couchgrass.couch.server import CouchServer
from couchgrass.gateway.http import once
from couchgrass.gateway.idempotency import BODY_BYTES_MAX, RESERVED_S, database_of
from couchgrass.testing.in_process import until
from couchgrass.testing.scripted import Exchange, answers, hangs_up
from couchgrass.testing.server import ServerProcess, running
from tests.couch.asking import closed_port
from tests.gateway.documents import endpoint, swagger
from tests.gateway.http.served import Got, World, served, with_gateway

TODOS = swagger(*(endpoint(verb=verb) for verb in ("get", "post", "put", "patch")))
RAN = {"x_openwhisk_activation_id": "a" * 32}
CREATED = answers(201, {"id": 1}, location="/v1/todo/1", set_cookie="s=1", x_mine="1", **RAN)


async def add(world: World, key: str, body: bytes = b'{"title":"x"}', query: str = "", **headers: str) -> Got:
    return await world.ask("POST", f"/v1/todo{query}", body, idempotency_key=key, **headers)


def test_a_request_that_comes_again_is_answered_and_not_run(
    couch_server: ServerProcess, db_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(world: World) -> None:
        await world.api(TODOS)
        first = await add(world, db_name, origin="https://a.example")
        assert (first.status, first.json(), first.headers["set-cookie"]) == (201, {"id": 1}, "s=1")
        assert "idempotency-replayed" not in first.headers
        assert world.peer.seen[-1].headers["idempotency-key"] == db_name
        for key, path in ((db_name, ""), (f'"{db_name}"', ""), (db_name, "/api/guest")):
            again = await world.ask("POST", f"{path}/v1/todo", b'{"title":"x"}', idempotency_key=key)
            assert (again.status, again.body) == (201, first.body)
            assert again.headers["idempotency-replayed"] == "true"
            for name in ("location", "x-mine", "content-type", "x-openwhisk-activation-id"):
                assert again.headers[name] == first.headers[name]
            assert "set-cookie" not in again.headers and "access-control-allow-origin" in again.headers
        assert len(world.peer.seen) == 1 and world.once.counts.replayed == 3
        rows = await world.db.ask(
            "GET", f"/{database_of(world.clock.now())}/_all_docs", query={"include_docs": "true"}
        )
        assert db_name not in str(rows) and db_name not in caplog.text

    with_gateway(couch_server, db_name, work, CREATED)


def test_a_key_is_one_of_caller_operation_and_body(couch_server: ServerProcess, db_name: str) -> None:
    async def work(world: World) -> None:
        await world.api(TODOS)
        await add(world, db_name)
        for other in (
            await add(world, db_name, b'{"title":"y"}'),
            await add(world, db_name, query="?a=1"),
        ):
            assert other.status == 422 and "x-couchgrass-not-run" not in other.headers
        assert len(world.peer.seen) == 1
        assert (await add(world, db_name, b"another", authorization="Bearer b")).status == 201
        assert (await world.ask("PATCH", "/v1/todo", b"1", idempotency_key=db_name)).status == 201
        assert (await world.ask("POST", "/v1/todo/2", b"1", idempotency_key=db_name)).status == 201
        assert len(world.peer.seen) == 4

    with_gateway(couch_server, db_name, work, CREATED)


def test_subscribers_have_keys_of_their_own(couch_server: ServerProcess, db_name: str) -> None:
    async def work(world: World) -> None:
        more: dict[str, Any] = {
            "securityDefinitions": {"id": {"type": "apiKey", "in": "header", "name": "X-Client-ID"}},
            "security": [{"id": []}],
        }
        await world.api(swagger(endpoint(verb="post"), **more))
        for _ in range(2):
            made = await world.manage("POST", "createSubscription", {"basepath": "/v1"})
            for replayed in (None, "true"):
                got = await add(world, db_name, x_client_id=made.json()["client_id"])
                assert (got.status, got.headers.get("idempotency-replayed")) == (201, replayed)
        assert (await add(world, db_name)).status == 401

    with_gateway(couch_server, db_name, work, CREATED)


@pytest.mark.parametrize("key", ["", "a b", '"a', "x" * 256, "ä"])
def test_what_is_no_key_is_refused_before_anything_runs(
    couch_server: ServerProcess, db_name: str, key: str
) -> None:
    async def work(world: World) -> None:
        await world.api(TODOS)
        request = b"%b /v1/todo HTTP/1.1\r\nhost: a\r\nconnection: close\r\nidempotency-key: %b\r\n\r\n"
        assert (await world.raw(request % (b"POST", key.encode()))).startswith(b"HTTP/1.1 400")
        assert not world.peer.seen
        for method in (b"GET", b"PUT"):
            assert (await world.raw(request % (method, key.encode()))).startswith(b"HTTP/1.1 201")

    with_gateway(couch_server, db_name, work, CREATED)


def test_one_that_still_runs_is_a_conflict(couch_server: ServerProcess, db_name: str) -> None:
    async def work(world: World) -> None:
        await world.api(TODOS)
        first = asyncio.create_task(add(world, db_name))
        await until(lambda: len(world.peer.seen) == 1)
        second = await add(world, db_name)
        assert (second.status, second.headers["retry-after"]) == (409, "1")
        assert "x-couchgrass-not-run" not in second.headers
        assert (await add(world, db_name, b"other")).status == 422
        go.set()
        assert (await first).status == 201
        assert (await add(world, db_name)).status == 201
        assert len(world.peer.seen) == 1

    go = asyncio.Event()

    async def slowly(exchange: Exchange) -> None:
        await go.wait()
        await CREATED(exchange)

    with_gateway(couch_server, db_name, work, slowly)


FAILED = answers(400, {"error": "its own"}, x_couchgrass_failure="action", **RAN)


@pytest.mark.parametrize(
    ("play", "status"), [(FAILED, 502), (answers(503, {"error": "x"}), 503), (answers(429, {}), 429)]
)
def test_what_is_not_the_apps_last_word_may_run_again(
    couch_server: ServerProcess, db_name: str, play: Any, status: int
) -> None:
    async def work(world: World) -> None:
        await world.api(TODOS)
        got = await add(world, db_name)
        assert got.status == status and "x-couchgrass-not-run" not in got.headers
        again = await add(world, db_name)
        assert again.status == 201 and "idempotency-replayed" not in again.headers
        assert len(world.peer.seen) == 2

    with_gateway(couch_server, db_name, work, play, CREATED)


def test_the_apps_own_error_is_its_last_word(couch_server: ServerProcess, db_name: str) -> None:
    async def work(world: World) -> None:
        await world.api(TODOS)
        for _ in range(2):
            got = await add(world, db_name)
            assert (got.status, got.json()) == (500, {"error": "mine"})
        assert len(world.peer.seen) == 1

    with_gateway(couch_server, db_name, work, answers(500, {"error": "mine"}, **RAN))


@pytest.mark.parametrize(
    ("play", "status"),
    [(hangs_up, 502), (answers(202, {"error": "x"}, x_couchgrass_failure="time", **RAN), 504)],
)
def test_one_that_may_be_running_holds_its_key_until_its_time_is_up(
    couch_server: ServerProcess, db_name: str, play: Any, status: int
) -> None:
    async def work(world: World) -> None:
        await world.api(TODOS)
        got = await add(world, db_name)
        assert got.status == status and "x-couchgrass-not-run" not in got.headers
        assert (await add(world, db_name)).status == 409
        world.clock.time_s += RESERVED_S
        assert (await add(world, db_name)).status == 201
        assert (await add(world, db_name)).headers["idempotency-replayed"] == "true"
        assert len(world.peer.seen) == 2 and world.once.counts.taken_over == 1

    with_gateway(couch_server, db_name, work, play, CREATED)


@pytest.mark.parametrize("size", [100, 200_000, BODY_BYTES_MAX + 1])
@pytest.mark.parametrize("chunked", [False, True])
def test_answers_of_any_size_come_whole_and_too_large_ones_once(
    couch_server: ServerProcess, db_name: str, size: int, chunked: bool
) -> None:
    body = b"x" * size

    async def large(exchange: Exchange) -> None:
        await exchange.body()
        if not chunked:
            await exchange.answer(200, body, **RAN)
            return
        await exchange.begin(200, transfer_encoding="chunked", **RAN)
        for at in range(0, size, 100_000):
            piece = body[at : at + 100_000]
            await exchange.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await exchange.write(b"0\r\n\r\n")

    async def work(world: World) -> None:
        await world.api(TODOS)
        got = await add(world, db_name)
        assert (got.status, got.body == body) == (200, True)
        again = await add(world, db_name)
        if size > BODY_BYTES_MAX:
            assert again.status == 409 and "retry-after" not in again.headers and "200" in again.body.decode()
        else:
            assert (again.status, again.body == body) == (200, True)
        assert len(world.peer.seen) == 1

    with_gateway(couch_server, db_name, work, large)


def test_functions_that_are_not_there_leave_no_reservation(couch_server: ServerProcess, db_name: str) -> None:
    async def work(world: World) -> None:
        await world.api(TODOS)
        port, world.backend.port = world.backend.port, closed_port()
        got = await add(world, db_name)
        assert (got.status, got.headers["x-couchgrass-not-run"]) == (503, "1")
        world.backend.port = port
        assert (await add(world, db_name)).status == 201

    with_gateway(couch_server, db_name, work, CREATED)


def test_a_database_that_can_not_keep_the_key_has_nothing_forwarded(
    couch_server: ServerProcess, db_name: str
) -> None:
    async def work(world: World) -> None:
        await world.api(TODOS)
        base, world.db.base = world.db.base, f"http://127.0.0.1:{closed_port()}"
        got = await add(world, db_name)
        assert (got.status, got.headers["x-couchgrass-not-run"]) == (503, "1")
        assert got.headers["retry-after"] == "1" and not world.peer.seen
        assert (await world.ask("POST", "/v1/todo", b"{}")).status == 201
        world.db.base = base
        assert (await add(world, db_name)).status == 201

    with_gateway(couch_server, db_name, work, CREATED)


def test_an_answer_that_can_not_be_kept_at_once_is_given_and_kept_later(
    couch_server: ServerProcess, db_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "AGAIN_S", 0.01)

    async def work(world: World) -> None:
        await world.api(TODOS)
        base = world.db.base

        async def breaks(exchange: Exchange) -> None:
            world.db.base = f"http://127.0.0.1:{closed_port()}"
            await CREATED(exchange)

        world.peer._plays = (breaks,)
        assert (await add(world, db_name)).status == 201
        world.db.base = base
        await until(lambda: world.once.counts.kept == 1)
        again = await add(world, db_name)
        assert (again.status, again.headers["idempotency-replayed"]) == (201, "true")
        assert len(world.peer.seen) == 1

    with_gateway(couch_server, db_name, work, CREATED)


async def replicate(world: World, source: ServerProcess, target: ServerProcess) -> None:
    name = database_of(world.clock.now())
    ends = {
        "source": f"{source.auth_url}/{name}",
        "target": f"{target.auth_url}/{name}",
        "create_target": True,
    }
    done = await world.db.ask("POST", "/_replicate", ends)
    assert done["ok"]


def test_a_retry_in_another_region_is_answered_where_the_key_has_arrived(
    couch_server: ServerProcess, db_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(dallas_couch: ServerProcess) -> None:
        async with (
            served(couch_server, db_name, CREATED, region="london") as london,
            served(dallas_couch, db_name, answers(201, {"id": 2}, **RAN), region="dallas") as dallas,
            asyncio.timeout(40),
        ):
            for world in (london, dallas):
                await world.api(TODOS)
            first = await add(london, db_name)
            await replicate(london, couch_server, dallas_couch)
            again = await add(dallas, db_name)
            assert (again.status, again.body) == (201, first.body)
            assert (again.headers["idempotency-replayed"], again.headers["x-couchgrass-region"]) == (
                "true",
                "dallas",
            )
            assert not dallas.peer.seen

            # An answer that may be on its way is waited for; one that does not come in time is a conflict.
            go = asyncio.Event()

            async def slowly(exchange: Exchange) -> None:
                await go.wait()
                await CREATED(exchange)

            london.peer._plays = (slowly,)
            running_one = asyncio.create_task(add(london, db_name + "-2"))
            await until(lambda: len(london.peer.seen) == 2)
            await replicate(london, couch_server, dallas_couch)
            monkeypatch.setattr(once, "WAITS_S", ())
            assert (await add(dallas, db_name + "-2")).status == 409
            monkeypatch.setattr(once, "WAITS_S", (0.01,) * 2000)
            retry = asyncio.create_task(add(dallas, db_name + "-2"))
            go.set()
            await running_one
            await replicate(london, couch_server, dallas_couch)
            assert (await retry).headers["idempotency-replayed"] == "true"
            assert not dallas.peer.seen

            # Where it has not arrived it runs again, and both regions say so.
            await add(london, db_name + "-3")
            assert (await add(dallas, db_name + "-3")).json() == {"id": 2}
            await replicate(london, couch_server, dallas_couch)
            await replicate(london, dallas_couch, couch_server)
            for world in (london, dallas):
                world.once.start()
            await until(lambda: london.once.counts.conflicts == dallas.once.counts.conflicts == 1)
            bodies = {(await add(world, db_name + "-3")).body for world in (london, dallas)}
            assert len(bodies) == 1

    with running(tmp_path / "dallas") as dallas_couch:
        asyncio.run(work(dallas_couch))


def test_a_request_without_a_key_does_not_ask_the_database(couch_server: ServerProcess, db_name: str) -> None:
    async def work(world: World) -> None:
        await world.api(TODOS)
        async with CouchServer(f"http://127.0.0.1:{closed_port()}") as nowhere:
            world.once._keys._server = nowhere
            assert (await world.ask("POST", "/v1/todo", b"{}")).status == 201
            assert (await world.ask("PUT", "/v1/todo", b"{}", idempotency_key="k")).status == 201

    with_gateway(couch_server, db_name, work, CREATED)
