"""Lock-out after failures, and the memory of what was verified."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.lockout import Hashed, Lockout, Verdict, Verified
from couchgrass.docdb.settings import AuthLockout
from couchgrass.errors import Forbidden

RULE = AuthLockout()
WHO = ("10.0.0.1", "anna", "salt")


def failed(lockout: Lockout, times: int, *, now: float = 0.0, rule: AuthLockout = RULE) -> Lockout:
    for _ in range(times):
        lockout.failed(*WHO, now=now, rule=rule)
    return lockout


def test_the_fifth_failure_locks_out() -> None:
    lockout = failed(Lockout(10), 4)
    lockout.check(*WHO, now=1, rule=RULE)
    failed(lockout, 1)
    with pytest.raises(Forbidden) as caught:
        lockout.check(*WHO, now=1, rule=RULE)
    reason = "Account is temporarily locked due to multiple authentication failures"
    assert (caught.value.status, caught.value.reason) == (403, reason)


@pytest.mark.parametrize(
    "other", [("10.0.0.2", "anna", "salt"), ("10.0.0.1", "bob", "salt"), ("10.0.0.1", "anna", "new")]
)
def test_only_the_same_peer_name_and_salt_are_locked_out(other: tuple[str, str, str]) -> None:
    assert failed(Lockout(10), 9).verdict(*other, now=0, rule=RULE) is Verdict.OPEN


def test_peers_and_names_are_not_confused() -> None:
    lockout = Lockout(10)
    for _ in range(5):
        lockout.failed("1", "2:3", "4", now=0, rule=RULE)
    assert lockout.verdict("1", "2", "3:4", now=0, rule=RULE) is Verdict.OPEN
    assert lockout.verdict("1", "2:3", "4", now=0, rule=RULE) is Verdict.LOCKED


def test_the_lock_ends_300_seconds_after_the_first_failure() -> None:
    lockout = failed(Lockout(10), 4, now=0)
    failed(lockout, 4, now=250)
    assert lockout.verdict(*WHO, now=300, rule=RULE) is Verdict.LOCKED
    assert lockout.verdict(*WHO, now=300.1, rule=RULE) is Verdict.OPEN
    failed(lockout, 4, now=301)
    assert lockout.verdict(*WHO, now=301, rule=RULE) is Verdict.OPEN
    failed(lockout, 1, now=302)
    assert lockout.verdict(*WHO, now=601, rule=RULE) is Verdict.LOCKED


def test_warn_lets_in_but_tells() -> None:
    rule = AuthLockout(mode="warn")
    lockout = failed(Lockout(10), 5, rule=rule)
    assert lockout.verdict(*WHO, now=0, rule=rule) is Verdict.WARN
    lockout.check(*WHO, now=0, rule=rule)


def test_off_counts_nothing() -> None:
    rule = AuthLockout(mode="off")
    lockout = failed(Lockout(10), 9, rule=rule)
    assert len(lockout) == 0
    assert failed(lockout, 9).verdict(*WHO, now=0, rule=rule) is Verdict.OPEN


def test_a_threshold_of_zero_does_not_lock_out_who_never_failed() -> None:
    rule = AuthLockout(threshold=0)
    lockout = failed(Lockout(10), 1, rule=rule)
    assert lockout.verdict("10.0.0.9", "anna", "salt", now=0, rule=rule) is Verdict.OPEN
    assert lockout.verdict(*WHO, now=0, rule=rule) is Verdict.LOCKED


def test_an_unknown_peer_is_never_locked_out() -> None:
    lockout = Lockout(10)
    for _ in range(9):
        lockout.failed("", "anna", "salt", now=0, rule=RULE)
    assert len(lockout) == 0


def test_the_longest_unfailed_entry_makes_room() -> None:
    lockout = failed(Lockout(2), 5)
    lockout.failed("p", "b", "", now=1, rule=RULE)
    failed(lockout, 1, now=2)
    lockout.failed("p", "c", "", now=3, rule=RULE)
    assert len(lockout) == 2
    assert lockout.verdict(*WHO, now=3, rule=RULE) is Verdict.LOCKED


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=60), st.integers(1, 5))
def test_the_lockout_is_bounded(attempts: list[tuple[str, str]], objects_max: int) -> None:
    lockout = Lockout(objects_max)
    for now, (peer, name) in enumerate(attempts):
        lockout.failed(peer, name, "", now=now, rule=RULE)
    assert len(lockout) <= objects_max


def remembering(**bounds: Any) -> Verified[str]:
    return Verified(b"k" * 32, **bounds)


def put(verified: Verified[str], header: bytes, name: str, now: float = 0.0) -> None:
    verified.put(header, name, f"ctx of {name}", generation=verified.generation(name), now=now)


def test_a_header_that_was_verified_is_remembered_for_its_lifetime() -> None:
    verified = remembering(lifetime_s=60)
    assert verified.get(b"Basic x", 0) is None
    put(verified, b"Basic x", "anna", now=10)
    assert verified.get(b"Basic x", 69.9) == "ctx of anna"
    assert verified.get(b"Basic x", 70) is None
    assert verified.get(b"Basic y", 10) is None


def test_forgetting_a_user_forgets_every_header_of_theirs_and_no_other() -> None:
    verified = remembering()
    for header, name in ((b"1", "anna"), (b"2", "anna"), (b"3", "bob")):
        put(verified, header, name)
    verified.forget("anna")
    assert [verified.get(header, 1) for header in (b"1", b"2", b"3")] == [None, None, "ctx of bob"]
    put(verified, b"1", "anna")
    assert verified.get(b"1", 1) == "ctx of anna"


def test_a_check_that_began_before_the_user_changed_is_not_remembered() -> None:
    verified = remembering()
    generation = verified.generation("anna")
    verified.forget("anna")
    verified.put(b"1", "anna", "old", generation=generation, now=0)
    assert verified.get(b"1", 0) is None
    cleared = verified.generation("anna")
    verified.clear()
    verified.put(b"1", "anna", "old", generation=cleared, now=0)
    assert verified.get(b"1", 0) is None


def test_a_header_that_comes_to_prove_another_user_is_no_longer_the_first_s() -> None:
    verified = remembering()
    put(verified, b"1", "anna")
    put(verified, b"1", "bob")
    verified.forget("anna")
    assert verified.get(b"1", 0) == "ctx of bob"


def test_the_oldest_header_makes_room() -> None:
    verified = remembering(objects_max=2)
    for header in (b"1", b"2", b"1", b"3"):
        put(verified, header, "anna")
    assert [verified.get(header, 1) is not None for header in (b"1", b"2", b"3")] == [True, False, True]


steps = st.lists(
    st.tuples(st.sampled_from(["put", "begin", "end", "forget", "clear"]), st.sampled_from("abcde")),
    max_size=80,
)


@given(steps, st.integers(1, 3))
def test_nothing_from_before_a_change_is_ever_answered(
    script: list[tuple[str, str]], objects_max: int
) -> None:
    verified: Verified[int] = Verified(b"k", objects_max=objects_max)
    passwords = dict.fromkeys("abcde", 0)
    begun: dict[str, tuple[int, int]] = {}
    for step, name in script:
        match step:
            case "put":
                generation = verified.generation(name)
                verified.put(name.encode(), name, passwords[name], generation=generation, now=0)
            case "begin":
                begun[name] = (verified.generation(name), passwords[name])
            case "end" if name in begun:
                generation, password = begun.pop(name)
                verified.put(name.encode(), name, password, generation=generation, now=0)
            case "forget":
                passwords[name] += 1
                verified.forget(name)
            case "clear":
                passwords = {each: password + 1 for each, password in passwords.items()}
                verified.clear()
        assert len(verified) <= objects_max
        assert all(verified.get(each.encode(), 0) in (None, passwords[each]) for each in "abcde")


CREDENTIALS = {
    "password_scheme": "pbkdf2",
    "pbkdf2_prf": "sha256",
    "salt": "s",
    "iterations": 9,
    "derived_key": "d",
}


def test_a_password_that_was_hashed_here_is_known_once() -> None:
    hashed = Hashed(b"k")
    hashed.made("secret", CREDENTIALS)
    assert not hashed.take("other", CREDENTIALS)
    for field, other in (("salt", "t"), ("derived_key", "e"), ("iterations", 10), ("pbkdf2_prf", "sha")):
        assert not hashed.take("secret", {**CREDENTIALS, field: other})
    assert hashed.take("secret", {**CREDENTIALS, "name": "anna"})
    assert not hashed.take("secret", CREDENTIALS)


def test_what_was_hashed_is_bounded_and_forgotten_with_the_settings() -> None:
    hashed = Hashed(b"k", objects_max=2)
    for password in ("1", "2", "3"):
        hashed.made(password, CREDENTIALS)
    hashed.made("4", {"password_scheme": "simple"})
    assert [hashed.take(password, CREDENTIALS) for password in ("1", "2")] == [False, True]
    hashed.clear()
    assert len(hashed) == 0
    assert not hashed.take("3", CREDENTIALS)
