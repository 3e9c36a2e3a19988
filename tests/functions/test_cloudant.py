"""Which accounts an action's parameters name, and where they lead."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.functions.cloudant import (
    ACCOUNTS_MAX,
    Target,
    accounts_of,
    direct_target,
    hosts_of,
    led,
)


@pytest.mark.parametrize(
    ("parameters", "accounts"),
    [
        ({"username": "acme", "password": "p"}, ("acme",)),
        ({"CLOUDANT_USERNAME": "Acme-bluemix", "CLOUDANT_PASSWORD": "x"}, ("acme-bluemix",)),
        ({"account": "a", "cloudant_account": "b"}, ("a", "b")),
        ({"host": "acme.cloudant.com"}, ("acme",)),
        ({"url": "https://me:pw@acme.cloudant.com:443/db"}, ("acme",)),
        ({"u": "https://x.cloudantnosqldb.appdomain.cloud"}, ("x",)),
        ({"__bx_creds": {"cloudantnosqldb": {"username": "deep", "host": "deep.cloudant.com"}}}, ("deep",)),
        ({"list": ["https://one.cloudant.com", "two.cloudant.com"]}, ("one", "two")),
        ({"username": "a b"}, ()),
        ({"username": "me@example.com"}, ()),
        ({"url": "https://cloudant.com/"}, ()),
        ({"url": "https://a.b.cloudant.com/"}, ()),
        ({"url": "https://evil.example/?x=acme.cloudant.com"}, ()),
        ({"url": "https://acme.cloudant.com.evil.example"}, ()),
        ({"url": "https://[acme.cloudant.com"}, ()),
        ({"title": "acme", "n": 1, "nothing": None}, ()),
    ],
)
def test_accounts_are_found_in_parameters(parameters: dict[str, Any], accounts: tuple[str, ...]) -> None:
    assert accounts_of(parameters) == accounts


def test_an_account_leads_under_both_of_its_hosts() -> None:
    assert hosts_of(["acme"]) == ["acme.cloudant.com", "acme.cloudantnosqldb.appdomain.cloud"]
    assert led(["acme"], Target("::1", 5984)) == (
        "acme.cloudant.com=[::1]:5984",
        "acme.cloudantnosqldb.appdomain.cloud=[::1]:5984",
    )
    assert led([], Target("127.0.0.1", 5984)) == ()


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:5984", Target("127.0.0.1", 5984)),
        ("http://[::1]:5984/", Target("::1", 5984)),
        ("http://couch.example", Target("couch.example", 80)),
        ("https://couch.example", None),
        ("http://couch.example/below", None),
    ],
)
def test_only_a_plain_database_at_its_hosts_root_needs_no_door(url: str, target: Target | None) -> None:
    assert direct_target(url) == target


TEXTS = st.text(max_size=9) | st.text("aB0-.", max_size=4).map(lambda name: f"{name}.cloudant.com")
LEAVES = TEXTS | st.text("aB0-", max_size=4) | st.none() | st.integers()


@given(
    st.dictionaries(
        st.text(max_size=4) | st.sampled_from(["username", "account"]),
        st.lists(LEAVES, max_size=40)
        | st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=8),
        max_size=4,
    )
)
def test_whatever_parameters_are_accounts_are_few_and_good_names(parameters: dict[str, Any]) -> None:
    accounts = accounts_of(parameters)
    assert len(accounts) <= ACCOUNTS_MAX
    assert all(account.replace("-", "").isalnum() and account.isascii() for account in accounts)


def test_no_more_accounts_are_found_than_there_may_be() -> None:
    many = [f"a{number}" for number in range(ACCOUNTS_MAX + 1)]
    assert accounts_of({"account": many}) == tuple(many[:-1])
