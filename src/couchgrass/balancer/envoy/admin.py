"""Envoy's admin interface, on a socket in the balancer's folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from couchgrass.balancer.admission import Load
from couchgrass.balancer.loads import loads_of, totals_of
from couchgrass.balancer.render import ADMIN_SOCKET
from couchgrass.errors import PeerLost, TooLarge
from couchgrass.serving.lost import FAILURES
from couchgrass.serving.whole import whole

ANSWER_S: Final = 5.0
ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024


class Admin:
    """Asks Envoy. Use it in `async with`. All of it raises PeerLost when Envoy does not answer."""

    def __init__(self, folder: Path) -> None:
        # A socket's path may have 107 bytes; by way of its folder's descriptor it always has.
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._path = f"/proc/self/fd/{self._folder}/{ADMIN_SOCKET}" if Path("/proc/self/fd").is_dir() else ""
        self._whole_path = str(folder / ADMIN_SOCKET)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Admin:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(self._path or self._whole_path, limit=4),
            timeout=aiohttp.ClientTimeout(total=ANSWER_S),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
        os.close(self._folder)

    async def is_ready(self) -> bool:
        """Whether Envoy listens."""
        try:
            return (await self._ask("GET", "/ready"))[0] == 200
        except PeerLost:
            return False

    async def loads(self, regions: Mapping[tuple[str, int], str]) -> dict[str, Load]:
        """What is under way in the regions, which are given by address and port."""
        status, text = await self._ask("GET", "/clusters?format=json")
        try:
            return loads_of(text, regions)
        except msgspec.DecodeError as bad:
            raise PeerLost(f"Envoy answered {status} and no state of its cluster") from bad

    async def totals(self, regions: Mapping[tuple[str, int], str]) -> dict[str, int]:
        """How many requests they got since Envoy's start."""
        status, text = await self._ask("GET", "/clusters?format=json")
        try:
            return totals_of(text, regions)
        except msgspec.DecodeError as bad:
            raise PeerLost(f"Envoy answered {status} and no state of its cluster") from bad

    async def stats(self) -> bytes:
        """Its metrics, in Prometheus' format."""
        return (await self._ask("GET", "/stats/prometheus?usedonly"))[1]

    async def reopen_logs(self) -> None:
        """Has it write into a new access log."""
        await self._ask("POST", "/reopen_logs")

    async def drain(self) -> None:
        """Has it take no new connections, and close those of clients after their next answer."""
        await self._ask("POST", "/healthcheck/fail")
        await self._ask("POST", "/drain_listeners")

    async def _ask(self, method: str, path: str) -> tuple[int, bytes]:
        assert self._session is not None
        try:
            async with self._session.request(method, f"http://envoy{path}") as answer:
                return answer.status, await whole(answer, ANSWER_BYTES_MAX)
        except (*FAILURES, TooLarge) as lost:
            raise PeerLost(f"Envoy's admin does not answer: {lost or type(lost).__name__}") from lost
