"""The Envoy process: started, watched, started again when it ends, stopped in good order."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

from couchgrass.balancer.envoy.admin import Admin
from couchgrass.balancer.render import BOOTSTRAP
from couchgrass.region.restart import HEALTHY_S, rest_s
from couchgrass.serving.children import die_with_us
from couchgrass.serving.listen import StartRefused

log = logging.getLogger("couchgrass.balancer")

START_S: Final = 20.0
POLL_S: Final = 0.02
STOP_S: Final = 2.0
"""How long it may take to end."""

_OPTIONS: Final = (
    "--disable-hot-restart",
    "--log-level",
    "warning",
    "--log-format",
    "%Y-%m-%d %T.%e %l envoy: %v",
    "--file-flush-interval-msec",
    "1000",
)


class Envoy:
    """One Envoy in `folder`, which has its files. Its log goes where ours goes."""

    def __init__(self, program: Path, folder: Path, admin: Admin) -> None:
        self._program = program
        self._folder = folder
        self._admin = admin
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self.restarts = 0
        self.trouble = ""

    @property
    def pid(self) -> int | None:
        """Of the one that runs."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    async def start(self) -> None:
        """The first start; from then on it is started again whenever it ends. Raises StartRefused."""
        process = await self._spawn()
        if not await self._is_up(process):
            await self._kill(process)
            raise StartRefused("Envoy could not start, its own words are above")
        self._keeping = asyncio.create_task(self._keep(process))

    async def stop(self) -> None:
        """Ends it."""
        if self._keeping is not None:
            self._keeping.cancel()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            await self._kill(process)

    async def _spawn(self) -> asyncio.subprocess.Process:
        try:
            self._process = await asyncio.create_subprocess_exec(
                str(self._program),
                "-c",
                BOOTSTRAP,
                *_OPTIONS,
                cwd=self._folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                preexec_fn=die_with_us(),
            )
        except OSError as refused:
            raise StartRefused(f"{self._program} can't be run: {refused.strerror}") from refused
        return self._process

    async def _is_up(self, process: asyncio.subprocess.Process) -> bool:
        try:
            async with asyncio.timeout(START_S):
                while process.returncode is None:
                    if await self._admin.is_ready():
                        return process.returncode is None
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            pass
        return False

    async def _keep(self, process: asyncio.subprocess.Process) -> None:
        """For as long as the balancer runs."""
        loop = asyncio.get_running_loop()
        began, failures = loop.time(), 0
        while True:
            status = await process.wait()
            failures = 1 if loop.time() - began >= HEALTHY_S else failures + 1
            self.trouble = f"ended by signal {-status}" if status < 0 else f"ended with status {status}"
            log.error("Envoy %s; it is started again in %g s", self.trouble, rest_s(failures))
            await asyncio.sleep(rest_s(failures))
            self.restarts += 1
            began = loop.time()
            try:
                process = await self._spawn()
            except StartRefused as refused:
                log.error("%s", refused.reason)
                continue
            if await self._is_up(process):
                self.trouble = ""
            elif process.returncode is None:
                await self._kill(process)

    async def _kill(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            process.kill()
        await process.wait()
