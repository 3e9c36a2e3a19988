"""The Cloudant accounts that an action is bound to."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass.functions.accounts import account_of_host, accounts_of
from couchgrass.functions.entity import Parameter


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("username", "acme-bluemix"),
        ("CLOUDANT_USERNAME", "acme-bluemix"),
        ("account", "acme-bluemix"),
        ("host", "acme-bluemix.cloudant.com"),
        ("anything", "https://u:p@acme-bluemix.cloudant.com/todos?x=1"),
        ("url", "https://acme-bluemix.cloudantnosqldb.appdomain.cloud"),
        ("services", {"db": [{"credentials": {"url": "https://ACME-bluemix.cloudant.com:443"}}]}),
    ],
)
def test_an_account_is_found_by_its_name_its_host_and_its_url(key: str, value: Any) -> None:
    assert accounts_of([Parameter(key, value)]) == ("acme-bluemix",)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("password", "acme-bluemix"),
        ("host", "acme.cloudant.com.evil.example"),
        ("host", "cloudant.com"),
        ("host", "a.b.cloudant.com"),
        ("url", "https://evil.example/acme.cloudant.com"),
        ("url", "http://[bad"),
        ("username", "not an account"),
        ("username", ""),
        ("username", 7),
    ],
)
def test_what_names_no_account_gives_none(key: str, value: Any) -> None:
    assert accounts_of([Parameter(key, value)]) == ()


def test_each_account_is_told_once_and_depth_is_bounded() -> None:
    deep: Any = "x.cloudant.com"
    for _ in range(20):
        deep = [deep]
    told = [Parameter("user", "b"), Parameter("host", "b.cloudant.com"), Parameter("deep", deep)]
    assert accounts_of(told) == ("b",)


def test_a_host_may_end_with_a_dot() -> None:
    assert account_of_host("acme.cloudant.com.") == "acme"
    assert account_of_host("example.org") is None
