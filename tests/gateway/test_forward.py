"""What the functions are sent, and what of their answer comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.gateway.api import Operation, Target
from couchgrass.gateway.forward import (
    Caller,
    Header,
    Trust,
    answer_headers,
    forwarded,
    request_head,
    target_of,
)

HTTP = Target(b"/api/v1/web/g/p/a.http", True)
JSON = Target(b"/api/v1/web/g/p/a.json", False)
STRANGER = Caller("192.0.2.7", False, b"http", b"own:80")
BALANCER = Caller("127.0.0.1", True, b"http", b"own:80")


@pytest.mark.parametrize(
    ("target", "below", "rest", "query", "wanted"),
    [
        (HTTP, b"/v1/todo/42", b"/42", b"", b"/api/v1/web/g/p/a.http/v1/todo/42"),
        (HTTP, b"/v1//todo/", b"/", b"a=1&b", b"/api/v1/web/g/p/a.http/v1//todo/?a=1&b"),
        (JSON, b"/v1/todo/42", b"/42", b"", b"/api/v1/web/g/p/a.json/42"),
        (JSON, b"/v1/todo", b"", b"x=%20", b"/api/v1/web/g/p/a.json?x=%20"),
        (
            HTTP,
            b"/v1/a b#\r\n\xc3\xa9",
            b"",
            b"q\r\n=1",
            b"/api/v1/web/g/p/a.http/v1/a%20b%23%0D%0A%C3%A9?q%0D%0A=1",
        ),
    ],
)
def test_the_path_that_the_action_sees(
    target: Target, below: bytes, rest: bytes, query: bytes, wanted: bytes
) -> None:
    assert target_of(target, below, rest, query) == wanted


@given(st.binary(max_size=60), st.binary(max_size=60), st.booleans())
def test_no_path_breaks_out_of_the_request_line(path: bytes, query: bytes, takes_path: bool) -> None:
    target = target_of(Target(b"/x", takes_path), b"/" + path, path, query)
    assert all(0x20 < byte < 0x7F for byte in target) and b"#" not in target


PLAIN = Operation(HTTP)


def head(headers: list[Header], operation: Operation = PLAIN, more: tuple[Header, ...] = ()) -> bytes:
    return request_head(b"GET", b"/t", b"fn:1", headers, more, operation)


def test_the_session_of_a_dashboard_goes_to_no_action() -> None:
    sent = head([(b"cookie", b"a=1; couchgrass-london=secret"), (b"cookie", b"couchgrass-dallas=secret")])
    assert b"cookie: a=1\r\n" in sent and b"secret" not in sent and sent.count(b"cookie") == 1


def test_headers_pass_but_for_those_of_the_connection_and_ours() -> None:
    sent = head(
        [
            (b"host", b"public"),
            (b"accept", b"a"),
            (b"accept", b"b"),
            (b"authorization", b"Bearer x"),
            (b"connection", b"close, X-Hop"),
            (b"x-hop", b"1"),
            (b"te", b"trailers"),
            (b"transfer-encoding", b"chunked"),
            (b"content-length", b"5"),
            (b"expect", b"100-continue"),
            (b"x-forwarded-url", b"http://evil/"),
        ],
        more=((b"x-forwarded-url", b"http://good/"),),
    )
    assert sent == (
        b"GET /t HTTP/1.1\r\nhost: fn:1\r\naccept: a\r\naccept: b\r\nauthorization: Bearer x\r\n"
        b"x-forwarded-url: http://good/\r\n\r\n"
    )


def test_a_header_that_the_api_sets_replaces_the_callers() -> None:
    operation = Operation(HTTP, sets=((b"x-require-whisk-auth", b"secret"),))
    sent = head([(b"x-require-whisk-auth", b"guess"), (b"a", b"b")], operation)
    assert sent.count(b"x-require-whisk-auth") == 1 and b"x-require-whisk-auth: secret\r\n" in sent


def test_the_public_url_has_port_path_and_query() -> None:
    found = dict(forwarded(STRANGER, {b"host": b"api.example:8443"}, b"/api/g/v1//todo/?a=1"))
    assert found[b"x-forwarded-url"] == b"http://api.example:8443/api/g/v1//todo/?a=1"
    assert found[b"x-forwarded-host"] == b"api.example:8443"
    assert found[b"x-forwarded-for"] == b"192.0.2.7"
    assert found[b"x-forwarded-proto"] == b"http"


LIES = {
    b"host": b"inner:9",
    b"x-forwarded-proto": b"https, http",
    b"x-forwarded-host": b"api.example, inner",
    b"x-forwarded-prefix": b"/eu/",
    b"x-forwarded-uri": b"/v1/todo?a=1",
    b"x-forwarded-for": b"203.0.113.9",
}


def test_a_trusted_caller_is_believed() -> None:
    found = dict(forwarded(BALANCER, LIES, b"/api/g/v1/todo"))
    assert found[b"x-forwarded-url"] == b"https://api.example/eu/v1/todo?a=1"
    assert found[b"x-forwarded-for"] == b"203.0.113.9, 127.0.0.1"


def test_a_stranger_is_not() -> None:
    found = dict(forwarded(STRANGER, LIES, b"/api/g/v1/todo"))
    assert found[b"x-forwarded-url"] == b"http://inner:9/api/g/v1/todo"
    assert found[b"x-forwarded-for"] == b"192.0.2.7"
    assert b"x-forwarded-prefix" not in found


@pytest.mark.parametrize(
    ("host", "port", "proto", "wanted"),
    [
        (b"a.example", b"8443", b"https", b"https://a.example:8443/"),
        (b"a.example", b"443", b"https", b"https://a.example/"),
        (b"a.example:1", b"8443", b"https", b"https://a.example:1/"),
        (b"[::1]", b"8080", b"http", b"http://[::1]:8080/"),
        (b"a.example", b"x", b"http", b"http://a.example/"),
    ],
)
def test_the_forwarded_port_counts_where_the_host_has_none(
    host: bytes, port: bytes, proto: bytes, wanted: bytes
) -> None:
    headers = {b"x-forwarded-host": host, b"x-forwarded-port": port, b"x-forwarded-proto": proto}
    assert dict(forwarded(BALANCER, headers, b"/"))[b"x-forwarded-url"] == wanted


def test_who_is_trusted() -> None:
    trust = Trust()
    assert "127.0.0.1" in trust and "::1" in trust and "::ffff:127.0.0.1" in trust
    assert "192.0.2.7" not in trust and "" not in trust and "unix" not in trust
    assert "10.1.2.3" in Trust(("10.0.0.0/8",))
    assert "127.0.0.1" not in Trust(())


def test_an_answer_comes_back_as_it_was() -> None:
    given_ = [
        (b"set-cookie", b"a"),
        (b"set-cookie", b"b"),
        (b"connection", b"keep-alive, x-hop"),
        (b"x-hop", b"1"),
        (b"transfer-encoding", b"chunked"),
        (b"content-length", b"3"),
    ]
    assert answer_headers(given_) == [(b"set-cookie", b"a"), (b"set-cookie", b"b"), (b"content-length", b"3")]
