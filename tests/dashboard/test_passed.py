"""Headers that go on, and headers that come back."""

from __future__ import annotations

import pytest

from couchgrass.dashboard.passed import LOCAL, POLICY, client_of, found_at, given_headers, sent_headers

BASE = "https://couch.example/couchdb"


def test_what_a_server_needs_goes_on() -> None:
    headers = [
        (b"accept", b"application/json"),
        (b"content-type", b"image/png"),
        (b"content-length", b"7"),
        (b"if-match", b"1-a"),
        (b"destination", b"copy"),
        (b"range", b"bytes=1-"),
        (b"last-event-id", b"3"),
    ]
    assert sent_headers(headers) == headers


def test_what_concerns_only_us_or_could_sign_in_does_not() -> None:
    dropped = (
        "authorization cookie host origin referer expect connection te upgrade keep-alive "
        "proxy-authorization x-forwarded-for x-real-ip forwarded sec-fetch-site sec-ch-ua "
        "x-auth-couchdb-username x-auth-couchdb-roles x-couchgrass-dashboard x-couchgrass-namespace "
        "access-control-request-method"
    )
    assert sent_headers([(name.encode(), b"x") for name in dropped.split()]) == []


def test_headers_that_connection_names_go_no_further() -> None:
    headers = [(b"connection", b"close, X-Mine"), (b"x-mine", b"1"), (b"x-other", b"2")]
    assert sent_headers(headers) == [(b"x-other", b"2")]
    given = given_headers(headers, base=BASE, prefix="/couch")
    assert [name for name, _ in given if name.startswith(b"x-")] == [b"x-other", b"x-content-type-options"]


def test_a_body_has_one_length() -> None:
    headers = [(b"transfer-encoding", b"chunked"), (b"content-length", b"5")]
    assert sent_headers(headers) == []


def test_an_answer_speaks_for_nobody_but_itself() -> None:
    wanted = [(b"ETag", b'"1-a"'), (b"Content-Type", b"text/html"), (b"Content-Encoding", b"gzip")]
    dropped = (
        "Set-Cookie WWW-Authenticate Content-Security-Policy X-Frame-Options Access-Control-Allow-Origin "
        "Access-Control-Allow-Credentials Clear-Site-Data Service-Worker-Allowed "
        "Strict-Transport-Security Refresh Alt-Svc Cross-Origin-Opener-Policy "
        "Referrer-Policy SourceMap Date Transfer-Encoding Connection"
    )
    headers = [*wanted, *((name.encode(), b"x") for name in dropped.split())]
    given = given_headers(headers, base=BASE, prefix="/couch")
    assert given == [*((name.lower(), value) for name, value in wanted), *POLICY]
    assert dict(POLICY)[b"content-security-policy"] == b"sandbox; default-src 'none'"


@pytest.mark.parametrize(
    ("location", "here"),
    [
        ("https://couch.example/couchdb/todos/1", "/couch/todos/1"),
        ("https://couch.example/couchdb/_utils/?a=1", "/couch/_utils/?a=1"),
        ("/couchdb/todos", "/couch/todos"),
        ("/todos", "/couch/todos"),
        ("https://couch.example/couchdb", "/couch/"),
        ("https://elsewhere.example/todos", "https://elsewhere.example/todos"),
        ("//elsewhere.example/todos", "//elsewhere.example/todos"),
        ("next", "next"),
        ("http://[", "http://["),
    ],
)
def test_a_location_is_where_it_is_found_here(location: str, here: str) -> None:
    assert found_at(location, BASE, "/couch") == here
    assert (b"location", here.encode()) in given_headers(
        [(b"Location", location.encode())], base=BASE, prefix="/couch"
    )


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "127.0.0.1", "192.0.2.1"),
        ("127.0.0.1", "127.0.0.1, 192.0.2.1", "192.0.2.1"),
        ("::1", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.1", None, LOCAL),
        ("127.0.0.1", "::ffff:127.0.0.1", LOCAL),
        ("127.0.0.1", "192.0.2.1,", LOCAL),
        ("127.0.0.1", "a b", LOCAL),
    ],
)
def test_a_client_is_who_connects_or_whom_a_proxy_on_this_machine_saw(
    peer: str, forwarded: str | None, client: str
) -> None:
    assert client_of(peer, forwarded) == client
