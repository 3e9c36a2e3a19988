"""The result of a web action as an HTTP answer, by the extension in the request's path.

Source: OpenWhisk (docs/webactions.md and its controller). The result stays JSON text as far as it can: a
body that is an object or array goes out byte by byte as the action wrote it.

Beyond OpenWhisk:
- An array is a result too (``.json`` and ``.text`` show it); there it is a 500.
- Text of a type that OpenWhisk does not know, but whose name says text (``application/hal+json``,
  ``image/svg+xml``), need not be base64. JSON that merely looks like base64 (``true``) stays as it is.
- A status under 200 is refused, and an answer that must not have a body (204, 205, 304) is sent without.
- The request's Accept does not matter; OpenWhisk runs the action and then answers 406.
"""

from __future__ import annotations

import base64
import re
from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.errors import BadRequest, NotFound
from couchgrass.functions.activation import Status
from couchgrass.functions.webaction import Extension
from couchgrass.functions.webaction_media import FORM, Form, Media, media

Header = tuple[bytes, bytes]

FAILED: Final = "There was an error processing your request."
NO_PROPERTY: Final = "Response does not include requested property."
UNKNOWN_TYPE: Final = "Response did not specify a known content-type."
WRONG_TYPE: Final = "Response type in header did not match generated content type."

_JSON: Final = b"application/json"
_HTML: Final = b"text/html; charset=UTF-8"
_TEXT: Final = b"text/plain; charset=UTF-8"
_SVG: Final = b"image/svg+xml"
_UTF_8: Final = ("utf-8", "utf8", "us-ascii")
_OF_ONE_CHARSET: Final = ("text/event-stream", FORM)

NOT_FORWARDED: Final = frozenset(
    b"""connection keep-alive proxy-connection te trailer transfer-encoding upgrade content-length date server
    x-couchgrass-failure x-openwhisk-activation-id x-request-id""".split()
)
"""Headers of an action that are left out: those of one connection, and those that are the server's to say."""

BODILESS: Final = frozenset((204, 205, 304))
"""Statuses whose answers have no body, RFC 9110."""

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_STATUS = re.compile(r"\+?0{0,9}([2-5][0-9]{2})")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


class Projected(msgspec.Struct):
    """An answer: status, headers with content-type, body."""

    status: int
    headers: list[Header]
    body: bytes


class _Members(msgspec.Struct):
    """The members of a result that matter, as JSON text; "" where there is none."""

    headers: json.Raw = json.Raw()
    status_code: json.Raw = msgspec.field(default=json.Raw(), name="statusCode")
    body: json.Raw = json.Raw()
    html: json.Raw = json.Raw()
    svg: json.Raw = json.Raw()
    text: json.Raw = json.Raw()
    error: json.Raw = json.Raw()


_members = msgspec.json.Decoder(_Members).decode


def project(extension: Extension, status: Status, result: json.Raw) -> Projected:
    """The answer to a run that ended with this status and result.

    Raises BadRequest when the result is not what the extension wants, or when the action failed; NotFound
    when it lacks the property that the extension shows.
    """
    value = bytes(result).strip()
    if status is Status.APPLICATION_ERROR:
        value = bytes(_read(value).error)
        if not value:
            raise NotFound(NO_PROPERTY)
    elif status is not Status.SUCCESS:
        raise BadRequest(FAILED)
    match extension:
        case Extension.HTTP:
            return _http(value)
        case Extension.JSON:
            if value[:1] not in (b"{", b"["):
                raise BadRequest(_invalid("application/json"))
            return _shown(_JSON, value)
        case Extension.HTML:
            return _shown(_HTML, _markup(value, "html", "text/html"))
        case Extension.SVG:
            return _shown(_SVG, _markup(value, "svg", "image/svg+xml"))
        case Extension.TEXT:
            return _shown(_TEXT, _plain(value))


def _invalid(kind: str) -> str:
    return f"Response is not valid '{kind}'."


def _shown(content_type: bytes, body: bytes) -> Projected:
    return Projected(200, [(b"content-type", content_type)], body)


def _read(value: bytes) -> _Members:
    """The members of an object; of anything else none. Raises BadRequest when it is no JSON."""
    if not value.startswith(b"{"):
        return _Members()
    try:
        return _members(value)
    except (msgspec.DecodeError, RecursionError):
        raise BadRequest(FAILED) from None


def _markup(value: bytes, member: str, kind: str) -> bytes:
    """The text that ``.html`` and ``.svg`` show: a member of an object, or the result itself."""
    if value.startswith(b"{"):
        members = _read(value)
        value = bytes(members.body) or bytes(getattr(members, member))
    if not value.startswith(b'"'):
        raise BadRequest(_invalid(kind))
    return _string(value, kind).encode()


def _plain(value: bytes) -> bytes:
    """What ``.text`` shows, any JSON value: a string's text, an object or array with indentation."""
    if value.startswith(b"{"):
        members = _read(value)
        value = bytes(members.body) or bytes(members.text)
    if not value:
        raise NotFound(NO_PROPERTY)
    if value.startswith(b'"'):
        return _string(value, "text/plain").encode()
    if value.startswith((b"{", b"[")):
        return _indented(value)
    return value


def _indented(value: bytes) -> bytes:
    try:
        return msgspec.json.format(value, indent=2)
    except (msgspec.DecodeError, RecursionError):
        raise BadRequest(FAILED) from None


def _string(value: bytes, kind: str) -> str:
    try:
        return str(json.decode(value))
    except BadRequest:
        raise BadRequest(_invalid(kind)) from None


def _http(value: bytes) -> Projected:
    """A result that says status, headers and body itself."""
    if not value.startswith(b"{"):
        raise BadRequest(_invalid("message/http"))
    members = _read(value)
    headers, content_type = _headers(bytes(members.headers))
    status = _status(bytes(members.status_code))
    body = bytes(members.body)
    if body in (b"", b"null", b'""') or status in BODILESS:
        return Projected(204 if status is None else status, headers, b"")
    if body.startswith(b'"'):
        kind, body = _text_body(content_type, _string(body, "message/http"))
    else:
        kind = _json_type(content_type)
    headers.append((b"content-type", kind))
    return Projected(200 if status is None else status, headers, body)


def _status(text: bytes) -> int | None:
    """None when the result has none. A whole number or its digits in a string, 200 to 599."""
    if not text:
        return None
    value = _decoded(text)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 200 <= value <= 599:
        return value
    if isinstance(value, str) and (found := _STATUS.fullmatch(value)):
        return int(found[1])
    raise BadRequest(_invalid("message/http"))


def _headers(text: bytes) -> tuple[list[Header], str | None]:
    """The headers that go out, and the first content-type among them, which does not yet."""
    headers: list[Header] = []
    content_type: str | None = None
    if not text:
        return headers, content_type
    named = _decoded(text)
    if not isinstance(named, dict):
        raise BadRequest(_invalid("message/http"))
    for name, value in named.items():
        if not _HEADER_NAME.fullmatch(name):
            raise BadRequest(_invalid("message/http"))
        lower = name.lower().encode()
        for line in _lines(value):
            if lower == b"content-type":
                content_type = line if content_type is None else content_type
            elif lower not in NOT_FORWARDED:
                headers.append((lower, line.encode()))
    return headers, content_type


def _lines(value: Any) -> list[str]:
    """A header's values; an array is the header that often. None of them can end the header."""
    match value:
        case str():
            line = value.strip(" \t")
            if _BAD_IN_VALUE.search(line):
                raise BadRequest(_invalid("message/http"))
            return [line]
        case bool() | int() | float():
            return [json.encode(value).decode()]
        case list() if not any(isinstance(inner, list) for inner in value):
            return [line for inner in value for line in _lines(inner)]
    raise BadRequest(_invalid("message/http"))


def _decoded(text: bytes) -> Any:
    try:
        return json.decode(text)
    except BadRequest:
        raise BadRequest(_invalid("message/http")) from None


def _json_type(content_type: str | None) -> bytes:
    """The content-type of a body that is JSON and no string."""
    if content_type is None:
        return _JSON
    kind = media(content_type)
    if kind is None or not kind.is_json:
        raise BadRequest(WRONG_TYPE)
    return content_type.encode()


def _text_body(content_type: str | None, text: str) -> tuple[bytes, bytes]:
    """(content-type, body) of a body that is a string: text, or base64 of the bytes to send."""
    if content_type is None:
        return _HTML, text.encode()
    kind = media(content_type)
    if kind is None:
        raise BadRequest(UNKNOWN_TYPE)
    if kind.form is Form.TEXT:
        return _text_type(kind, content_type), _json_of_base64(text) if kind.is_json else text.encode()
    decoded = _of_base64(text)
    if decoded is not None:
        return content_type.encode(), decoded
    if kind.form is Form.BINARY or not kind.is_textual:
        raise BadRequest(WRONG_TYPE)
    return _text_type(kind, content_type), text.encode()


def _text_type(kind: Media, content_type: str) -> bytes:
    """The content-type of text that we write in UTF-8, whatever the action says."""
    if kind.charset and kind.charset not in _UTF_8:
        return f"{kind.essence}; charset=UTF-8".encode()
    if kind.charset or kind.is_json or kind.essence in _OF_ONE_CHARSET:
        return content_type.encode()
    return f"{content_type}; charset=UTF-8".encode()


def _of_base64(text: str) -> bytes | None:
    """The bytes; None when it is not base64. The padding may be missing."""
    if len(text) % 4:
        text += "=" * (-len(text) % 4)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def _json_of_base64(text: str) -> bytes:
    """JSON text as it is; of base64 the JSON that it holds, which actions of old rely on."""
    if _BASE64.fullmatch(text):
        decoded = _of_base64(text)
        if decoded is not None and _is_json(decoded):
            return decoded
    return text.encode()


def _is_json(text: bytes) -> bool:
    try:
        json.decode(text)
    except BadRequest:
        return False
    return True
