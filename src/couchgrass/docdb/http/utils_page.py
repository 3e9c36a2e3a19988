"""The pages at ``/_utils/`` and the icon: what somebody sees who opens the server in a browser."""

from __future__ import annotations

import base64
from typing import Final

from couchgrass import __version__
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import Answer, Headers, Response, json_response
from couchgrass.errors import NotFound
from couchgrass.serving.pages import DASHBOARD, built

_ICON: Final = base64.b64decode(
    "AAABAAEAICADAAEAAgC/AAAAFgAAAIlQTkcNChoKAAAADUlIRFIAAAAgAAAAIAIDAAAADhSSZwAAAAlQTFRFAAAAP51KLHQ6F3jd"
    "hAAAAAF0Uk5TAEDm2GYAAABkSURBVHjapcyxDYAwDARAY8mNJ4kyRUaIKCiYhoYR6F1GmZK8lYQG0fDVSa9/orcs3zgAIWLqULck"
    "Ct52GGANoYEBBbDWQ5IC3BAdJjnijovk6scT9cFaHPEcuCb2gW3CHPoDN/piI5F+TSubAAAAAElFTkSuQmCC"
)
"""Three blades of grass, 32 by 32 points, as a PNG in an ICO."""

CONFIG: Final = "config.json"
"""What the pages ask for first: which server this is."""


async def get_utils(request: Request) -> Answer:
    """GET /_utils and what is below it: the dashboard, of which a database server has the pages that need
    CouchDB's API alone. Raises NotFound, ServiceUnavailable where it was not built."""
    if request.path == ["_utils"] and not request.raw_path.endswith(b"/"):
        return Response(301, b"", (("location", "/_utils/"),), "text/plain")
    path = "/".join(request.path[1:])
    if path == CONFIG:
        told = {"mode": "database", "version": __version__, "couch": "../", **request.server.belongs_to()}
        return json_response(told, headers=(("cache-control", "no-store"),))
    accepts, known = request.header(b"accept-encoding") or "", request.header(b"if-none-match") or ""
    found = built(DASHBOARD).find(path, accepts=accepts, known=known)
    if found is None:
        raise NotFound("missing")
    headers: Headers = found.headers
    csp = request.server.settings.csp
    if csp.utils_enable and csp.utils_header_value:
        # A browser obeys both: a policy that is set here can only take more away.
        headers = [
            (name, f"{value}, {csp.utils_header_value}" if name == "content-security-policy" else value)
            for name, value in headers
        ]
    return Response(found.status, found.body, headers, found.media_type)


async def get_favicon(request: Request) -> Answer:
    """GET /favicon.ico"""
    return Response(200, _ICON, (("cache-control", "public, max-age=31536000"),), "image/x-icon")
