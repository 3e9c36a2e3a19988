"""CORS as the API says: the gateway's headers, none, or the action's own."""

from __future__ import annotations

from couchgrass.gateway.api import Cors
from couchgrass.gateway.cors import EXPOSED, cors_headers, preflight_headers, with_cors

ACTIONS = [
    (b"content-type", b"text/plain"),
    (b"access-control-allow-origin", b"https://only.example"),
    (b"access-control-allow-methods", b"GET"),
    (b"access-control-allow-headers", b"X-Own"),
    (b"access-control-max-age", b"5"),
]


def test_enabled_replaces_three_headers_and_leaves_the_rest() -> None:
    assert dict(with_cors(Cors.ENABLED, ACTIONS, {})) == {
        b"content-type": b"text/plain",
        b"access-control-allow-headers": b"X-Own",
        b"access-control-max-age": b"5",
        b"access-control-allow-origin": b"*",
        b"access-control-allow-methods": b"GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS",
        b"access-control-allow-credentials": b"true",
        b"access-control-expose-headers": EXPOSED,
    }


def test_what_the_action_lets_scripts_read_they_may_read_beside_what_the_gateway_says() -> None:
    found = with_cors(Cors.ENABLED, [(b"access-control-expose-headers", b"ETag")], {})
    assert dict(found)[b"access-control-expose-headers"] == EXPOSED + b", ETag"
    assert len([name for name, _ in found if name == b"access-control-expose-headers"]) == 1


def test_the_origin_is_echoed_and_caches_are_told() -> None:
    found = dict(cors_headers({b"origin": b"https://a.example"}))
    assert found[b"access-control-allow-origin"] == b"https://a.example"
    assert found[b"vary"] == b"Origin"


def test_disabled_takes_all_away() -> None:
    assert with_cors(Cors.DISABLED, ACTIONS, {b"origin": b"x"}) == [(b"content-type", b"text/plain")]


def test_untouched_is_untouched() -> None:
    assert with_cors(Cors.UNTOUCHED, ACTIONS, {b"origin": b"x"}) == ACTIONS


def test_a_preflight_is_allowed_the_headers_that_it_asks_for() -> None:
    found = dict(preflight_headers({b"access-control-request-headers": b"x-a, x-b"}))
    assert found[b"access-control-allow-headers"] == b"x-a, x-b"
    assert b"access-control-allow-headers" not in dict(preflight_headers({}))
