"""CORS: what a preflight and any other answer carry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.cors import ALLOW_METHODS, Cors, CorsPolicy, Headers, answer_headers, preflight

PAGE = "http://example.com"
ONE = Cors(enabled=True, policy=CorsPolicy(origins=(PAGE,)))
ANY = Cors(enabled=True, policy=CorsPolicy(origins=("*",)))


def asked(
    cors: Cors, origin: str | None = PAGE, host: str = "db.example:5984", **headers: str
) -> Headers | None:
    """The answer to an OPTIONS request that asks for GET unless told otherwise."""
    request = {"access-control-request-method": "GET"}
    request |= {name.replace("_", "-"): text for name, text in headers.items()}
    if origin is not None:
        request["origin"] = origin
    return preflight(cors, method="OPTIONS", headers=request, host=host)


def answered(cors: Cors, origin: str | None = PAGE, host: str = "db.example", *sent: str) -> dict[str, str]:
    return dict(answer_headers(cors, origin=origin, host=host, sent=sent))


def test_cors_that_is_off_changes_nothing() -> None:
    off = Cors(policy=CorsPolicy(origins=("*",)))
    assert asked(off) is None
    assert answered(off) == {}


def test_no_origin_is_accepted_until_one_is_listed() -> None:
    closed = Cors(enabled=True)
    assert asked(closed) is None
    assert "Access-Control-Allow-Origin" not in answered(closed)


@pytest.mark.parametrize("cors", [ONE, ANY])
def test_a_preflight_of_an_accepted_origin_says_what_it_may(cors: Cors) -> None:
    assert dict(asked(cors) or ()) == {
        "Access-Control-Allow-Origin": PAGE,
        "Access-Control-Max-Age": "600",
        "Access-Control-Allow-Methods": ", ".join(ALLOW_METHODS),
        "Access-Control-Allow-Headers": "",
        "Vary": "Origin",
    }


def test_the_headers_asked_for_are_echoed_when_all_are_allowed() -> None:
    answer = dict(asked(ONE, access_control_request_headers="Accept-Language, X-Couch-Id") or ())
    assert answer["Access-Control-Allow-Headers"] == "Accept-Language, X-Couch-Id"


@pytest.mark.parametrize(
    "refused",
    [
        asked(ONE, origin="http://other.example"),
        asked(ONE, origin="https://example.com"),
        asked(ONE, origin="http://example.com:5984"),
        asked(ONE, origin="http://EXAMPLE.com"),
        asked(ONE, origin=None),
        asked(ONE, access_control_request_method="PATCH"),
        asked(ONE, access_control_request_method="get"),
        asked(ONE, access_control_request_headers="Accept, X-Unknown"),
        preflight(ONE, method="OPTIONS", headers={"origin": PAGE}, host="h"),
        preflight(
            ONE, method="GET", headers={"origin": PAGE, "access-control-request-method": "GET"}, host="h"
        ),
    ],
)
def test_what_goes_beyond_the_policy_is_no_preflight(refused: Headers | None) -> None:
    assert refused is None


def test_configured_methods_headers_and_age_replace_the_defaults() -> None:
    policy = CorsPolicy(origins=(PAGE,), methods=("GET", "PUT"), headers=("extra",), max_age=300)
    cors = Cors(enabled=True, policy=policy)
    answer = dict(asked(cors, access_control_request_headers="Extra") or ())
    assert answer["Access-Control-Allow-Methods"] == "GET, PUT"
    assert answer["Access-Control-Max-Age"] == "300"
    assert asked(cors, access_control_request_headers="accept") is None
    assert asked(cors, access_control_request_method="POST") is None


def test_an_answer_to_an_accepted_origin_exposes_couchdbs_headers() -> None:
    answer = answered(ONE, PAGE, "h", "Cache-Control", "Content-Type", "ETag", "X-Other")
    assert answer == {
        "Access-Control-Allow-Origin": PAGE,
        "Access-Control-Expose-Headers": "content-type, cache-control, accept-ranges, etag, server, "
        "x-couch-request-id, x-couch-update-newrev, x-couchdb-body-time",
        "Vary": "Origin",
    }


def test_an_answer_to_another_origin_or_none_only_says_that_it_varies() -> None:
    assert answered(ONE, "http://other.example") == {"Vary": "Origin"}
    assert answered(ONE, None) == {"Vary": "Origin"}


def test_credentials_are_allowed_only_when_configured() -> None:
    open_to_cookies = Cors(enabled=True, policy=CorsPolicy(origins=("*",), credentials=True))
    assert dict(asked(open_to_cookies) or ())["Access-Control-Allow-Credentials"] == "true"
    assert answered(open_to_cookies)["Access-Control-Allow-Credentials"] == "true"
    assert answered(open_to_cookies)["Access-Control-Allow-Origin"] == PAGE
    assert "Access-Control-Allow-Credentials" not in answered(open_to_cookies, "*")
    assert "Access-Control-Allow-Credentials" not in answered(ANY)


@pytest.mark.parametrize("host", ["a.example", "a.example:5984", "http://a.example:5984"])
def test_a_host_with_its_own_policy_follows_that(host: str) -> None:
    cors = Cors(enabled=True, hosts={"a.example": CorsPolicy(origins=(PAGE,))})
    assert asked(cors, host=host) is not None
    assert "Access-Control-Allow-Origin" in answered(cors, PAGE, host)
    assert asked(cors, host="b.example") is None


@given(
    origin=st.text() | st.sampled_from([PAGE, "*", "null"]),
    origins=st.lists(st.sampled_from([PAGE, "https://a.example"])),
    credentials=st.booleans(),
)
def test_only_a_listed_origin_is_ever_allowed(origin: str, origins: list[str], credentials: bool) -> None:
    cors = Cors(enabled=True, policy=CorsPolicy(origins=tuple(origins), credentials=credentials))
    allowed = answered(cors, origin).get("Access-Control-Allow-Origin")
    assert allowed == (origin if origin in origins else None)
    assert (asked(cors, origin=origin) is not None) == (origin in origins)
