"""What people type becomes one address, or is refused with a reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.errors import BadRequest
from couchgrass.identity import person
from couchgrass.identity.claims import User


def test_an_address_has_one_form() -> None:
    assert person.email(" Ada@Example.ORG ") == "ada@example.org"
    assert person.email("a\u0308@x") == "ä@x"


@pytest.mark.parametrize(
    "text", ["", "ada", "@x", "ada@", "a b@x", "a:b@x", "a/b@x", "a\x00@x", "a" * 250 + "@x.org"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        person.email(text)


@given(st.text(max_size=40))
def test_an_address_stays_what_it_is(text: str) -> None:
    try:
        found = person.email(text)
    except BadRequest:
        return
    assert person.email(found) == found


def test_a_password_is_not_short() -> None:
    assert person.password("12345678") == "12345678"
    for bad in ("1234567", "x" * 257):
        with pytest.raises(BadRequest):
            person.password(bad)


def test_a_user_comes_back_from_the_document_of_the_own_tenant_only() -> None:
    user = User("sub", "ada@example.org", "Ada", 3)
    doc = person.new_doc("t", user, "password")
    assert person.user_of("t", doc) == user
    assert person.user_of("u", doc) is None
    assert person.user_of("t", {"name": "x"}) is None
    assert person.user_of("t", {person.MEMBER: {"tenant": "t", "sub": 1}}) is None
    assert doc["roles"] == []
