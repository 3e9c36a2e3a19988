"""Which cookies an action is shown."""

from __future__ import annotations

import pytest

from couchgrass.dashboard.cookies import cookie_name
from couchgrass.functions.cookies import without_sessions


@pytest.mark.parametrize(
    ("header", "left"),
    [
        (b"a=1; b=2", b"a=1; b=2"),
        (b"a=1; couchgrass-london=secret; b=2", b"a=1; b=2"),
        (b"couchgrass-london=secret;couchgrass-dallas=secret", b""),
        (b" couchgrass-a=secret ;a=couchgrass-b", b"a=couchgrass-b"),
        (b"", b""),
    ],
)
def test_a_dashboards_session_is_taken_out(header: bytes, left: bytes) -> None:
    assert without_sessions(header) == left


def test_it_is_the_dashboards_name_for_it() -> None:
    assert without_sessions(f"{cookie_name('london')}=secret".encode()) == b""
