"""The pages of all apps of a region: which there are is in memory, contents come from its database on demand.

What is asked for often stays in memory, up to a bound. While the database is away, what is there is still
served; the rest is refused as not run, so that a balancer asks another region.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from couchgrass.couch.mirror import START_S, Mirror
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import CouchgrassError
from couchgrass.gateway import site
from couchgrass.gateway.site import DATABASE, Found, Moved, Sites
from couchgrass.gateway.standing import NotRun
from couchgrass.serving.pages import PageFile, page_file

log = logging.getLogger("couchgrass.gateway")

KEPT_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of contents in memory, zipped ones too: all of most sites, and more than the pages that are asked for."""

LOAD_S: Final = 5.0
"""How long the database may take for a content; a balancer has another region to ask then."""

LOADS_MAX: Final = 64
"""Contents that are waited for at a time."""


class KeptSites:
    """Made by `open`. `server` should be one of its own: its feed takes a connection, and contents are large.
    `bytes_max` bounds what is kept in memory."""

    def __init__(self, server: CouchServer, database: str, bytes_max: int) -> None:
        self.bytes = 0
        """What is kept has so many."""
        self._server = server
        self._database = database
        self._bytes_max = bytes_max
        self._sites = Sites()
        self._docs: dict[str, Mapping[str, Any]] = {}
        self._kept: OrderedDict[tuple[str, str], PageFile] = OrderedDict()
        self._loading: dict[tuple[str, str], asyncio.Task[PageFile]] = {}
        self._mirror: Mirror

    @classmethod
    async def open(
        cls,
        server: CouchServer,
        *,
        database: str = DATABASE,
        cache: Path,
        bytes_max: int = KEPT_BYTES_MAX,
        wait_s: float = START_S,
    ) -> KeptSites:
        """Reads which sites there are and follows them. `cache` is a file that says it at a start without the
        database. Raises ServiceUnavailable."""
        kept = cls(server, database, bytes_max)
        kept._mirror = Mirror(server, database, kept, snapshot=cache, start_s=wait_s)
        await kept._mirror.open()
        return kept

    async def close(self) -> None:
        """Stops following, and waits for nothing more."""
        for task in (loading := list(self._loading.values())):
            task.cancel()
        if loading:
            await asyncio.wait(loading)
        await self._mirror.close()

    @property
    def is_current(self) -> bool:
        """The database answered the last request."""
        return self._mirror.is_live

    def find(self, raw_path: bytes) -> Found | Moved | None:
        """What is served at a path; see `Sites.find`."""
        return self._sites.find(raw_path)

    async def page(self, found: Found) -> PageFile:
        """The content of a file. Raises NotRun when it is not at hand and the database does not give it."""
        key = site.content_id(found.site.path, found.file.digest), found.file.name
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        loading = self._loading.get(key)
        if loading is None:
            if len(self._loading) >= LOADS_MAX:
                raise NotRun("Too many pages are being read from the region's database")
            loading = self._loading[key] = asyncio.create_task(self._load(key, found))
            loading.add_done_callback(lambda task: self._loaded(key, task))
        return await asyncio.shield(loading)

    async def _load(self, key: tuple[str, str], found: Found) -> PageFile:
        try:
            async with asyncio.timeout(LOAD_S):
                document = await self._server.ask(
                    "GET", path(self._database, key[0]), query={"attachments": "true"}
                )
        except (CouchgrassError, TimeoutError) as failed:
            told = failed.reason if isinstance(failed, CouchgrassError) else f"no answer in {LOAD_S:.0f} s"
            log.warning("the page %s can't be read: %s", found.file.name, told)
            raise NotRun("This region's database does not give the page") from failed
        content = site.content_from(document, found.file.digest)
        if content is None:
            log.warning("the page %s is not what was deployed", found.file.name)
            raise NotRun("This region's database does not have the page as it was deployed")
        # To zip some megabytes takes a while.
        return await asyncio.to_thread(page_file, found.file.name, content, found.file.media_type)

    def _loaded(self, key: tuple[str, str], task: asyncio.Task[PageFile]) -> None:
        self._loading.pop(key, None)
        if task.cancelled() or task.exception() is not None:
            return
        self._kept[key] = task.result()
        self.bytes += _bytes_of(task.result())
        while self.bytes > self._bytes_max:
            _, gone = self._kept.popitem(last=False)
            self.bytes -= _bytes_of(gone)

    # --- the mirror's view -------------------------------------------------------------------------

    def take(self, doc: Mapping[str, Any]) -> None:
        """A document as it is now; contents are none of the view's."""
        doc_id: str = doc["_id"]
        if not doc_id.startswith(site.SITES):
            return
        read = None if doc.get("_deleted") else site.from_document(doc)
        if read is None:
            self._docs.pop(doc_id, None)
            if not doc.get("_deleted"):
                log.warning("%s is no site that can be served", doc_id)
        else:
            self._docs[doc_id] = doc
        self._sites.put(doc_id, read)

    def keep_only(self, ids: frozenset[str]) -> None:
        """No other documents are there."""
        for doc_id in [one for one in self._docs if one not in ids]:
            del self._docs[doc_id]
            self._sites.put(doc_id, None)

    def documents(self) -> Iterable[Mapping[str, Any]]:
        """What a snapshot is to hold."""
        return list(self._docs.values())


def _bytes_of(file: PageFile) -> int:
    return len(file.body) + len(file.zipped)
