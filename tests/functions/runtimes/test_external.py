"""A far runtime over HTTP: what is sent, what comes back, and how it can fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import aiohttp
from aiohttp import web

from couchgrass.functions.activation import RESULT_BYTES_MAX
from couchgrass.functions.runtimes.cell import Code, End, Outcome
from couchgrass.functions.runtimes.external import ExternalCell
from tests.functions.runtimes.driver import Logs

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CODE = Code("act", "", b"the code", False, "digest")


def with_runtime(handler: Handler, use: Callable[[ExternalCell], Awaitable[T]]) -> T:
    """`use` with a cell whose runtime answers every request by `handler`."""

    async def whole() -> T:
        runner = web.AppRunner(app := web.Application(), shutdown_timeout=0.1)
        app.router.add_post("/{path:.*}", handler)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            async with aiohttp.ClientSession() as session:
                return await use(ExternalCell(session, f"http://127.0.0.1:{port}/"))
        finally:
            await runner.cleanup()

    return asyncio.run(whole())


def test_init_and_run_are_posted_as_the_contract_has_them() -> None:
    got: list[tuple[str, Any]] = []

    async def handler(request: web.Request) -> web.Response:
        got.append((request.path, await request.json()))
        return web.json_response({"ok": True}, status=200 if request.path == "/init" else 502)

    async def use(cell: ExternalCell) -> tuple[Outcome, Outcome]:
        init = await cell.init(CODE, {"A": "1"}, timeout_s=5, logs=Logs())
        return init, await cell.run(b'{"value":{}}', timeout_s=5, logs=Logs())

    init, run = with_runtime(handler, use)
    assert got == [
        (
            "/init",
            {
                "value": {
                    "name": "act",
                    "main": "main",
                    "code": "the code",
                    "binary": False,
                    "env": {"A": "1"},
                }
            },
        ),
        ("/run", {"value": {}}),
    ]
    assert (init.end, init.status, run.status, run.body) == (End.DONE, 200, 502, b'{"ok": true}')
    assert run.size == len(run.body)


def test_a_large_answer_is_cut() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * (RESULT_BYTES_MAX + 5))

    async def use(cell: ExternalCell) -> tuple[Outcome, bool]:
        return await cell.run(b"{}", timeout_s=5, logs=Logs()), cell.alive

    outcome, alive = with_runtime(handler, use)
    assert (outcome.end, outcome.size, len(outcome.body)) == (
        End.TOO_LARGE,
        RESULT_BYTES_MAX + 5,
        RESULT_BYTES_MAX,
    )
    assert not alive


def test_one_that_does_not_answer_times_out_and_is_done_with() -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async def use(cell: ExternalCell) -> list[End]:
        first = await cell.run(b"{}", timeout_s=0.05, logs=Logs())
        return [first.end, (await cell.run(b"{}", timeout_s=5, logs=Logs())).end]

    assert with_runtime(handler, use) == [End.TIMED_OUT, End.DIED]


def test_one_that_hangs_up_or_is_not_there_died() -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async def use(cell: ExternalCell) -> End:
        return (await cell.run(b"{}", timeout_s=5, logs=Logs())).end

    assert with_runtime(handler, use) is End.DIED

    async def nobody() -> End:
        async with aiohttp.ClientSession() as session:
            return await use(ExternalCell(session, "http://127.0.0.1:9"))

    assert asyncio.run(nobody()) is End.DIED


def test_close_ends_what_goes_on() -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async def use(cell: ExternalCell) -> End:
        run = asyncio.ensure_future(cell.run(b"{}", timeout_s=5, logs=Logs()))
        await asyncio.sleep(0)
        await cell.close()
        return (await run).end

    assert with_runtime(handler, use) is End.DIED
