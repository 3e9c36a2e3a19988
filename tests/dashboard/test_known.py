"""Whose sessions are known, and for how long."""

from __future__ import annotations

from couchgrass.dashboard.known import FRESH_S, KEPT_S, SESSIONS_MAX, SILENT_S, Known
from couchgrass.dashboard.who import NOBODY, Who

ADMIN = Who("a", ("_admin",))


def test_who_was_verified_is_fresh_for_a_moment_and_kept_for_longer() -> None:
    known = Known(b"s")
    key = known.key("session", "")
    assert known.fresh(key, 0) is known.kept(key, 0) is None
    known.answered(key, ADMIN, 100.0)
    assert known.fresh(key, 100 + FRESH_S / 2) == ADMIN
    assert known.fresh(key, 100 + FRESH_S) is None
    assert known.kept(key, 100 + KEPT_S / 2) == ADMIN
    assert known.kept(key, 100 + KEPT_S) is None


def test_the_databases_last_word_counts() -> None:
    known = Known(b"s")
    key = known.key("session", "")
    known.answered(key, ADMIN, 0)
    known.answered(key, NOBODY, 1)
    assert known.kept(key, 2) == NOBODY
    known.forget(key)
    assert known.kept(key, 2) is None


def test_a_silent_database_is_asked_again_after_a_moment_or_once_it_answered() -> None:
    known = Known(b"s")
    assert not known.is_silent(0)
    known.lost(0)
    assert known.is_silent(SILENT_S / 2) and not known.is_silent(SILENT_S)
    known.lost(10)
    known.answered(known.key("other", ""), ADMIN, 10)
    assert not known.is_silent(10)


def test_sessions_and_passwords_are_told_apart_and_not_kept() -> None:
    known = Known(b"s")
    keys = {known.key(*pair) for pair in (("a", ""), ("", "a"), ("b", ""), ("a", "b"))}
    assert len(keys) == 4
    assert known.key("a", "") != Known(b"other").key("a", "")


def test_it_is_bounded_and_the_oldest_go_first() -> None:
    known = Known(b"s")
    keys = [known.key(str(number), "") for number in range(SESSIONS_MAX + 2)]
    for key in keys[:SESSIONS_MAX]:
        known.answered(key, ADMIN, 0)
    known.answered(keys[0], ADMIN, 1)
    for key in keys[SESSIONS_MAX:]:
        known.answered(key, ADMIN, 1)
    assert len(known) == SESSIONS_MAX
    assert known.kept(keys[0], 1) == ADMIN
    assert known.kept(keys[1], 1) is known.kept(keys[2], 1) is None


def test_those_who_may_watch_make_no_room_for_others() -> None:
    known = Known(b"s")
    admin = known.key("admin", "")
    known.answered(admin, ADMIN, 0)
    for number in range(SESSIONS_MAX + 2):
        known.answered(known.key(str(number), ""), NOBODY, 1)
    assert known.kept(admin, 1) == ADMIN
    assert len(known) == SESSIONS_MAX + 1
