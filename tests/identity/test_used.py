"""A code works once, and so does a refresh token of a client without a secret."""

from __future__ import annotations

import pytest

from couchgrass.identity import used
from couchgrass.identity.used import GRACE_S, Rotation, UsedUp


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


def test_a_refresh_token_that_comes_again_ends_its_session() -> None:
    rotation = Rotation()
    assert rotation.use("first", "ada", 0.0)
    assert rotation.use("second", "ada", 10.0)
    assert not rotation.use("first", "ada", GRACE_S + 1)
    assert not rotation.use("third", "ada", GRACE_S + 2)
    assert rotation.use("other", "bob", GRACE_S + 2)


def test_a_session_that_was_ended_is_over() -> None:
    rotation = Rotation()
    rotation.end("ada")
    assert rotation.is_over("ada") and not rotation.is_over("bob")
    assert not rotation.use("first", "ada", 0.0)


def test_an_answer_that_was_lost_can_be_asked_for_again_at_once() -> None:
    rotation = Rotation()
    for now in (0.0, 1.0, GRACE_S):
        assert rotation.use("first", "ada", now)


def test_the_memory_of_refresh_tokens_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(used, "USED_MAX", 3)
    rotation = Rotation()
    for name in "abcdef":
        assert rotation.use(name, name, 0.0)
        assert not rotation.use(name, name, GRACE_S + 1)
    assert len(rotation._used_at) <= 3 and len(rotation._over) <= 3
