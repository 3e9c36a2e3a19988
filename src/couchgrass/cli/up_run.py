"""The processes of ``couchgrass up`` under one supervisor: one a region, the balancer, the wires.

All start at once. They stop in the order balancer, regions, wires: no request comes any more before a region
goes, and regions can write to each other as long as they live.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from couchgrass.cli.fleet import BALANCER, WIRES, look, up_kept
from couchgrass.cli.paper import out
from couchgrass.cli.up_status import follow
from couchgrass.cli.up_view import Progress, show_places
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.drill.wires import Wires
    from couchgrass.region.restart import Rules
    from couchgrass.region.run.log import Log
    from couchgrass.region.run.state_file import Seen
    from couchgrass.region.run.supervisor import Spec, Supervisor
    from couchgrass.topology.config import Topology
    from couchgrass.topology.run.journal import Journal

STOP_S: Final = 30.0
"""How long a region may take to stop; then it is killed, and its processes with it."""

HURRIED_S: Final = 5.0
READY_MAX_S: Final = 300.0


class DeployRefused(CouchgrassError):
    """An app could not be deployed, for reasons that were said."""


class Fleet:
    """What runs, from its start to its end."""

    def __init__(self, folder: Path, topology: Topology, wires: Wires, journal: Journal) -> None:
        self._folder = folder
        self._topology = topology
        self._wires = wires
        self._journal = journal
        self._all_ready = asyncio.Event()
        self._stops = asyncio.Event()
        self._progress = Progress()

    async def run(self, *, begun: Callable[[], None], watch: bool) -> int:
        """Until it is told to stop; the exit status. `begun` is called when all runs and is deployed."""
        from couchgrass.region.run.log import Log

        log = Log("up", self._journal)
        supervisor = self._supervisor(log)
        supervising = asyncio.create_task(supervisor.run())
        showing = asyncio.create_task(self._show(begun, watch=watch))
        stops = asyncio.create_task(self._stops.wait())
        await asyncio.wait({supervising, showing, stops}, return_when=asyncio.FIRST_COMPLETED)
        stops.cancel()
        if showing.done():
            supervisor.stop()
        showing.cancel()
        await asyncio.wait({showing})
        with self._progress:
            status = await supervising
        if not showing.cancelled():
            showing.result()
        return status

    def _changed(self, seen: Mapping[str, Seen]) -> None:
        self._progress.changed(seen)
        if any(one.phase.value == "stopping" for one in seen.values()):
            self._stops.set()

    async def _show(self, begun: Callable[[], None], *, watch: bool) -> None:
        from couchgrass.topology.run.look import Look

        with self._progress:
            await self._all_ready.wait()
        if self._topology.apps:
            await self._deploy()
        async with Look() as asking:
            status = await look(self._folder, self._topology, asking)
            show_places(self._folder, status, [one.pages.path for one in self._topology.apps if one.pages])
            begun()
            if watch:
                await follow(self._folder, self._topology)
            else:
                await asyncio.Event().wait()

    def _supervisor(self, log: Log) -> Supervisor:
        from couchgrass.clock import SystemClock
        from couchgrass.region.run.supervisor import Supervisor, Told
        from couchgrass.topology.places import CONFIG
        from couchgrass.topology.run.folder import held

        clock = SystemClock()
        names = self._topology.names
        return Supervisor(
            specs_of(self._folder, self._topology, self._wires),
            Told("up", str(self._folder / CONFIG), self._folder, kept=up_kept()),
            clock,
            ready=lambda urls: self._all_ready.set(),
            rules=rules_of(self._topology, self._wires),
            log=log,
            held=lambda: held(self._folder, names, clock.now()),
            changed=self._changed,
        )

    async def _deploy(self) -> None:
        """What it says goes to the terminal. Raises DeployRefused when it did not do all."""
        from couchgrass.cli.deploy import deploy_all

        out.print("deploying", highlight=False)
        if await deploy_all(self._folder):
            raise DeployRefused("not all of it could be deployed, so it is stopped")


def rules_of(topology: Topology, wires: Wires) -> Rules:
    """They stop in groups."""
    from couchgrass.region.restart import Rules

    groups = [topology.names]
    if wires.ports:
        groups.insert(0, (WIRES,))
    if topology.balancer is not None:
        groups.append((BALANCER,))
    return Rules(
        whole="couchgrass up",
        groups=tuple(groups),
        ready_max_s=READY_MAX_S,
        stop_s=STOP_S,
        hurried_s=HURRIED_S,
    )


def specs_of(folder: Path, topology: Topology, wires: Wires) -> list[Spec]:
    """The commands of all processes, in the order of their start."""
    from couchgrass.drill.wires import ends_of
    from couchgrass.region.run.supervisor import Spec
    from couchgrass.topology.places import CONFIG

    couchgrass = [sys.executable, "-m", "couchgrass"]
    file = str(folder / CONFIG)
    specs = []
    if wires.ports:
        specs.append(Spec(WIRES, [*couchgrass, "wires", "--dir", str(folder)], dict(os.environ)))
    for region in topology.regions:
        peers = [
            f"--peer={source}=http://127.0.0.1:{port}"
            for wire, port in wires.ports.items()
            for source, target in [ends_of(wire)]
            if target == region.name
        ]
        command = [*couchgrass, "region", region.name, "-c", file, *peers]
        specs.append(Spec(region.name, command, dict(os.environ)))
    if topology.balancer is not None:
        specs.append(Spec(BALANCER, [*couchgrass, "balancer", "-c", file], dict(os.environ)))
    return specs
