"""A request to a web action: which action it means, who may call it, and the parameters that it is given.

Source: OpenWhisk (docs/webactions.md and its controller). The path is
``NAMESPACE/PACKAGE/ACTION[.EXTENSION][/REST]``; the package of an action that is in none is "default".
Parameters are the query's, under the body's, with the request itself in ``__ow_*``; those of the action and
its packages are merged under them by whoever invokes it. A raw action gets query and body as they are.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from couchgrass import json
from couchgrass.errors import BadRequest, NotFound
from couchgrass.functions.cookies import without_sessions
from couchgrass.functions.names import NO_PACKAGE, is_name
from couchgrass.functions.webaction_media import FORM, JSON, Form, media

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")

BODY_BYTES_MAX: Final = 1024 * 1024
"""OpenWhisk's limit for the parameters of an invocation."""

FIELDS_MAX: Final = 10_000
"""Fields of a form or a query; taking them apart keeps everybody else waiting."""

NESTING_MAX: Final = 500
"""How deep a JSON body may nest: so that whoever it is handed on to can encode and decode it, too."""

TARGETS_KNOWN: Final = 1_000
"""Beginnings of paths that are remembered with what they name."""

NO_RESOURCE: Final = "The requested resource does not exist."
NOT_ALLOWED: Final = "Request defines parameters that are not allowed (e.g., reserved properties)."

RESERVED: Final = frozenset(
    ("__ow_method", "__ow_headers", "__ow_path", "__ow_user", "__ow_query", "__ow_body")
)

SECRET_HEADER: Final = b"x-require-whisk-auth"


class Extension(Enum):
    """What becomes of the action's result."""

    HTTP = ".http"
    JSON = ".json"
    HTML = ".html"
    SVG = ".svg"
    TEXT = ".text"


class Target(msgspec.Struct, frozen=True):
    """What a path names. `package` is "" for none; `path` is the rest as it came, "" or with its slash."""

    namespace: str
    package: str
    action: str
    extension: Extension
    path: str


def target(path: bytes) -> Target:
    """What is behind ``/api/v1/web/``, percent-encoded as it came. Raises NotFound."""
    parts = path.split(b"/", 3)
    if len(parts) < 3:
        raise NotFound(NO_RESOURCE)
    rest = "/" + _ascii(parts[3]) if len(parts) == 4 else ""
    return Target(*_named(parts[0], parts[1], parts[2]), rest)


@lru_cache(TARGETS_KNOWN)
def _named(*segments: bytes) -> tuple[str, str, str, Extension]:
    """What the first three segments name. Raises NotFound, which is not remembered."""
    namespace, package, action = map(_name, segments)
    extension = Extension.HTTP
    for known in Extension:
        if action.endswith(known.value):
            action, extension = action.removesuffix(known.value), known
            break
    if not is_name(action):
        raise NotFound(NO_RESOURCE)
    return namespace, "" if package == NO_PACKAGE else package, action, extension


def _name(segment: bytes) -> str:
    text = (unquote_to_bytes(segment) if b"%" in segment else segment).decode("latin-1")
    if not is_name(text):
        raise NotFound(NO_RESOURCE)
    return text


def _ascii(path: bytes) -> str:
    """A path's text; bytes that should have been percent-encoded are."""
    if path.isascii():
        return path.decode("ascii")
    return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in path)


class Export(msgspec.Struct, frozen=True):
    """How an action is open to the web. `secret`: True wants any valid key, a text wants that text in
    X-Require-Whisk-Auth, None wants nothing, False lets nobody in."""

    raw: bool
    custom_options: bool
    secret: str | bool | None


def export(annotations: Mapping[str, Any]) -> Export:
    """What an action's annotations say. Raises NotFound when it is no web action."""
    if annotations.get("web-export") is not True:
        raise NotFound(NO_RESOURCE)
    return Export(
        raw=annotations.get("raw-http") is True,
        custom_options=annotations.get("web-custom-options") is True,
        secret=_secret(annotations.get("require-whisk-auth", False)),
    )


def _secret(annotation: Any) -> str | bool | None:
    match annotation:
        case bool():
            return annotation or None
        case str():
            return annotation
        case int() | float():
            return json.encode(annotation).decode()
    return False


def is_open_to(export: Export, *, has_key: bool, secret: bytes | None) -> bool:
    """Whether a caller may go on who sent a valid key or not, and this X-Require-Whisk-Auth."""
    match export.secret:
        case None:
            return True
        case bool(wants_key):
            return wants_key and has_key
        case str(wanted):
            return secret is not None and hmac.compare_digest(secret, wanted.encode())


class Asked(msgspec.Struct, frozen=True):
    """A request. Header names are in lower case; `query` is raw, `path` the target's, `user` the namespace of
    the caller's key, None without a valid one."""

    method: str
    path: str
    query: bytes
    headers: Mapping[bytes, bytes]
    user: str | None = None


def payload(asked: Asked, body: bytes, *, raw: bool, fixed: frozenset[str]) -> dict[str, Any]:
    """The parameters of the invocation. `fixed`: keys that the caller must not give.

    Raises BadRequest for a caller's parameter that is reserved or fixed, and for a body that is not what it
    says it is.
    """
    query = _text(asked.query)
    if raw:
        parameters: dict[str, Any] = {"__ow_query": query, "__ow_body": _raw_body(asked.headers, body)}
    else:
        parameters = _fields(query) if query else {}
        has_own_body, value = _body(asked.headers, body)
        if not has_own_body:
            parameters.update(value)
        if parameters and not (RESERVED.isdisjoint(parameters) and fixed.isdisjoint(parameters)):
            raise BadRequest(NOT_ALLOWED)
        if has_own_body:
            parameters["__ow_body"] = value
    parameters["__ow_method"] = asked.method.lower()
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in asked.headers.items()}
    if cookie := asked.headers.get(b"cookie"):
        headers["cookie"] = without_sessions(cookie).decode("latin-1")
        if not headers["cookie"]:
            del headers["cookie"]
    parameters["__ow_headers"] = headers
    parameters["__ow_path"] = asked.path
    if asked.user is not None:
        parameters["__ow_user"] = asked.user
    return parameters


def _body(headers: Mapping[bytes, bytes], body: bytes) -> tuple[bool, Any]:
    """(False, parameters) or (True, the value of __ow_body)."""
    header = headers.get(b"content-type")
    if header is None:
        return (True, _base64(body)) if body else (False, {})
    kind = media(header.decode("latin-1"))
    if kind is not None and kind.is_json:
        value = _json(body) if body else {}
        return not isinstance(value, dict), value
    if kind is not None and kind.essence == FORM:
        return False, _fields(_text(body))
    return True, _text(body) if kind is not None and kind.form is Form.TEXT else _base64(body)


def _raw_body(headers: Mapping[bytes, bytes], body: bytes) -> str:
    kind = media(headers.get(b"content-type", b"").decode("latin-1"))
    if kind is not None and kind.form is Form.TEXT and kind.essence != JSON:
        return _text(body)
    return _base64(body)


def _json(body: bytes) -> Any:
    if body.count(b"[") + body.count(b"{") > NESTING_MAX and _nesting(body) > NESTING_MAX:
        raise BadRequest(f"The request content was malformed: it nests more than {NESTING_MAX} levels deep.")
    try:
        return json.decode(body)
    except BadRequest:
        raise BadRequest("The request content was malformed: it is not JSON.") from None


_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(rb"[\[{]|[\]}]")


def _nesting(body: bytes) -> int:
    """How deep the brackets outside of strings nest."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", body)):
        if bracket in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def _fields(text: str) -> dict[str, Any]:
    """The fields of a query or form; the last of a name counts."""
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        raise BadRequest(f"The request has more than {FIELDS_MAX} fields.") from None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
