"""Requests that may be another site's doing are refused."""

from __future__ import annotations

import pytest

from couchgrass.dashboard.gate import HEADER, check_own
from couchgrass.errors import Forbidden

OWN = {HEADER: b"1"}


def passes(method: str, headers: dict[bytes, bytes]) -> bool:
    try:
        check_own(method, headers)
    except Forbidden:
        return False
    return True


def fetched(site: str, mode: str = "cors", **more: bytes) -> dict[bytes, bytes]:
    return {b"sec-fetch-site": site.encode(), b"sec-fetch-mode": mode.encode()}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_the_pages_own_requests_pass_with_their_header(method: str) -> None:
    assert passes(method, OWN)
    assert passes(method, OWN | fetched("same-origin"))
    assert passes(method, OWN | fetched("none"))
    assert not passes(method, {})


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "SAME-ORIGIN"])
def test_another_site_is_refused_whatever_it_sends(site: str) -> None:
    assert not passes("GET", OWN | fetched(site))
    assert not passes("GET", fetched(site, "navigate"))


def test_a_link_of_ours_may_be_followed_and_nothing_else_goes_without_the_header() -> None:
    assert passes("GET", fetched("same-origin", "navigate"))
    assert passes("HEAD", fetched("same-origin", "navigate"))
    assert not passes("POST", fetched("same-origin", "navigate"))
    # A script or a frame of ours would run what an attachment says.
    assert not passes("GET", fetched("same-origin", "no-cors"))
    assert not passes("GET", fetched("none", "navigate"))
