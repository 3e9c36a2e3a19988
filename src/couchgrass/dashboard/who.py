"""Who asks, and what they may see and do below /_dashboard/.

Pure. Names and roles are the database's, as its /_session tells them.
"""

from __future__ import annotations

from typing import Final

import msgspec

from couchgrass.errors import Forbidden, Unauthorized

ADMIN: Final = "_admin"
METRICS: Final = "_metrics"
"""CouchDB's role for monitoring: it sees, and changes nothing."""

WATCHED: Final = frozenset(
    {b"/_dashboard/overview", b"/_dashboard/overview/feed", b"/_dashboard/history"},
)
"""What the role for monitoring may read."""


class Who(msgspec.Struct, frozen=True):
    """A user of the region's database; `name` None: nobody."""

    name: str | None = None
    roles: tuple[str, ...] = ()

    @property
    def is_admin(self) -> bool:
        """A server admin."""
        return ADMIN in self.roles

    @property
    def may_watch(self) -> bool:
        """May see how all is."""
        return self.is_admin or METRICS in self.roles


NOBODY: Final = Who()


def check_may(who: Who, method: str, path: bytes) -> None:
    """Raises Unauthorized for nobody, Forbidden for who may not do this below /_dashboard/."""
    if method in ("GET", "HEAD") and path in WATCHED:
        if not who.may_watch:
            _refuse(who, "You are not a server admin, and have not the role _metrics.")
    elif not who.is_admin:
        _refuse(who, "You are not a server admin.")


def check_admin(who: Who) -> None:
    """Raises Unauthorized for nobody, Forbidden for anybody but server admins."""
    if not who.is_admin:
        _refuse(who, "You are not a server admin.")


def _refuse(who: Who, reason: str) -> None:
    raise Unauthorized(reason) if who.name is None else Forbidden(reason)
