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
    assert doc["roles"] == ["sub:sub"]


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "u/ada@example.org"},
        {"name": 3},
        {"roles": []},
        {"roles": ["sub:a", "sub:b"]},
        {"roles": None},
        {person.MEMBER: {"generation": "3"}},
        {person.MEMBER: None},
    ],
)
def test_a_document_of_another_form_is_no_user(changed: dict[str, object]) -> None:
    doc = person.new_doc("t", User("sub", "ada@example.org"), "password")
    assert person.user_of("t", {**doc, **changed}) is None


def test_what_a_user_may_write_does_not_say_who_they_are() -> None:
    doc = person.new_doc("t", User("sub", "ada@example.org"), "password")
    doc[person.MEMBER] = {"sub": "other", "email": "bob@example.org", "name": ["x"], "generation": 0}
    assert person.user_of("t", doc) == User("sub", "ada@example.org")
