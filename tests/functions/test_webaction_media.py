"""Media types: what is text, what is bytes, and what OpenWhisk does not know."""

from __future__ import annotations

import pytest

from couchgrass.functions.webaction_media import Form, Media, media


def known(header: str) -> Media:
    found = media(header)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("application/json", Form.TEXT),
        ("Application/JSON; charset=utf-8", Form.TEXT),
        ("text/html", Form.TEXT),
        ("application/xml", Form.TEXT),
        ("application/x-www-form-urlencoded", Form.TEXT),
        ("image/png", Form.BINARY),
        ("image/png; charset=utf-8", Form.BINARY),
        ("application/octet-stream; charset=utf-8", Form.BINARY),
        ("multipart/form-data; boundary=x", Form.BINARY),
        ("application/hal+json", Form.UNKNOWN),
        ("application/hal+json; charset=utf-8", Form.TEXT),
        ("image/svg+xml; charset=utf-8", Form.UNKNOWN),
        ("text/javascript", Form.UNKNOWN),
    ],
)
def test_a_type_travels_as_openwhisk_has_it(header: str, form: Form) -> None:
    assert known(header).form is form


@pytest.mark.parametrize(
    "header", ["", "xyzbar", "a/", "/b", "a b/c", "text/html, text/plain", "é/x", "a/b/c"]
)
def test_what_is_no_media_type_is_none(header: str) -> None:
    assert media(header) is None


def test_charset_and_essence_are_in_lower_case() -> None:
    assert known('Text/HTML ; Charset = "ISO-8859-1"; x=y') == Media("text/html", Form.TEXT, "iso-8859-1")


def test_json_and_textual_go_by_the_name() -> None:
    assert known("application/hal+json").is_json
    assert not known("application/jsonp").is_json
    assert known("text/javascript").is_textual
    assert known("image/svg+xml").is_textual
    assert not known("application/foo").is_textual
