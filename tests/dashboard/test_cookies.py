"""The database's session cookie under the browser's name, and back."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.dashboard.cookies import (
    VALUE_LENGTH_MAX,
    cleared_cookie,
    cookie_name,
    kept_cookie,
    sent_cookie,
    session_of,
)
from couchgrass.docdb.session import clear_cookie, cookie_value, set_cookie
from couchgrass.docdb.settings import ChttpdAuth

NAME = cookie_name("london")
VALUES = st.text("abcXYZ019-_.!", min_size=1, max_size=60)
NAMES = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,20}\Z")


@given(VALUES, NAMES, st.booleans(), st.booleans())
def test_a_session_comes_back_as_it_was_given(value: str, region: str, secure: bool, lasting: bool) -> None:
    auth = ChttpdAuth(allow_persistent_cookies=lasting, same_site="none", cookie_domain="example.org")
    given_cookie = set_cookie(value, now=1e9, secure=True, auth=auth)
    kept = kept_cookie(given_cookie, cookie_name(region), secure=secure)
    assert kept is not None
    pair, *attributes = kept.split("; ")
    assert session_of(f"other=1; {pair};AuthSession=else", cookie_name(region)) == value
    assert cookie_value(sent_cookie(value)) == value
    names = [attribute.partition("=")[0] for attribute in attributes]
    fixed = ["Path", "HttpOnly", "SameSite", *(["Secure"] if secure else [])]
    assert sorted(names) == sorted([*(["Expires", "Max-Age"] if lasting else []), *fixed])
    assert "SameSite=Strict" in attributes and "Path=/" in attributes


@given(st.text(max_size=80))
def test_nothing_else_gets_into_the_browser(text: str) -> None:
    for header in (text, f"AuthSession={text}", f"AuthSession=a; {text}", f"AuthSession=a; Max-Age={text}"):
        kept = kept_cookie(header, NAME, secure=False)
        if kept is not None:
            assert kept.startswith(f"{NAME}=") and kept.endswith("; Path=/; HttpOnly; SameSite=Strict")
            assert kept.count("; Path=") == 1 and kept.isprintable() and kept.isascii()


@given(st.text(max_size=80))
def test_any_cookie_header_can_be_read(text: str) -> None:
    found = session_of(f"{text};{NAME}=abc" if ";" not in text else text, NAME)
    assert found.isascii() and " " not in found and ";" not in found


@pytest.mark.parametrize(
    "header",
    [
        "",
        NAME,
        f"{NAME}x=1",
        f"x{NAME}=1",
        "AuthSession=1",
        f"{NAME}={'a' * (VALUE_LENGTH_MAX + 1)}",
        f"{NAME}=a b",
    ],
)
def test_a_header_without_our_cookie_has_no_session(header: str) -> None:
    assert session_of(header, NAME) == ""


@pytest.mark.parametrize(
    "cookie", ["other=1; Path=/", "couchgrass-london=1", "AuthSession", "AuthSession=a\r\nb"]
)
def test_cookies_of_anybody_else_are_dropped(cookie: str) -> None:
    assert kept_cookie(cookie, NAME, secure=False) is None


def test_a_session_that_ends_ends_in_the_browser() -> None:
    ended = kept_cookie(clear_cookie(now=0, secure=False, auth=ChttpdAuth()), NAME, secure=False)
    assert ended is not None and ended.startswith(f"{NAME}=; ")
    parsed = SimpleCookie(cleared_cookie(NAME, secure=True))[NAME]
    assert (parsed.value, parsed["max-age"], parsed["path"]) == ("", "0", "/")
    assert parsed["secure"] and parsed["httponly"] and parsed["samesite"] == "Strict"
