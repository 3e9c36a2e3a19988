"""Requests to web actions: paths, rights, parameters."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from couchgrass.errors import BadRequest, NotFound
from couchgrass.functions.webaction import (
    FIELDS_MAX,
    NESTING_MAX,
    NOT_ALLOWED,
    RESERVED,
    Asked,
    Extension,
    Target,
    export,
    is_open_to,
    payload,
    target,
)

HTTP, JSON = Extension.HTTP, Extension.JSON
NOBODY_S: frozenset[str] = frozenset()
PNG = b"\x89PNG\r\n\x1a\n\x00\xff"


def given(
    body: bytes = b"",
    kind: str | None = None,
    *,
    query: str = "",
    raw: bool = False,
    fixed: frozenset[str] = NOBODY_S,
    path: str = "",
    user: str | None = None,
) -> dict[str, Any]:
    """The parameters of a POST, without __ow_method and __ow_headers."""
    headers = {} if kind is None else {b"content-type": kind.encode()}
    asked = Asked("POST", path, query.encode(), headers, user)
    parameters = payload(asked, body, raw=raw, fixed=fixed)
    assert parameters.pop("__ow_method") == "post"
    assert parameters.pop("__ow_headers") == {name.decode(): text.decode() for name, text in headers.items()}
    return parameters


class TestTarget:
    @pytest.mark.parametrize(
        ("path", "wanted"),
        [
            ("guest/default/hello", Target("guest", "", "hello", HTTP, "")),
            ("guest/demo/hello.http", Target("guest", "demo", "hello", HTTP, "")),
            ("guest/demo/hello.json/", Target("guest", "demo", "hello", JSON, "/")),
            ("guest/demo/hello.svg", Target("guest", "demo", "hello", Extension.SVG, "")),
            ("guest/demo/hello.json/a%2Fb//c", Target("guest", "demo", "hello", JSON, "/a%2Fb//c")),
            ("guest/demo/hello.http/x.json", Target("guest", "demo", "hello", HTTP, "/x.json")),
            ("guest/demo/a.json.http", Target("guest", "demo", "a.json", HTTP, "")),
            ("guest/demo/hello.xyz", Target("guest", "demo", "hello.xyz", HTTP, "")),
            ("a%20b/my%40pkg/x-y.text", Target("a b", "my@pkg", "x-y", Extension.TEXT, "")),
        ],
    )
    def test_names_extension_and_rest(self, path: str, wanted: Target) -> None:
        assert target(path.encode()) == wanted

    @pytest.mark.parametrize(
        "path",
        ["", "/", "a", "a/b", "a/b/", "a//c", "/a/b/c", "a/b/.http", "a/b/x%20.http", "a/b/c%00", "a/b/c%FF",
         "a/..%2Fb/c", "a/b/%2e%2e", "a/b/" + "x" * 257],
    )  # fmt: skip
    def test_what_can_be_no_action_is_not_found(self, path: str) -> None:
        with pytest.raises(NotFound, match="The requested resource does not exist"):
            target(path.encode())

    def test_bytes_outside_of_ascii_come_percent_encoded(self) -> None:
        assert target("a/b/c/é".encode()).path == "/%C3%A9"


class TestExport:
    @pytest.mark.parametrize(
        "annotation", [{}, {"web-export": False}, {"web-export": "true"}, {"web-export": 1}]
    )
    def test_only_true_exports(self, annotation: dict[str, Any]) -> None:
        with pytest.raises(NotFound):
            export(annotation)

    def test_flags(self) -> None:
        opened = export({"web-export": True, "raw-http": True, "web-custom-options": True})
        assert (opened.raw, opened.custom_options, opened.secret) == (True, True, None)

    @pytest.mark.parametrize(
        ("annotation", "has_key", "secret", "is_open"),
        [
            (False, False, None, True),
            (True, False, None, False),
            (True, True, None, True),
            ("key", True, None, False),
            ("key", False, b"key-bad", False),
            ("key", False, b"key", True),
            ("", False, None, False),
            (1234, False, b"1234", True),
            (1234, False, b"01234", False),
            (None, True, None, False),
            ([], True, b"[]", False),
        ],
    )
    def test_who_may_call(self, annotation: Any, has_key: bool, secret: bytes | None, is_open: bool) -> None:
        opened = export({"web-export": True, "require-whisk-auth": annotation})
        assert is_open_to(opened, has_key=has_key, secret=secret) is is_open


class TestParameters:
    def test_the_request_is_told(self) -> None:
        asked = Asked("PATCH", "/a", b"", {b"host": b"h", b"x-a": b"\xe9"}, "guest")
        assert payload(asked, b"", raw=False, fixed=NOBODY_S) == {
            "__ow_method": "patch",
            "__ow_headers": {"host": "h", "x-a": "é"},
            "__ow_path": "/a",
            "__ow_user": "guest",
        }

    def test_without_a_valid_key_there_is_no_user(self) -> None:
        assert "__ow_user" not in given()

    def test_the_session_of_a_dashboard_is_not_shown(self) -> None:
        def seen(cookie: bytes) -> Any:
            asked = Asked("GET", "", b"", {b"cookie": cookie})
            return payload(asked, b"", raw=False, fixed=frozenset())["__ow_headers"]

        assert seen(b"a=1; couchgrass-london=secret") == {"cookie": "a=1"}
        assert seen(b"couchgrass-london=secret") == {}

    def test_query_under_body(self) -> None:
        got = given(b'{"a":1,"b":[]}', "application/json", query="a=x&c=%C3%A9+&d&a=y")
        assert got == {"a": 1, "b": [], "c": "é ", "d": "", "__ow_path": ""}

    def test_the_last_of_a_query_parameter_counts(self) -> None:
        assert given(query="a=1&a=2")["a"] == "2"

    @pytest.mark.parametrize("kind", ["application/json", "application/cloudevents+json; charset=utf-8"])
    def test_members_of_json_are_parameters(self, kind: str) -> None:
        assert given(b'{"a":{"b":1.0}}', kind) == {"a": {"b": 1.0}, "__ow_path": ""}

    @pytest.mark.parametrize("text", [b"[]", b"null", b'"s"', b"true", b"99"])
    def test_other_json_is_the_body(self, text: bytes) -> None:
        value = given(text, "application/json")["__ow_body"]
        assert value == {b"[]": [], b"null": None, b'"s"': "s", b"true": True, b"99": 99}[text]

    @pytest.mark.parametrize("kind", [None, "application/json", "application/x-www-form-urlencoded"])
    def test_no_body_brings_nothing(self, kind: str | None) -> None:
        assert given(b"", kind) == {"__ow_path": ""}

    def test_a_form_is_parameters(self) -> None:
        got = given(b"field1=value1&field2=a+b%26", "application/x-www-form-urlencoded; charset=UTF-8")
        assert got == {"field1": "value1", "field2": "a b&", "__ow_path": ""}

    def test_text_is_the_body(self) -> None:
        assert given("1,2,é".encode(), "text/html")["__ow_body"] == "1,2,é"
        assert given(b"\xff", "text/plain")["__ow_body"] == "\ufffd"

    @pytest.mark.parametrize(
        "kind", ["image/png", "multipart/form-data; boundary=x", "application/foo", "?", None]
    )
    def test_bytes_are_base64(self, kind: str | None) -> None:
        assert given(PNG, kind)["__ow_body"] == base64.b64encode(PNG).decode()

    @pytest.mark.parametrize("text", [b"{", b'{"a":"\xff"}', b"nope", b"{}x", b'{"a":NaN}'])
    def test_bad_json_is_refused(self, text: bytes) -> None:
        with pytest.raises(BadRequest, match="malformed"):
            given(text, "application/json")

    def test_deep_json_is_refused_but_not_brackets_in_strings(self) -> None:
        deep = NESTING_MAX + 1
        for text in (b"[" * deep + b"]" * deep, b"[" * 1_000_000, b'{"":' * deep + b"1" + b"}" * deep):
            with pytest.raises(BadRequest, match="malformed"):
                given(text, "application/json")
        in_string = b'["' + b"[" * deep + b'\\"[' + b'"]'
        assert given(in_string, "application/json")["__ow_body"][0].startswith("[[")
        assert len(given(b"[" + b"[]," * deep + b"1]", "application/json")["__ow_body"]) == deep + 1

    def test_fields_are_bounded(self) -> None:
        with pytest.raises(BadRequest, match="fields"):
            given(b"&".join([b"a"] * (FIELDS_MAX + 1)), "application/x-www-form-urlencoded")

    @pytest.mark.parametrize("name", sorted(RESERVED))
    def test_reserved_names_are_refused(self, name: str) -> None:
        for sent in (
            {"query": f"{name}=x"},
            {"body": f'{{"{name}":1}}'.encode(), "kind": "application/json"},
            {"body": f"{name}=x".encode(), "kind": "application/x-www-form-urlencoded"},
        ):
            with pytest.raises(BadRequest, match="not allowed") as refused:
                given(**sent)
            assert refused.value.reason == NOT_ALLOWED

    def test_fixed_keys_are_refused(self) -> None:
        fixed = frozenset(("x",))
        with pytest.raises(BadRequest, match="not allowed"):
            given(query="x=1", fixed=fixed)
        with pytest.raises(BadRequest, match="not allowed"):
            given(b'{"x":null}', "application/json", fixed=fixed)
        assert given(query="y=1", fixed=fixed)["y"] == "1"


class TestRaw:
    def test_query_and_body_come_as_they_are(self) -> None:
        got = given(b"1,2", "text/plain", raw=True, query="x=a%20b&__ow_user=me", fixed=frozenset("x"))
        assert got == {"__ow_query": "x=a%20b&__ow_user=me", "__ow_body": "1,2", "__ow_path": ""}

    def test_both_are_there_when_they_are_empty(self) -> None:
        assert given(raw=True) == {"__ow_query": "", "__ow_body": "", "__ow_path": ""}

    @pytest.mark.parametrize("kind", ["application/json", "image/png", "application/foo", None])
    def test_json_and_bytes_are_base64(self, kind: str | None) -> None:
        assert given(b'{"a":1}', kind, raw=True)["__ow_body"] == base64.b64encode(b'{"a":1}').decode()

    def test_a_form_is_text(self) -> None:
        assert given(b"a=1&b", "application/x-www-form-urlencoded", raw=True)["__ow_body"] == "a=1&b"
