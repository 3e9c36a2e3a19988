"""Tenants and clients: what may be a tenant's id, where codes may be sent, whose secret it is."""

from __future__ import annotations

import hashlib

import pytest

from couchgrass.errors import BadRequest
from couchgrass.identity.tenant import (
    CLIENTS_MAX,
    REDIRECTS_MAX,
    Client,
    Tenant,
    check,
    from_doc,
    may_redirect,
    redirect_uri,
    tenant_id,
    to_doc,
)

WEB = Client(
    "web", secret_sha256=hashlib.sha256(b"s3cret").hexdigest(), redirect_uris=("https://a.example/cb",)
)
NATIVE = Client("native", redirect_uris=("http://127.0.0.1/cb", "com.example.app:/done"))


def test_only_its_secret_is_a_clients_secret() -> None:
    assert WEB.is_secret("s3cret") and not WEB.is_secret("") and not WEB.is_secret("other")
    assert NATIVE.is_public and not NATIVE.is_secret("")


@pytest.mark.parametrize(
    ("client", "uri", "may"),
    [
        (WEB, "https://a.example/cb", True),
        (WEB, "https://a.example/cb/", False),
        (WEB, "https://a.example:444/cb", False),
        (WEB, "https://a.example/cb?x=1", False),
        (WEB, "https://a.example@evil.example/cb", False),
        (NATIVE, "http://127.0.0.1:51234/cb", True),
        (NATIVE, "http://127.0.0.1:51234/other", False),
        (NATIVE, "http://user@127.0.0.1:51234/cb", False),
        (NATIVE, "http://localhost/cb", False),
        (NATIVE, "com.example.app:/done", True),
        (NATIVE, "http://[::1", False),
        (NATIVE, "", False),
        (NATIVE, "http://127.0.0.1/cb#", False),
        (NATIVE, "http://127.0.0.1:1/cb#x\r\nSet-Cookie: a=b", False),
        (NATIVE, "http://127.0.0.1/c\nb", False),
        (NATIVE, " http://127.0.0.1/cb", False),
        (NATIVE, "http://127.0.0.1:x/cb", False),
        (NATIVE, "http://127.0.0.1:80\\@evil.example/cb", False),
    ],
)
def test_a_code_goes_only_where_the_client_may_have_it(client: Client, uri: str, may: bool) -> None:
    assert may_redirect(client, uri) is may


@pytest.mark.parametrize(
    "uri",
    [
        "http://a.example/cb",
        "https:///cb",
        "javascript:alert(1)",
        "https://a/#x",
        "a b",
        "data:text/html,x",
        "//a",
        "https://a.example/ü",
        "https://a.example/\r\nx",
        "https://user@a.example/cb",
        "https://a.example:99999/cb",
        "https://a.example;script-src/cb",
        "https://a.example/" + "x" * 1024,
    ],
)
def test_a_dangerous_redirect_uri_is_refused(uri: str) -> None:
    with pytest.raises(BadRequest):
        redirect_uri(uri)


def test_a_good_redirect_uri_stays_as_it_is() -> None:
    for uri in ("https://a.example/cb?x=1", "http://localhost:3000/cb", "com.example.app:/cb"):
        assert redirect_uri(uri) == uri


def test_a_tenant_is_in_its_bounds() -> None:
    good = Tenant("t", "Todo", (WEB, NATIVE))
    assert check(good) is good
    many = tuple(f"https://a.example/{number}" for number in range(REDIRECTS_MAX + 1))
    for bad in (
        Tenant("a/b", "Todo"),
        Tenant("t", ""),
        Tenant("t", "T" * 201),
        Tenant("t", "Todo", (WEB,) * (CLIENTS_MAX + 1)),
        Tenant("t", "Todo", (Client("app"),)),
        Tenant("t", "Todo", (Client("app", redirect_uris=many),)),
        Tenant("t", "Todo", (Client("app", redirect_uris=("http://a.example/",)),)),
    ):
        with pytest.raises(BadRequest):
            check(bad)


def test_a_tenants_id_can_stand_in_a_path() -> None:
    assert tenant_id("39a37f57-a227-4bfe-a044-93b6e6060b61")
    for bad in ("", "a/b", "-a", "a" * 65, "ä"):
        with pytest.raises(BadRequest):
            tenant_id(bad)


def test_a_tenant_comes_back_from_its_document() -> None:
    tenant = Tenant("t", "Todo", (WEB, NATIVE), access_s=60)
    assert from_doc("t", {**to_doc(tenant), "_id": "tenant:t", "_rev": "1-a"}) == tenant
    assert from_doc("t", {"clients": 3}) is None
    assert tenant.client("native") is NATIVE and tenant.client("x") is None
