"""The AuthSession cookie."""

from __future__ import annotations

import base64
import hmac

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.session import (
    Session,
    Token,
    clear_cookie,
    cookie_value,
    mac_matches,
    parse_token,
    set_cookie,
    sign_token,
    verify_token,
)
from couchgrass.docdb.settings import ChttpdAuth
from couchgrass.errors import BadRequest

NOW = 1_700_000_000.5
AUTH = ChttpdAuth(secret="secret", timeout=600)

names = st.text(min_size=1).filter(lambda name: ":" not in name)


def verified(value: str, *, now: float = NOW, salt: str = "salt", auth: ChttpdAuth = AUTH) -> Session | None:
    return verify_token(parse_token(value), salt, now=now, auth=auth)


def test_a_token_is_what_couchdb_makes() -> None:
    mac = hmac.digest(b"secretsalt", b"anna:6553F100", "sha256")
    expected = base64.urlsafe_b64encode(b"anna:6553F100:" + mac).rstrip(b"=").decode()
    assert sign_token("anna", "salt", now=NOW, auth=AUTH) == expected


@given(names, st.text())
def test_a_fresh_token_verifies(name: str, salt: str) -> None:
    value = sign_token(name, salt, now=NOW, auth=AUTH)
    assert verified(value, salt=salt) == Session(name, 600, renew=False)


def test_a_token_ends_at_its_timeout() -> None:
    value = sign_token("anna", "salt", now=NOW, auth=AUTH)
    assert verified(value, now=NOW + 599) == Session("anna", 1, renew=True)
    assert verified(value, now=NOW + 600) is None


def test_a_token_is_renewed_once_a_tenth_of_its_time_is_over() -> None:
    value = sign_token("anna", "salt", now=NOW, auth=AUTH)
    assert verified(value, now=NOW + 60) == Session("anna", 540, renew=False)
    assert verified(value, now=NOW + 61) == Session("anna", 539, renew=True)


def test_another_secret_salt_or_name_does_not_verify() -> None:
    value = sign_token("anna", "salt", now=NOW, auth=AUTH)
    assert verified(value, salt="other") is None
    assert verified(value, auth=ChttpdAuth(secret="other")) is None
    token = parse_token(value)
    assert verify_token(Token("root", token.time, token.mac), "salt", now=NOW, auth=AUTH) is None


def test_without_a_secret_no_cookie_verifies() -> None:
    forged = base64.urlsafe_b64encode(b"anna:6553F100:" + hmac.digest(b"", b"anna:6553F100", "sha256"))
    assert verified(forged.decode(), salt="", auth=ChttpdAuth()) is None


def test_every_configured_hash_verifies_and_the_first_signs() -> None:
    old = sign_token("anna", "salt", now=NOW, auth=msgspec.structs.replace(AUTH, hash_algorithms=("sha",)))
    assert verified(old) is not None
    assert verified(old, auth=msgspec.structs.replace(AUTH, hash_algorithms=("sha256",))) is None
    assert len(parse_token(old).mac) == 20


def test_unknown_hashes_are_left_out_and_sha256_stands_for_none() -> None:
    mac = hmac.digest(b"k", b"m", "sha256")
    assert mac_matches(b"m", mac, b"k", ("whirlpool",))
    assert not mac_matches(b"m", mac, b"k", ("whirlpool", "sha512"))


@pytest.mark.parametrize("value", ["x", "!!!", "YW5uYQ", "YW5uYTox", "_zoxOng", "YTpiOmM=x", "\u20ac"])
def test_a_malformed_cookie_is_a_bad_request(value: str) -> None:
    with pytest.raises(BadRequest, match=r"Malformed AuthSession cookie\. Please clear your cookies\.$"):
        parse_token(value)


@pytest.mark.parametrize("time", ["", "-1", "0x10", "1_0", "zz", "F" * 17, "\u0661"])
def test_a_time_that_is_no_hexadecimal_number_does_not_verify(time: str) -> None:
    mac = hmac.digest(b"secretsalt", f"anna:{time}".encode(), "sha256")
    assert verify_token(Token("anna", time, mac), "salt", now=NOW, auth=AUTH) is None


@given(st.text())
def test_any_cookie_is_a_token_or_a_bad_request(value: str) -> None:
    try:
        token = parse_token(value)
    except BadRequest:
        return
    assert verify_token(token, "salt", now=NOW, auth=AUTH) is None


@given(st.integers(min_value=0), st.integers(1, 255))
def test_a_changed_byte_never_verifies(at: int, flip: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(sign_token("anna", "salt", now=NOW, auth=AUTH) + "=="))
    raw[at % len(raw)] ^= flip
    try:
        session = verified(base64.urlsafe_b64encode(raw).decode())
    except BadRequest:
        return
    # A digit of the time in lower case is another text of the same time; its HMAC differs too.
    assert session is None


def test_the_cookie_has_mochiweb_s_form() -> None:
    assert set_cookie("abc", now=0, secure=False, auth=AUTH) == (
        "AuthSession=abc; Version=1; Expires=Thu, 01 Jan 1970 00:10:00 GMT; Max-Age=600; Path=/; "
        "HttpOnly; SameSite=Lax"
    )


def test_the_cookie_has_every_configured_attribute() -> None:
    auth = ChttpdAuth(timeout=60, cookie_domain="example.com", same_site="strict")
    assert set_cookie("abc", now=1_700_000_000, secure=True, auth=auth) == (
        "AuthSession=abc; Version=1; Expires=Tue, 14 Nov 2023 22:14:20 GMT; Max-Age=60; Secure; "
        "Domain=example.com; Path=/; HttpOnly; SameSite=Strict"
    )


def test_a_cookie_that_may_not_persist_has_no_age() -> None:
    auth = ChttpdAuth(allow_persistent_cookies=False)
    assert (
        set_cookie("abc", now=0, secure=False, auth=auth)
        == "AuthSession=abc; Version=1; Path=/; HttpOnly; SameSite=Lax"
    )


def test_a_domain_can_t_carry_other_attributes() -> None:
    auth = ChttpdAuth(cookie_domain="a; HttpOnly=0\r\nX: y", allow_persistent_cookies=False)
    assert (
        set_cookie("", now=0, secure=False, auth=auth)
        == "AuthSession=; Version=1; Path=/; HttpOnly; SameSite=Lax"
    )


def test_logging_out_empties_the_cookie() -> None:
    assert clear_cookie(now=0, secure=False, auth=AUTH).startswith("AuthSession=; Version=1; ")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("AuthSession=abc", "abc"),
        ("a=b; AuthSession=abc; c=d", "abc"),
        ("a=b;AuthSession = abc", "abc"),
        ('AuthSession="a\\bc"', "abc"),
        ("AuthSession=abc==", "abc"),
        ("AuthSession=one; AuthSession=two", "one"),
        ("AuthSession=", None),
        ("AuthSession", None),
        ("XAuthSession=abc", None),
        ("AuthSession2=abc", None),
        ("other=AuthSession", None),
        ("", None),
    ],
)
def test_the_cookie_is_found_in_its_header(header: str, value: str | None) -> None:
    assert cookie_value(header) == value


@given(names, st.text(alphabet='abc=;, "\\'))
def test_a_set_cookie_comes_back_from_among_others(name: str, junk: str) -> None:
    value = sign_token(name, "", now=NOW, auth=AUTH)
    assert cookie_value(f"AuthSession={value}; x={junk}") == value
