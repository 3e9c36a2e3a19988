"""Results of web actions as HTTP answers."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from couchgrass.errors import BadRequest, CouchgrassError, NotFound
from couchgrass.functions.activation import Status
from couchgrass.functions.webaction import Extension
from couchgrass.functions.webaction_result import (
    FAILED,
    NO_PROPERTY,
    UNKNOWN_TYPE,
    WRONG_TYPE,
    Projected,
    project,
)
from couchgrass.json import Raw

NOT_HTTP = "Response is not valid 'message/http'."
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n\x00\xff").decode()


def shown(value: Any, extension: Extension = Extension.HTTP, status: Status = Status.SUCCESS) -> Projected:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return project(extension, status, Raw(text))


def refusal(value: Any, extension: Extension = Extension.HTTP, status: Status = Status.SUCCESS) -> str:
    with pytest.raises(CouchgrassError) as refused:
        shown(value, extension, status)
    assert isinstance(refused.value, BadRequest | NotFound)
    return refused.value.reason


def content_type(answer: Projected) -> str | None:
    found = [text.decode() for name, text in answer.headers if name == b"content-type"]
    assert len(found) <= 1
    return found[0] if found else None


class TestHttp:
    @pytest.mark.parametrize(
        "value", [{}, {"body": None}, {"body": ""}, {"x": 1}, {"name": "Error", "stack": ""}]
    )
    def test_an_empty_body_is_204(self, value: Any) -> None:
        assert shown(value) == Projected(204, [], b"")

    def test_an_empty_body_has_no_content_type(self) -> None:
        answer = shown({"statusCode": 201, "headers": {"Content-Type": "nonsense", "Set-Cookie": "a=b"}})
        assert answer == Projected(201, [(b"set-cookie", b"a=b")], b"")

    def test_a_redirect(self) -> None:
        answer = shown({"statusCode": 302, "headers": {"location": "http://openwhisk.org"}})
        assert answer == Projected(302, [(b"location", b"http://openwhisk.org")], b"")

    @pytest.mark.parametrize(
        ("code", "status"),
        [(200, 200), (200.0, 200), ("200", 200), ("+444", 444), ("0404", 404), (444, 444), (599, 599)],
    )
    def test_a_status_is_a_whole_number_or_its_digits(self, code: Any, status: int) -> None:
        assert shown({"statusCode": code, "body": "x"}).status == status

    @pytest.mark.parametrize(
        "code",
        [
            None,
            True,
            "xyz",
            "",
            " 200",
            "200.0",
            200.5,
            [],
            {},
            0,
            99,
            100,
            101,
            199,
            600,
            10**30,
            -200,
            "²00",
        ],
    )
    def test_any_other_status_is_refused(self, code: Any) -> None:
        assert refusal({"statusCode": code, "body": "x"}) == NOT_HTTP

    @pytest.mark.parametrize("code", [204, 205, 304])
    def test_answers_that_must_not_have_a_body_have_none(self, code: int) -> None:
        assert shown({"statusCode": code, "body": {"a": 1}}) == Projected(code, [], b"")

    @pytest.mark.parametrize("value", ["text", [], [1], 1, None, True])
    def test_anything_but_an_object_is_refused(self, value: Any) -> None:
        assert refusal(value) == NOT_HTTP

    def test_a_string_is_html_by_default(self) -> None:
        assert shown({"body": "é<"}) == Projected(
            200, [(b"content-type", b"text/html; charset=UTF-8")], "é<".encode()
        )

    @pytest.mark.parametrize("body", [b'{"a" : [1.0, 1e2]}', b"[ ]", b"3", b"1E400", b"false"])
    def test_other_json_goes_out_as_it_was_written(self, body: bytes) -> None:
        assert shown(b'{ "body" : ' + body + b" }\n") == Projected(
            200, [(b"content-type", b"application/json")], body
        )

    def test_json_keeps_the_type_that_the_action_gives_it(self) -> None:
        for kind in ("application/json", "application/json; charset=utf-8", "application/hal+json"):
            assert content_type(shown({"headers": {"content-type": kind}, "body": {}})) == kind

    @pytest.mark.parametrize("kind", ["text/html", "xyzbar", "image/png"])
    def test_json_of_another_type_is_refused(self, kind: str) -> None:
        assert refusal({"headers": {"content-type": kind}, "body": {"a": 1}}) == WRONG_TYPE

    @pytest.mark.parametrize("kind", ["xyzbar", "", 5, "text/"])
    def test_an_unknown_type_is_refused(self, kind: Any) -> None:
        assert refusal({"headers": {"content-type": kind}, "body": "x"}) == UNKNOWN_TYPE

    @pytest.mark.parametrize(
        ("kind", "sent"),
        [
            ("text/css", "text/css; charset=UTF-8"),
            ("application/xml", "application/xml; charset=UTF-8"),
            ("text/html; charset=utf-8", "text/html; charset=utf-8"),
            ("text/html; charset=ISO-8859-1", "text/html; charset=UTF-8"),
            ("text/event-stream", "text/event-stream"),
            ("application/json", "application/json"),
            ("text/javascript", "text/javascript; charset=UTF-8"),
            ("application/hal+json", "application/hal+json"),
            ("image/svg+xml", "image/svg+xml; charset=UTF-8"),
        ],
    )
    def test_text_is_utf_8_and_says_so(self, kind: str, sent: str) -> None:
        answer = shown({"headers": {"Content-Type": kind}, "body": "<é>"})
        assert (content_type(answer), answer.body) == (sent, "<é>".encode())

    @pytest.mark.parametrize(
        "kind", ["image/png", "application/octet-stream", "application/foo", "text/javascript"]
    )
    def test_bytes_come_as_base64(self, kind: str) -> None:
        answer = shown({"headers": {"content-type": kind}, "body": PNG})
        assert (content_type(answer), answer.body) == (kind, base64.b64decode(PNG))
        assert shown({"headers": {"content-type": kind}, "body": PNG.rstrip("=")}).body == answer.body

    @pytest.mark.parametrize("text", ["no base64!", "é", "YQ==\n", "a", "YQ=a"])
    def test_bytes_that_are_no_base64_are_refused(self, text: str) -> None:
        assert refusal({"headers": {"content-type": "image/png"}, "body": text}) == WRONG_TYPE

    @pytest.mark.parametrize(
        "kind", ["application/json", "application/json-patch+json", "application/hal+json"]
    )
    def test_json_may_come_as_base64(self, kind: str) -> None:
        packed = base64.b64encode(b'{"field":"value"}').decode()
        assert shown({"headers": {"content-type": kind}, "body": packed}).body == b'{"field":"value"}'

    @pytest.mark.parametrize("text", ["hello world", "null", "true", "1234", "abcd", '{"a":1}'])
    def test_json_that_is_no_base64_of_json_stays(self, text: str) -> None:
        answer = shown({"headers": {"content-type": "application/json"}, "body": text})
        assert answer.body == text.encode()


class TestHeaders:
    def sent(self, headers: Any) -> list[tuple[bytes, bytes]]:
        return shown({"headers": headers}).headers

    def test_strings_numbers_and_booleans(self) -> None:
        got = self.sent({"X-A": "a", "X-B": 3, "X-C": True, "X-D": 1.5})
        assert got == [(b"x-a", b"a"), (b"x-b", b"3"), (b"x-c", b"true"), (b"x-d", b"1.5")]

    def test_an_array_is_the_header_that_often(self) -> None:
        got = self.sent({"Set-Cookie": ["a=b", "c=d; Path = /"]})
        assert got == [(b"set-cookie", b"a=b"), (b"set-cookie", b"c=d; Path = /")]

    def test_an_array_may_be_empty(self) -> None:
        assert self.sent({"X": []}) == []

    @pytest.mark.parametrize(
        "headers", [None, [], "a: b", {"X": None}, {"X": {}}, {"X": [[1]]}, {"X": [None]}]
    )
    def test_anything_else_is_refused(self, headers: Any) -> None:
        assert refusal({"headers": headers}) == NOT_HTTP

    @pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "é", "a\n", "\x00"])
    def test_a_name_that_is_no_token_is_refused(self, name: str) -> None:
        assert refusal({"headers": {name: "x"}}) == NOT_HTTP

    @pytest.mark.parametrize(
        "text", ["a\r\nSet-Cookie: b=c", "a\nb", "a\rb", "a\x00b", "a\x7fb", "\r\n", "b\n"]
    )
    @pytest.mark.parametrize("name", ["X-A", "Content-Type", "Location", "Connection"])
    def test_a_value_that_would_end_the_header_is_refused(self, name: str, text: str) -> None:
        assert refusal({"headers": {name: text}, "body": "x"}) == NOT_HTTP
        assert refusal({"headers": {name: ["a", text]}, "body": "x"}) == NOT_HTTP

    def test_values_are_sent_in_utf_8_without_outer_blanks(self) -> None:
        assert self.sent({"X": " \té\tx "}) == [(b"x", "é\tx".encode())]

    @pytest.mark.parametrize(
        "name",
        ["Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "TE", "Trailer",
         "Date", "Server", "X-OpenWhisk-Activation-Id", "X-Request-Id"],
    )  # fmt: skip
    def test_what_is_of_one_connection_or_the_servers_is_left_out(self, name: str) -> None:
        answer = shown({"headers": {name: "5", "X": "y"}, "body": "four"})
        assert answer.headers == [(b"x", b"y"), (b"content-type", b"text/html; charset=UTF-8")]

    def test_the_first_content_type_counts(self) -> None:
        headers = {"Content-Type": ["text/css", "text/csv"], "content-type": "text/plain"}
        assert content_type(shown({"headers": headers, "body": "x"})) == "text/css; charset=UTF-8"


class TestOtherExtensions:
    @pytest.mark.parametrize("value", [b'{"a": 1.0}', b"[1]"])
    def test_json_is_the_result_itself(self, value: bytes) -> None:
        assert shown(value, Extension.JSON) == Projected(200, [(b"content-type", b"application/json")], value)

    @pytest.mark.parametrize(
        ("extension", "member", "kind"),
        [(Extension.HTML, "html", "text/html; charset=UTF-8"), (Extension.SVG, "svg", "image/svg+xml")],
    )
    def test_markup_is_a_member(self, extension: Extension, member: str, kind: str) -> None:
        answer = shown({member: "<é>", "statusCode": 404}, extension)
        assert (answer.status, content_type(answer), answer.body) == (200, kind, "<é>".encode())
        assert shown({member: "no", "body": "yes"}, extension).body == b"yes"

    @pytest.mark.parametrize(
        "value", [{}, {"html": 1}, {"html": "x", "body": None}, {"html": "x", "body": {}}, [], 1]
    )
    def test_markup_has_to_be_a_string(self, value: Any) -> None:
        assert refusal(value, Extension.HTML) == "Response is not valid 'text/html'."
        assert refusal(value, Extension.SVG) == "Response is not valid 'image/svg+xml'."

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ({"a": "A"}, '{\n  "a": "A"\n}'),
            (["a"], '[\n  "a"\n]'),
            ("é", "é"),
            (True, "true"),
            (1, "1"),
            (None, "null"),
        ],
    )
    def test_text_is_any_value(self, value: Any, text: str) -> None:
        for result in ({"body": value}, {"text": value}, {"body": value, "text": 0}):
            answer = shown(result, Extension.TEXT)
            assert (answer.status, content_type(answer)) == (200, "text/plain; charset=UTF-8")
            assert answer.body.decode() == text

    def test_text_that_is_not_there_is_not_found(self) -> None:
        assert refusal({"html": "x"}, Extension.TEXT) == NO_PROPERTY

    def test_an_array_is_a_result_too(self) -> None:
        assert shown([1], Extension.TEXT).body == b"[\n  1\n]"
        assert shown([1], Extension.JSON).body == b"[1]"


class TestErrors:
    @pytest.mark.parametrize("status", [Status.DEVELOPER_ERROR, Status.INTERNAL_ERROR])
    @pytest.mark.parametrize("extension", list(Extension))
    def test_a_failure_does_not_say_why(self, status: Status, extension: Extension) -> None:
        assert refusal({"error": "secret", "body": "secret"}, extension, status) == FAILED

    def test_an_application_error_is_projected(self) -> None:
        value = {"error": {"statusCode": 404, "headers": {"x": "y"}, "body": {"a": 1}}, "body": "not this"}
        answer = shown(value, status=Status.APPLICATION_ERROR)
        headers = [(b"x", b"y"), (b"content-type", b"application/json")]
        assert answer == Projected(404, headers, b'{"a": 1}')

    def test_a_plain_error_through_each_extension(self) -> None:
        value, failed = {"error": "no"}, Status.APPLICATION_ERROR
        assert refusal(value, Extension.HTTP, failed) == NOT_HTTP
        assert refusal(value, Extension.JSON, failed) == "Response is not valid 'application/json'."
        assert shown(value, Extension.HTML, failed).body == b"no"
        assert shown(value, Extension.TEXT, failed).body == b"no"

    def test_an_error_object_without_a_body_is_204(self) -> None:
        value = {"error": {"name": "TypeError", "message": "x", "stack": "y"}}
        assert shown(value, status=Status.APPLICATION_ERROR).status == 204

    def test_an_application_error_without_one_is_not_found(self) -> None:
        assert refusal({}, Extension.HTTP, Status.APPLICATION_ERROR) == NO_PROPERTY

    @pytest.mark.parametrize("extension", [Extension.HTTP, Extension.HTML, Extension.SVG, Extension.TEXT])
    def test_a_result_that_is_no_json_is_refused(self, extension: Extension) -> None:
        deep = b"[" * 100_000
        for text in (
            b"",
            b"{",
            b'{"body":',
            b'{"body":' + deep,
            b'{"a":\xff}',
            b'"\xff"',
            b'{"body":"\xff"}',
        ):
            refusal(text, extension)
