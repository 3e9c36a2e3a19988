"""Tenants and base paths: the same in every region, and always fit for a URL."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from couchgrass.gateway.api import normal_base_path, tenant_of


def test_a_plain_namespace_is_its_own_tenant() -> None:
    assert tenant_of("guest") == "guest"
    assert tenant_of("whisk-1") == "whisk-1"


@given(st.text(min_size=1))
def test_a_tenant_can_stand_in_a_url(namespace: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9-]{1,64}", tenant_of(namespace))
    assert tenant_of(namespace) == tenant_of(namespace)


def test_namespaces_with_other_characters_have_tenants_of_their_own() -> None:
    assert len({tenant_of(name) for name in ("me@ibm.com_dev", "me@ibm.com", "a b", "a.b", "a_b")}) == 5


def test_a_base_path_has_one_form() -> None:
    assert {normal_base_path(path) for path in ("v1", "/v1", "/v1/", "//v1")} == {"/v1"}
    assert normal_base_path("/") == normal_base_path("") == "/"
