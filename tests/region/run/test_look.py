"""A look at a region: what its supervisor wrote down, checked against what answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from couchgrass.region.restart import Phase
from couchgrass.region.run.look import Status, look
from couchgrass.region.run.state_file import Hold, RegionState, Seen, write_state
from couchgrass.testing.server import ServerProcess


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    hold = Hold(tmp_path)
    yield tmp_path
    hold.close()


def region(url: str, **processes: Seen) -> RegionState:
    return RegionState("local", "r.toml", os.getpid(), 1.0, url, processes)


def ready(url: str, phase: Phase = Phase.READY) -> Seen:
    return Seen(phase, 2.0, 7, url, 3)


async def seen_with_functions(data: Path, state: RegionState) -> Status:
    """The look while a server stands for functions and the gateway, whose URL stands in for "HERE"."""

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/":
            return web.Response(status=500)  # as an app whose API is at the root of the gateway
        if request.path == "/api/v1":
            return web.json_response({"confinement": "namespaces"})
        return web.json_response({"status": 404}, status=404)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    processes = {
        name: msgspec.structs.replace(one, url=one.url.replace("HERE", f"http://127.0.0.1:{port}"))
        for name, one in state.processes.items()
    }
    write_state(data, msgspec.structs.replace(state, processes=processes))
    try:
        return await look(data)
    finally:
        await runner.cleanup()


def test_a_region_that_does_well(held: Path, couch_server: ServerProcess) -> None:
    url = couch_server.url
    state = region(url, database=ready(url), functions=ready("HERE"), gateway=ready("HERE"))
    status = asyncio.run(seen_with_functions(held, state))
    assert status.well
    assert status.confinement == "namespaces"
    assert [(one.name, one.phase, one.restarts) for one in status.processes] == [
        ("database", "ready", 3),
        ("functions", "ready", 3),
        ("gateway", "ready", 3),
    ]


def test_a_process_that_is_ready_but_does_not_answer_is_not_well(held: Path) -> None:
    state = region("", functions=ready("HERE"), gateway=ready("http://127.0.0.1:1"))
    status = asyncio.run(seen_with_functions(held, state))
    assert [(one.name, one.phase, one.answers) for one in status.processes] == [
        ("database", "elsewhere", False),
        ("functions", "ready", True),
        ("gateway", "ready", False),
    ]
    assert not status.well


def test_a_process_that_is_not_ready_is_not_well_even_if_it_answers(held: Path) -> None:
    status = asyncio.run(seen_with_functions(held, region("HERE", functions=ready("HERE", Phase.STARTING))))
    assert not status.well


def test_nothing_runs_where_nobody_holds_the_folder(tmp_path: Path) -> None:
    write_state(tmp_path, region("http://127.0.0.1:1"))
    status = asyncio.run(look(tmp_path))
    assert (status.running, status.well) == (False, False)
