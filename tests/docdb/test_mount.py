"""The form of what others in the process answer."""

from __future__ import annotations

import pytest

from couchgrass.docdb.access import ANONYMOUS, Right
from couchgrass.docdb.mount import Call, MountPoint, Told


async def answer(call: Call) -> Told:
    return Told(200, list(call.path))


def test_a_mount_is_for_server_admins_unless_it_says_otherwise() -> None:
    assert MountPoint(answer).right is Right.SERVER_ADMIN
    assert MountPoint(answer, None).right is None


def test_a_call_does_not_change_under_way() -> None:
    call = Call("GET", ("jobs",), {}, None, ANONYMOUS, {})
    with pytest.raises(AttributeError):
        call.ctx = ANONYMOUS  # type: ignore[misc]
