"""The site of `couchgrass up`: what runs in its folder, and the files by which a drill breaks it."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from couchgrass.agent.seen import Health
from couchgrass.drill.wires import Fault, read_wires, wires_text, with_faults
from couchgrass.errors import BadRequest, TooLarge
from couchgrass.serving.files import replace_file
from couchgrass.serving.lost import FAILURES
from couchgrass.serving.whole import whole
from couchgrass.topology.places import HOLDS, WIRES

HEALTH_S: Final = 2.0
HEALTH_BYTES_MAX: Final = 1024 * 1024


class UpSite:
    """`folder` is that of `couchgrass up`. `pids` and `health_url` tell of a region what runs now, and
    `balancer_pid` of the balancer; they read what supervisors wrote down."""

    def __init__(
        self,
        folder: Path,
        regions: tuple[str, ...],
        *,
        pids: Callable[[str], Mapping[str, int]],
        health_url: Callable[[str], str],
        balancer_pid: Callable[[], int | None],
    ) -> None:
        self.regions = regions
        self.pids = pids
        self.balancer_pid = balancer_pid
        self._folder = folder
        self._health_url = health_url

    def hold(self, region: str, seconds: float) -> None:
        """The region is not started again for so long, or until it is released, or this process ends."""
        folder = self._folder / HOLDS
        folder.mkdir(mode=0o700, exist_ok=True)
        told = {"pid": os.getpid(), "until": time.time() + seconds}
        replace_file(folder / region, msgspec.json.encode(told))

    def release(self, region: str) -> None:
        """It may be started again."""
        (self._folder / HOLDS / region).unlink(missing_ok=True)

    def set_wires(self, faults: Mapping[str, Mapping[str, Any]]) -> None:
        """What is wrong with the wires, all of it. Raises WiresRefused for a wire that there is not."""
        file = self._folder / WIRES
        try:
            known = read_wires(file.read_bytes(), str(file))
        except OSError as refused:
            raise BadRequest(f"{file} can't be read: {refused.strerror}") from refused
        change = {wire: msgspec.convert(dict(fault), Fault) for wire, fault in faults.items()}
        replace_file(file, wires_text(with_faults(known, change)))

    @property
    def health(self) -> Callable[[str], Awaitable[Health | None]]:
        """A region's health as its agent says it; None when it does not answer."""
        return self._health

    async def _health(self, region: str) -> Health | None:
        timeout = aiohttp.ClientTimeout(total=HEALTH_S)
        try:
            url = f"{self._health_url(region)}/_couchgrass/ready"
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
                return msgspec.json.decode(await whole(answer, HEALTH_BYTES_MAX), type=Health)
        except (*FAILURES, TooLarge, msgspec.DecodeError):
            return None
