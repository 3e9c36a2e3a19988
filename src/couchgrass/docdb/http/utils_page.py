"""The page at ``/_utils/`` and the icon: what somebody sees who opens the server in a browser.

No script, nothing from elsewhere, and the style in a file of its own, so that the page works under the
strictest Content-Security-Policy.
"""

from __future__ import annotations

import base64
from html import escape
from typing import Final

from couchgrass import __version__
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import Answer, Headers, Response
from couchgrass.docdb.http.server_info import COUCHDB_VERSION
from couchgrass.errors import NotFound

_ICON: Final = base64.b64decode(
    "AAABAAEAICADAAEAAgC/AAAAFgAAAIlQTkcNChoKAAAADUlIRFIAAAAgAAAAIAIDAAAADhSSZwAAAAlQTFRFAAAAP51KLHQ6F3jd"
    "hAAAAAF0Uk5TAEDm2GYAAABkSURBVHjapcyxDYAwDARAY8mNJ4kyRUaIKCiYhoYR6F1GmZK8lYQG0fDVSa9/orcs3zgAIWLqULck"
    "Ct52GGANoYEBBbDWQ5IC3BAdJjnijovk6scT9cFaHPEcuCb2gW3CHPoDN/piI5F+TSubAAAAAElFTkSuQmCC"
)
"""Three blades of grass, 32 by 32 points, as a PNG in an ICO."""

_STYLE: Final = """\
:root { color-scheme: light dark; --ink: #1d2b22; --soft: #56655b; --paper: #f7faf7; --line: #d5e0d7;
  --green: #2c743a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3ece5; --soft: #9fb0a4; --paper: #131a15; --line: #2c3a30; --green: #7fce8b; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 2rem 1.25rem;
  background: var(--paper); color: var(--ink); font: 1rem/1.6 system-ui, sans-serif; }
main { max-width: 38rem; }
img { width: 48px; height: 48px; image-rendering: pixelated; }
h1 { margin: .5rem 0 0; font-size: 1.75rem; line-height: 1.2; }
p { margin: .75rem 0; }
.version { margin-top: .25rem; color: var(--soft); }
ul { list-style: none; margin: 1.5rem 0 0; padding: 0; border-top: 1px solid var(--line); }
li { display: grid; grid-template-columns: 14rem 1fr; gap: .25rem 1rem; padding: .6rem 0;
  border-bottom: 1px solid var(--line); }
@media (max-width: 32rem) { li { grid-template-columns: 1fr; } }
li a { font-family: ui-monospace, monospace; justify-self: start; }
a { color: var(--green); }
a:focus-visible { outline: 2px solid var(--green); outline-offset: 2px; }
"""

_LINKS: Final = (
    ("../", "what this server is"),
    ("../_up", "whether it takes requests"),
    ("../_all_dbs", "its databases, for administrators"),
    ("../_active_tasks", "what it does in the background, for administrators"),
    ("../_node/_local/_config", "its settings, for administrators"),
    ("../_node/_local/_stats", "what it counts, for administrators and metrics readers"),
)

_LIST: Final = "\n".join(
    f'<li><a href="{link}">{link.removeprefix("..")}</a> <span>{about}</span></li>' for link, about in _LINKS
)

_PAGE: Final = f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>couchgrass</title>
<link rel="icon" href="../favicon.ico">
<link rel="stylesheet" href="style.css">
</head>
<body>
<main>
<img src="../favicon.ico" alt="">
<h1>couchgrass is running</h1>
<p class="version">Version {escape(__version__)}, compatible with CouchDB {escape(COUCHDB_VERSION)}</p>
<p>This document database is used over its HTTP API. Any CouchDB client can talk to it at this address.</p>
<ul>
{_LIST}
</ul>
</main>
</body>
</html>
"""

_FILES: Final[dict[str, tuple[bytes, str]]] = {
    "": (_PAGE.encode(), "text/html; charset=utf-8"),
    "index.html": (_PAGE.encode(), "text/html; charset=utf-8"),
    "style.css": (_STYLE.encode(), "text/css; charset=utf-8"),
}


async def get_utils(request: Request) -> Answer:
    """GET /_utils and what is below it."""
    if request.path == ["_utils"] and not request.raw_path.endswith(b"/"):
        return Response(301, b"", (("location", "/_utils/"),), "text/plain")
    found = _FILES.get("/".join(request.path[1:]))
    if found is None:
        raise NotFound("missing")
    body, content_type = found
    headers: Headers = (("cache-control", "private, must-revalidate"), ("x-content-type-options", "nosniff"))
    csp = request.server.settings.csp
    if csp.utils_enable and csp.utils_header_value:
        headers = (*headers, ("content-security-policy", csp.utils_header_value))
    return Response(200, body, headers, content_type)


async def get_favicon(request: Request) -> Answer:
    """GET /favicon.ico"""
    return Response(200, _ICON, (("cache-control", "public, max-age=31536000"),), "image/x-icon")
