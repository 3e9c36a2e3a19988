"""One end of a replication: what is read, which credentials win, and that nothing shows them."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.errors import BadRequest
from couchgrass.replication.address import (
    Address,
    hide_password,
    parse_address,
    parse_proxies,
)

SECRETS = st.text(min_size=1, max_size=8).map("sEcReT".__add__)


def basic(username: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def auth(username: str, password: str) -> dict[str, Any]:
    return {"basic": {"username": username, "password": password}}


@pytest.mark.parametrize(
    "name", ["todos", "a/b-c+$(1)", "_users", "_replicator", "mine/_replicator", "x/_users"]
)
def test_a_name_is_a_local_database(name: str) -> None:
    address = parse_address(name)
    assert address == Address(database=name)
    assert address.shown == name


@pytest.mark.parametrize("name", ["", "Todos", "_private", "1st", "a b", "a?b"])
def test_what_no_database_can_be_called_is_refused(name: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_address(name)
    assert refused.value.error == "illegal_database_name"


@pytest.mark.parametrize(
    "value",
    [
        *("ftp://host/db", "http://", "http:///db", "http://h:99999/db", "http://h:0/db", "http://[::1/db"),
        *("http://h/db?x=1", "http://h/db#x", "http://h/db?", "http://h/a b", "http://h/\r\nx", "file:///db"),
        *(
            "user:pass@host/db",
            "user@host/db",
            {"url": "db"},
            {"url": 1},
            {},
            {"url": "ftp://h/db"},
            "http://two..dots/db",
            "http://h\\x/db",
            f"http://{'h' * 64}/db",
            1,
            [],
            True,
        ),
    ],
)
def test_what_is_no_url_is_refused_and_not_repeated(value: Any) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_address(value)
    assert refused.value.reason == "endpoint has an invalid url"


@pytest.mark.parametrize("url", ["http://h", "http://u:p@h:5984/", "https://h//"])
def test_a_url_names_a_database(url: str) -> None:
    with pytest.raises(BadRequest, match="names no database"):
        parse_address(url)


def test_an_end_that_is_not_there_is_missed() -> None:
    with pytest.raises(BadRequest, match=r"^Missing replicator database$"):
        parse_address(None)


@pytest.mark.parametrize(
    ("given_url", "url"),
    [
        ("http://host:5984/db", "http://host:5984/db"),
        ("http://host/db/", "http://host/db"),
        ("https://host/a%2Fb", "https://host/a%2Fb"),
        ("HTTPS://host/db", "https://host/db"),
        ("http://[::1]:5984/db", "http://[::1]:5984/db"),
        ("http://user:pa@ss@host/db", "http://host/db"),
        ("http://user@host/db", "http://host/db"),
    ],
)
def test_a_url_loses_its_credentials_and_its_last_slash(given_url: str, url: str) -> None:
    address = parse_address(given_url)
    assert address.url == url
    assert address.shown == url + "/"


@pytest.mark.parametrize(
    ("value", "username", "password"),
    [
        ({"url": "http://u:p@h/db"}, "u", "p"),
        ({"url": "http://u:p@h/db", "headers": basic("h", "hp")}, "u", "p"),
        ({"url": "http://u:p@h/db", "headers": basic("h", "hp"), "auth": auth("a", "ap")}, "a", "ap"),
        ({"url": "http://h/db", "headers": basic("h", "h:p")}, "h", "h:p"),
        ({"url": "http://h/db", "headers": {"authorization": "basic aDpw"}}, "h", "p"),
        ({"url": "http://u:p@h/db", "auth": {"basic": {}}}, "u", "p"),
        ({"url": "http://u:p@h/db", "auth": {"plugin": {"x": 1}}}, "u", "p"),
        ({"url": "http://u:@h/db"}, "u", ""),
        ({"url": "http://u@h/db"}, None, None),
        ({"url": "http://h/db", "headers": {"Authorization": "Basic bad"}}, None, None),
        ({"url": "http://a%40b:p%3A%2F@h/db"}, "a@b", "p:/"),
        ({"url": "http://u:%ff@h/db"}, "u", "%ff"),
    ],
)
def test_the_auth_object_goes_over_the_url_and_that_over_the_header(
    value: dict[str, Any], username: str | None, password: str | None
) -> None:
    address = parse_address(value)
    assert (address.username, address.password) == (username, password)
    assert address.headers == ()


def test_other_headers_are_kept_each_once_and_sorted() -> None:
    headers = {"X-B": "2", "x-b": "3", "X-A": "1", "Authorization": "Bearer t"}
    address = parse_address({"url": "http://h/db", "headers": headers})
    assert address.headers == (("Authorization", "Bearer t"), ("X-A", "1"), ("X-B", "2"))


@pytest.mark.parametrize(
    "extra",
    [
        {"headers": []},
        {"headers": {"X": 1}},
        {"headers": {"X": "a\r\nY: b"}},
        {"headers": {"X Y": "a"}},
        {"headers": {"": "a"}},
        {"auth": "secret"},
    ],
)
def test_headers_that_are_none_are_refused_and_not_repeated(extra: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_address({"url": "http://h/db", **extra})
    assert "secret" not in refused.value.reason and "\r" not in refused.value.reason


@pytest.mark.parametrize(
    "basic", [{"username": "a"}, {"password": "secret"}, {"username": "a", "password": None}, {"username": 1}]
)
@pytest.mark.parametrize("url", ["http://u:p@h/db", "http://h/db"])
def test_half_of_an_auth_object_does_not_sign_in_as_somebody_else(url: str, basic: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match=r"`auth\.basic` must have a `username` and a `password`") as refused:
        parse_address({"url": url, "auth": {"basic": basic}})
    assert "secret" not in refused.value.reason


@given(SECRETS, SECRETS)
def test_what_is_shown_and_printed_holds_no_secret(one: str, other: str) -> None:
    encoded = quote(one, safe="")
    value = {"url": f"http://u:{encoded}@h/db", "headers": {"X": "sEcReT"}, "auth": auth("u", other)}
    address = parse_address(value, proxy=f"http://u:{encoded}@proxy:1")
    for text in (repr(address), str(address), address.shown, str(address.shown_proxy)):
        assert "sEcReT" not in text


# --- proxies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "proxies"),
    [
        ({}, (None, None)),
        ({"proxy": ""}, (None, None)),
        ({"proxy": "http://p:1"}, ("http://p:1", "http://p:1")),
        ({"source_proxy": "https://p:1"}, ("https://p:1", None)),
        ({"target_proxy": "https://u:p@p:1"}, (None, "https://u:p@p:1")),
    ],
)
def test_one_proxy_is_for_both_ends_or_each_has_its_own(body: Any, proxies: Any) -> None:
    assert parse_proxies(body) == proxies


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            {"proxy": "http://p", "source_proxy": "http://q"},
            "`proxy` is mutually exclusive with `source_proxy`",
        ),
        (
            {"proxy": "http://p", "target_proxy": "http://q"},
            "`proxy` is mutually exclusive with `target_proxy`",
        ),
        ({"proxy": 5}, "Invalid proxy url"),
        ({"source_proxy": None}, "Invalid proxy url"),
        ({"proxy": "ftp://p"}, "proxy has an invalid url"),
        ({"proxy": "socks5://p"}, "proxy has an invalid url"),
        ({"proxy": "secret@p"}, "proxy has an invalid url"),
    ],
)
def test_proxies_that_are_none_are_refused(body: Any, reason: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_proxies(body)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://u:p@sproxy:12", "http://u:*****@sproxy:12"),
        ("https://u:p@tproxy:34", "https://u:*****@tproxy:34"),
        ("http://u@proxy", "http://u@proxy"),
        ("http://proxy:1/", "http://proxy:1/"),
        ("http://u:p@q:r@proxy", "http://u:*****@proxy"),
    ],
)
def test_a_password_is_shown_as_stars(url: str, shown: str) -> None:
    assert hide_password(url) == shown


@given(SECRETS, st.sampled_from(["http://", "https://", ""]))
def test_no_spelling_of_a_password_stays_in_a_url(secret: str, scheme: str) -> None:
    assert "sEcReT" not in hide_password(f"{scheme}user:{secret}@host/db")
