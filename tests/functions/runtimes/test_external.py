"""A far runtime over HTTP: what is sent, what comes back, and how it can fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import web

from couchgrass.functions.activation import RESULT_BYTES_MAX, Status
from couchgrass.functions.response import failed
from couchgrass.functions.run.response import of_init, of_run
from couchgrass.functions.runtimes import external
from couchgrass.functions.runtimes.cell import Code, End, Outcome
from couchgrass.functions.runtimes.external import BUSY, TAKEN, ExternalCell, ExternalRuntime
from tests.functions.runtimes.driver import TIMEOUT_S, Logs

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CODE = Code("act", "", b"the code", False, "digest")


Use = Callable[[Callable[..., ExternalCell]], Awaitable[T]]
"""Gets what makes another cell of the runtime at the URL."""


def with_cells(handler: Handler, use: Use[T], note: Path | None = None) -> T:
    """A runtime that answers every request by `handler`."""

    async def whole() -> T:
        runner = web.AppRunner(app := web.Application(), shutdown_timeout=0.1)
        app.router.add_post("/{path:.*}", handler)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            async with aiohttp.ClientSession() as session:
                runtime = ExternalRuntime(session, f"http://127.0.0.1:{port}/", note)
                return await use(lambda path="ns/act", most=1: ExternalCell(runtime, path, most))
        finally:
            await runner.cleanup()

    return asyncio.run(whole())


def with_runtime(handler: Handler, use: Callable[[ExternalCell], Awaitable[T]]) -> T:
    """`use` with a cell that has its code; the handler gets what comes then."""

    async def whole_handler(request: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": True}) if request.path == "/init" else await handler(request)

    async def loaded(cell: Callable[..., ExternalCell]) -> T:
        made = cell()
        assert (await made.init(CODE, {}, timeout_s=TIMEOUT_S, logs=Logs())).status == 200
        return await use(made)

    return with_cells(whole_handler, loaded)


class OneAction:
    """Behaves as OpenWhisk's runtimes: takes code once, then runs it; `restart` is another process."""

    def __init__(self) -> None:
        self.code: str | None = None
        self.inits = 0
        self.running = self.most = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.takes_more = False

    def restart(self) -> None:
        self.code = None

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        if request.path == "/init":
            self.inits += 1
            if self.code is not None and not self.takes_more:
                said = {"error": "Cannot initialize the action more than once."}
                return web.json_response(said, status=403)
            self.code = body["value"]["code"]
            return web.json_response({"ok": True})
        if self.code is None:
            return web.json_response({"error": "not ready"}, status=403)
        self.running += 1
        self.most = max(self.most, self.running)
        await self.may_end.wait()
        self.running -= 1
        return web.json_response({"ran": self.code})


OTHER = Code("other", "", b"other code", False, "other digest")


async def inits(cell: ExternalCell, code: Code = CODE, **env: str) -> Outcome:
    return await cell.init(code, {"__OW_NAMESPACE": "ns", **env}, timeout_s=TIMEOUT_S, logs=Logs())


async def runs(cell: ExternalCell) -> Outcome:
    return await cell.run(b"{}", timeout_s=TIMEOUT_S, logs=Logs())


def test_further_cells_of_an_action_find_it_loaded() -> None:
    runtime = OneAction()

    async def use(cell: Callable[..., ExternalCell]) -> None:
        cells = [cell() for _ in range(3)]
        for number, each in enumerate(cells):
            loaded = await inits(each, __OW_ACTIVATION_ID=str(number), __OW_ACTION_VERSION=str(number))
            assert (loaded.end, loaded.status) == (End.DONE, 200)
        outcomes = await asyncio.gather(*map(runs, cells))
        assert {outcome.body for outcome in outcomes} == {b'{"ran": "the code"}'}

    with_cells(runtime.answer, use)
    assert (runtime.inits, runtime.most) == (1, 1)


def test_as_many_run_at_a_time_as_the_action_s_concurrency_says() -> None:
    runtime = OneAction()

    async def use(cell: Callable[..., ExternalCell]) -> None:
        cells = [cell(most=2) for _ in range(3)]
        for each in cells:
            await inits(each)
        runtime.may_end.clear()
        running = [asyncio.ensure_future(runs(each)) for each in cells]
        while runtime.running < 2:
            await asyncio.sleep(0.002)
        runtime.may_end.set()
        assert [(await each).status for each in running] == [200] * 3

    with_cells(runtime.answer, use)
    assert runtime.most == 2


def test_another_action_is_told_that_the_runtime_is_taken() -> None:
    runtime = OneAction()

    async def use(cell: Callable[..., ExternalCell]) -> None:
        first = cell()
        await inits(first)
        for path, code, env in (
            ("ns/other", OTHER, {}),
            ("ns/copy", CODE, {}),
            ("ns/act", CODE, {"__OW_NAMESPACE": "else"}),
            ("ns/act", CODE, {"INIT_PARAMETER": "1"}),
        ):
            refused = await inits(cell(path), code, **env)
            assert of_init(refused, 1000) == failed(Status.DEVELOPER_ERROR, TAKEN)
        assert (await runs(first)).body == b'{"ran": "the code"}'

    with_cells(runtime.answer, use)


def test_a_runtime_that_takes_more_serves_all_each_with_its_own_code() -> None:
    runtime = OneAction()
    runtime.takes_more = True

    async def use(cell: Callable[..., ExternalCell]) -> None:
        first, second = cell("ns/act"), cell("ns/other")
        await inits(first)
        await inits(second, OTHER)
        for each, code in ((first, "the code"), (second, "other code"), (second, "other code")):
            assert json.loads((await runs(each)).body) == {"ran": code}
        assert runtime.inits == 4

    with_cells(runtime.answer, use)


def test_a_runtime_that_was_restarted_fails_one_run_and_is_loaded_anew() -> None:
    runtime = OneAction()

    async def use(cell: Callable[..., ExternalCell]) -> None:
        first = cell()
        await inits(first)
        runtime.restart()
        assert (await runs(first)).status == 403
        again = cell()
        assert (await inits(again)).status == 200
        assert (await runs(again)).status == 200

    with_cells(runtime.answer, use)


def test_after_a_restart_of_ours_the_noted_action_counts_as_loaded_and_no_other(tmp_path: Path) -> None:
    runtime = OneAction()

    async def load(cell: Callable[..., ExternalCell]) -> None:
        assert (await inits(cell())).status == 200

    async def find(cell: Callable[..., ExternalCell]) -> None:
        assert (await inits(cell("ns/other"), OTHER)).status == 403
        same = cell()
        assert (await inits(same)).status == 200
        assert (await runs(same)).body == b'{"ran": "the code"}'

    async def refused(cell: Callable[..., ExternalCell]) -> None:
        assert of_init(await inits(cell()), 1000) == failed(Status.DEVELOPER_ERROR, TAKEN)

    note = tmp_path / "notes" / "one"
    with_cells(runtime.answer, load, note)
    with_cells(runtime.answer, find, note)
    with_cells(runtime.answer, refused)


def test_who_waits_for_too_long_is_told_that_it_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = OneAction()
    monkeypatch.setattr(external, "WAIT_S", 0.05)

    async def use(cell: Callable[..., ExternalCell]) -> None:
        first, second = cell(), cell()
        await inits(first)
        await inits(second)
        runtime.may_end.clear()
        running = asyncio.ensure_future(runs(first))
        while not runtime.running:
            await asyncio.sleep(0.002)
        busy = of_run(await runs(second), 1000)
        assert busy == failed(Status.DEVELOPER_ERROR, BUSY)
        runtime.may_end.set()
        assert (await running).status == 200

    with_cells(runtime.answer, use)


def test_init_and_run_are_posted_as_the_contract_has_them() -> None:
    got: list[tuple[str, Any]] = []

    async def handler(request: web.Request) -> web.Response:
        got.append((request.path, await request.json()))
        return web.json_response({"ok": True}, status=200 if request.path == "/init" else 502)

    async def use(cell: Callable[..., ExternalCell]) -> tuple[Outcome, Outcome]:
        made = cell()
        init = await made.init(CODE, {"A": "1"}, timeout_s=TIMEOUT_S, logs=Logs())
        return init, await made.run(b'{"value":{}}', timeout_s=TIMEOUT_S, logs=Logs())

    init, run = with_cells(handler, use)
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
        return await cell.run(b"{}", timeout_s=TIMEOUT_S, logs=Logs()), cell.alive

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
        return [first.end, (await cell.run(b"{}", timeout_s=TIMEOUT_S, logs=Logs())).end]

    assert with_runtime(handler, use) == [End.TIMED_OUT, End.DIED]


def test_one_that_hangs_up_or_is_not_there_died() -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async def use(cell: ExternalCell) -> End:
        return (await cell.run(b"{}", timeout_s=TIMEOUT_S, logs=Logs())).end

    assert with_runtime(handler, use) is End.DIED

    async def nobody() -> End:
        async with aiohttp.ClientSession() as session:
            cell = ExternalCell(ExternalRuntime(session, "http://127.0.0.1:9"), "ns/act")
            return (await cell.init(CODE, {}, timeout_s=TIMEOUT_S, logs=Logs())).end

    assert asyncio.run(nobody()) is End.DIED


def test_close_ends_what_goes_on() -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async def use(cell: ExternalCell) -> End:
        run = asyncio.ensure_future(cell.run(b"{}", timeout_s=TIMEOUT_S, logs=Logs()))
        await asyncio.sleep(0)
        await cell.close()
        return (await run).end

    assert with_runtime(handler, use) is End.DIED
