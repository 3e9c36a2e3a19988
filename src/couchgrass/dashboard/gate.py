"""Which requests come from our own pages: all that acts, or shows what a session may see, is for them alone.

Pure. A page elsewhere can make a browser send requests with a user's cookie, but neither with a header of
its choice nor with a `Sec-Fetch-Site` that says that they are ours; we answer no CORS preflight. A link of
ours that is followed, as to an attachment, can't have the header: then the browser says that it is a
navigation that began here. Specification: "Fetch Metadata Request Headers", W3C.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from couchgrass.errors import Forbidden

HEADER: Final = b"x-couchgrass-dashboard"

_SITE: Final = b"sec-fetch-site"
_MODE: Final = b"sec-fetch-mode"
_OWN: Final = frozenset({b"same-origin", b"none"})
"""From our origin, or from the user alone. Another port of this host is "same-site", and not ours."""


def check_own(method: str, headers: Mapping[bytes, bytes]) -> None:
    """Raises Forbidden for what may be somebody else's doing. Header names are in lower case."""
    site = headers.get(_SITE)
    if site is not None and site not in _OWN:
        raise Forbidden("This is for the dashboard's own pages; the request comes from another site's.")
    if HEADER in headers:
        return
    is_link = method in ("GET", "HEAD") and headers.get(_MODE) == b"navigate"
    if not (is_link and site == b"same-origin"):
        raise Forbidden(f"This is for the dashboard's own pages: send the header {HEADER.decode()}: 1.")
