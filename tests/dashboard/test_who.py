"""Who may do what below /_dashboard/."""

from __future__ import annotations

import pytest

from couchgrass.dashboard.who import NOBODY, WATCHED, Who, check_admin, check_may
from couchgrass.errors import CouchgrassError

ADMIN = Who("a", ("_admin",))
MONITOR = Who("m", ("_metrics",))
USER = Who("u", ("writer",))


def status(who: Who, method: str, path: bytes) -> int:
    try:
        check_may(who, method, path)
    except CouchgrassError as refused:
        return refused.status
    return 200


@pytest.mark.parametrize("path", sorted(WATCHED))
def test_who_monitors_sees_how_all_is(path: bytes) -> None:
    assert [status(who, "GET", path) for who in (ADMIN, MONITOR, USER, NOBODY)] == [200, 200, 403, 401]
    assert [status(who, "POST", path) for who in (ADMIN, MONITOR, USER, NOBODY)] == [200, 403, 403, 401]


@pytest.mark.parametrize("path", [b"/_dashboard/drills", b"/_dashboard/overview/", b"/_dashboard/overviews"])
def test_all_else_is_for_admins(path: bytes) -> None:
    assert [status(who, "GET", path) for who in (ADMIN, MONITOR, USER, NOBODY)] == [200, 403, 403, 401]


def test_an_admin_is_one() -> None:
    check_admin(ADMIN)
    for who in (MONITOR, USER, NOBODY):
        with pytest.raises(CouchgrassError, match="not a server admin"):
            check_admin(who)
