"""A server's URL: taken apart, normalised, and never shown with a password."""

from __future__ import annotations

import pytest

from couchgrass.errors import BadRequest
from couchgrass.linking.address import Address, database_url, hide, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:5984", Address("http://127.0.0.1:5984")),
        ("HTTPS://Couch.Example:443/", Address("https://couch.example")),
        ("http://couch.example:443/prefix/", Address("http://couch.example:443/prefix")),
        ("http://[::1]:5984/", Address("http://[::1]:5984")),
        ("http://admin@couch.example", Address("http://couch.example", "admin")),
        ("http://a%40b:p%3A%2F%40@couch.example", Address("http://couch.example", "a@b", "p:/@")),
        ("http://:@couch.example", Address("http://couch.example")),
    ],
)
def test_a_url_is_taken_apart(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "couch.example:5984",
        "ftp://admin:secret@couch.example",
        "http://admin:sec/ret@couch.example",
        "http://admin:sec#ret@couch.example",
        "http://admin:sec?ret@couch.example",
        "http://admin:secret@couch.example:99999",
        "http://admin:secret@",
        "http://a%3Ab:secret@couch.example",
        "http://couch.example/?x=1",
        "",
    ],
)
def test_what_is_no_server_is_refused_without_its_secret(text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_address(text)
    assert "sec" not in refused.value.reason and "ret@" not in refused.value.reason


def test_an_address_shows_no_password() -> None:
    assert "secret" not in repr(parse_address("http://admin:secret@couch.example"))
    assert hide("http://admin:sec@ret@couch.example/db") == "http://***@couch.example/db"
    assert hide("admin:secret@couch.example") == "***@couch.example"
    assert hide("http://couch.example/db") == "http://couch.example/db"


def test_a_database_is_one_segment_of_the_path() -> None:
    assert database_url("http://couch.example", "a/b+c") == "http://couch.example/a%2Fb%2Bc"
