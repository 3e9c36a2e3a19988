"""Reads the metrics of a region's processes, each bounded in time and size, and puts them together.

A part that can't be read is left out and counted; the others are told all the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from couchgrass.agent.metrics import AGENT, Gathering, failed_family
from couchgrass.agent.run.asked import Asked, Unreached
from couchgrass.errors import CouchgrassError
from couchgrass.exposition import Family

log = logging.getLogger("couchgrass.agent")

SCRAPE_S: Final = 2.0
SCRAPE_BYTES_MAX: Final = 16 * 1024 * 1024
"""Some 100,000 series: a database with so many jobs."""


class Source(NamedTuple):
    """Where one process tells its metrics, and what has to be shown for it."""

    url: str
    headers: Mapping[str, str]


class Scrape:
    """`sources`: the parts by name, each saying where it is, each time anew; that may raise
    CouchgrassError."""

    def __init__(self, region: str, asked: Asked, sources: Mapping[str, Callable[[], Source]]) -> None:
        self._failed = dict.fromkeys(sources, 0)
        self._region = region
        self._asked = asked
        self._sources = sources
        self._said: set[str] = set()

    async def text(self, own: Iterable[Family]) -> str:
        """All of it, with what the agent sees itself."""
        gathering = Gathering(self._region)
        await asyncio.gather(*(self._part(name, gathering) for name in self._sources))
        for name, times in self._failed.items():
            gathering.add_families(name, [failed_family(times)])
        gathering.add_families(AGENT, own)
        return gathering.text()

    async def _part(self, name: str, gathering: Gathering) -> None:
        try:
            source = self._sources[name]()
            told = await self._asked.ask(
                "GET", source.url, headers=source.headers, limit_s=SCRAPE_S, bytes_max=SCRAPE_BYTES_MAX
            )
            if told.status != 200:
                raise Unreached(f"answered {told.status}")
            # A large one takes a while to read, and meanwhile the region's health is looked at.
            await asyncio.to_thread(gathering.add, name, told.body.decode())
        except (CouchgrassError, TimeoutError, UnicodeDecodeError) as refused:
            self._failed[name] += 1
            if name not in self._said:
                self._said.add(name)
                log.warning("the metrics of the %s can't be had: %s", name, refused or "no answer in time")
            return
        self._said.discard(name)
