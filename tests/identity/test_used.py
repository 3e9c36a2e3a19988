"""A code works once."""

from __future__ import annotations

import pytest

from couchgrass.identity import used
from couchgrass.identity.used import UsedUp


def test_it_is_used_once_until_it_would_have_expired() -> None:
    codes = UsedUp()
    assert codes.use("a", 60.0, 0.0)
    assert not codes.use("a", 60.0, 59.0)
    assert codes.use("a", 120.0, 60.0)


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(used, "USED_MAX", 3)
    codes = UsedUp()
    for name in "abcd":
        assert codes.use(name, 60.0, 0.0)
    assert not codes.use("d", 60.0, 0.0)
    assert len(codes._until) <= 3
