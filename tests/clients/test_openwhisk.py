"""The npm client of OpenWhisk does a full round against our REST API, with actions in processes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from couchgrass.functions.http.app import App
from couchgrass.functions.runtimes.local import LocalRuntimes
from couchgrass.serving.listen import HttpServer, bind
from couchgrass.testing.functions import region
from couchgrass.testing.server import ServerProcess

ROUNDS = Path(__file__).parent / "node"
ROUND_TIMEOUT_S = 100

STEPS = {
    "openwhisk": [
        "namespaces",
        "unknown",
        "actions",
        "invocations",
        "activations",
        "packages",
        "triggers",
        "rules",
        "feeds",
        "cleared",
    ],
    "openwhisk_routes": ["create", "find", "swagger", "remove"],
}
"""The steps that each round has to report."""


@asynccontextmanager
async def over_http(app: App) -> AsyncIterator[str]:
    """The URL of a server of the application, for the length of a block."""
    listener = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = HttpServer(app, listener)
    serving = asyncio.create_task(server.serve())
    try:
        yield url
    finally:
        server.stop()
        await serving


async def run_node(script: Path, env: dict[str, str], cwd: Path) -> tuple[int, str]:
    """(exit code, what it printed). The whole process group ends with it, also after the time limit."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(script),
        env={**os.environ, **env},
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(ROUND_TIMEOUT_S):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return process.returncode or 0, printed.decode()


@pytest.mark.parametrize("client", STEPS)
def test_the_client_completes_its_round(client: str, couch_server: ServerProcess, tmp_path: Path) -> None:
    async def run() -> None:
        runtimes = await LocalRuntimes.open(stems={})
        async with region(couch_server, runtimes=runtimes) as found, over_http(found.app) as url:
            env = {"OW_URL": url, "OW_KEY": found.key, "OW_NAMESPACE": found.namespace, "OW_KIND": "python:3"}
            code, printed = await run_node(ROUNDS / f"{client}.mjs", env, tmp_path)
        passed = [
            line.removeprefix("passed: ") for line in printed.splitlines() if line.startswith("passed: ")
        ]
        assert code == 0, printed
        assert passed == STEPS[client], printed

    asyncio.run(run())
