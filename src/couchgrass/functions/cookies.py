"""Cookies that no action is shown: the sessions of dashboards.

Pure. A browser sends the cookies of a host to all of its ports. Whoever is signed in to a region's dashboard
and opens an app on the same host would hand the session of a server admin to the app's web actions.
"""

from __future__ import annotations

from typing import Final

SESSIONS: Final = "couchgrass-"
"""How the names of dashboards' sessions begin; the region's name follows."""

_SESSIONS: Final = SESSIONS.encode()


def without_sessions(header: bytes) -> bytes:
    """What is left of a Cookie header, b"" when nothing is."""
    if _SESSIONS not in header:
        return header
    pairs = [pair.strip() for pair in header.split(b";")]
    return b"; ".join(pair for pair in pairs if pair and not pair.startswith(_SESSIONS))
