"""The CORS headers of web actions."""

from __future__ import annotations

import pytest

from couchgrass.functions.webaction_cors import cors_headers, with_cors

ORIGIN = (b"access-control-allow-origin", b"*")
METHODS = (b"access-control-allow-methods", b"OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH")
HEADERS = (
    b"access-control-allow-headers",
    b"Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent",
)


def test_there_are_defaults() -> None:
    assert list(cors_headers(None)) == [ORIGIN, METHODS, HEADERS]


def test_the_headers_asked_for_are_echoed() -> None:
    assert cors_headers(b"x-custom, X-Other")[2] == (HEADERS[0], b"x-custom, X-Other")


@pytest.mark.parametrize("asked", [b"", b"a\r\nset-cookie: b", b"a;b", b"\xff", b"a: b"])
def test_what_is_no_list_of_names_is_not_echoed(asked: bytes) -> None:
    assert cors_headers(asked)[2] == HEADERS


def test_the_actions_own_value_counts() -> None:
    own = [(b"access-control-allow-origin", b"https://a.example"), (b"x", b"y")]
    assert with_cors(cors_headers(None), list(own)) == [METHODS, HEADERS, *own]


def test_without_cors_headers_nothing_changes() -> None:
    assert with_cors((), [(b"x", b"y")]) == [(b"x", b"y")]
