"""Pages of apps over HTTP: GET and HEAD of what a deploy brought, below each app's path.

They are what is left when no API has a path. What is in memory is served whatever becomes of the region: it
is the same everywhere.
"""

from __future__ import annotations

from typing import Final

from couchgrass.errors import MethodNotAllowed
from couchgrass.gateway.site import REGIONS, Found, Moved
from couchgrass.gateway.store.sites import KeptSites
from couchgrass.serving.asgi import Answer, Header, Request
from couchgrass.serving.pages import GZIP_BYTES_MIN, answered, etag_of, headers_of, keep_of

METHODS: Final = ("GET", "HEAD")
_ANY_ORIGIN: Final[Header] = (b"access-control-allow-origin", b"*")


class PagesOfApps:
    """`sites` are those of the region."""

    def __init__(self, sites: KeptSites) -> None:
        self._sites = sites

    async def answer(self, request: Request) -> Answer | None:
        """None when there is no page at this path. Raises MethodNotAllowed, and NotRun for a page that can't
        be had here now."""
        found = self._sites.find(request.raw_path)
        if found is None:
            return None
        if request.method not in METHODS:
            raise MethodNotAllowed(*METHODS)
        if isinstance(found, Moved):
            return _moved(found, request)
        answer = _unchanged(found, request) or await self._whole(found, request)
        if found.file.name == REGIONS:
            answer.headers.append(_ANY_ORIGIN)
        return answer

    async def _whole(self, found: Found, request: Request) -> Answer:
        file = await self._sites.page(found)
        told = answered(file, found.site.csp, accepts=request.header(b"accept-encoding") or "")
        return Answer(200, told.body, _encoded([("content-type", told.media_type), *told.headers]))


def _unchanged(found: Found, request: Request) -> Answer | None:
    """304 for who has it already: nothing has to be read for that."""
    etag = etag_of(found.file.digest)
    if etag not in (request.header(b"if-none-match") or ""):
        return None
    varies = found.file.bytes >= GZIP_BYTES_MIN
    return Answer(
        304, headers=_encoded(headers_of(etag, keep_of(found.file.name), found.site.csp, varies=varies))
    )


def _moved(found: Moved, request: Request) -> Answer:
    query = b"?" + request.query_string if request.query_string else b""
    return Answer(308, headers=[(b"location", found.location.encode("ascii") + query)])


def _encoded(headers: list[tuple[str, str]]) -> list[Header]:
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
