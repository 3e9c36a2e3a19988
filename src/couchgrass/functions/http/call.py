"""One call of the REST API, after the sign-in: who asks, for which namespace and names, with what options.

An endpoint takes a Call and returns an Answer. The collections say in a table which of them serves what.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

from couchgrass import json
from couchgrass.errors import BadContentType, BadRequest, TooLarge
from couchgrass.functions.entity import Identity
from couchgrass.functions.http.query import Query
from couchgrass.functions.limits import PAYLOAD_BYTES_MAX, check_bytes
from couchgrass.functions.rights import forbid
from couchgrass.serving.asgi import Answer, Header, Request

ACTIVATION_ID_HEADER: Final = b"x-openwhisk-activation-id"
_JSON_TYPE: Final = (b"content-type", b"application/json")
"""Exactly so, without a charset: wskdeploy trusts no other spelling."""


class Call:
    """`namespace` is the real one, `_` is resolved. `names` are the segments behind the collection, decoded:
    (), ("trigger",), ("package", "action"), ("activation id", "logs")."""

    __slots__ = ("identity", "names", "namespace", "query", "request", "transaction_id")

    def __init__(
        self,
        request: Request,
        identity: Identity,
        *,
        namespace: str,
        names: tuple[str, ...],
        transaction_id: str,
    ) -> None:
        self.request = request
        self.identity = identity
        self.namespace = namespace
        self.names = names
        self.transaction_id = transaction_id
        self.query = Query(request.query_string)

    @property
    def is_owner(self) -> bool:
        """The namespace asked for is the caller's own."""
        return self.identity.namespace == self.namespace

    @property
    def path(self) -> str:
        """What is asked for, as the texts of refusals name it: "ns/name"."""
        return "/".join((self.namespace, *self.names))

    def for_owner(self) -> None:
        """Raises Forbidden in a foreign namespace."""
        if not self.is_owner:
            forbid(self.path)

    async def payload(self) -> dict[str, Any]:
        """The body of an invocation: an object, {} when there is none."""
        body = await self.body(PAYLOAD_BYTES_MAX)
        return self.parsed(body) if body else {}

    async def content(self, bytes_max: int) -> dict[str, Any]:
        """The body of a PUT: an object."""
        return self.parsed(await self.body(bytes_max))

    async def body(self, bytes_max: int) -> bytes:
        """The body's bytes. Raises TooLarge."""
        length = self.request.headers.get(b"content-length", b"")
        if length.isdigit():
            check_bytes("Request", int(length), bytes_max)
        try:
            return await self.request.body(bytes_max)
        except TooLarge:
            raise TooLarge(f"Request larger than allowed: over {bytes_max} bytes.") from None

    def parsed(self, body: bytes) -> dict[str, Any]:
        """A body as the object that it has to be. Raises BadRequest, BadContentType."""
        if not body:
            raise BadRequest("Request entity expected but not supplied")
        kind = self.request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != b"application/json":
            raise BadContentType("The request's Content-Type is not supported. Expected:\napplication/json")
        try:
            value = json.decode(body)
        except BadRequest as bad:
            raise BadRequest(f"The request content was malformed:\n{bad.reason}") from bad
        if not isinstance(value, dict):
            raise BadRequest("The request content was malformed:\nObject expected")
        return value


Endpoint = Callable[[Call], Awaitable[Answer]]


class Shape(NamedTuple):
    """A path's form: the collection, how many names are behind it, and whether a slash ends it."""

    collection: bytes
    names: int = 0
    slash: bool = False


Routes = Mapping[Shape, Mapping[str, Endpoint]]
"""Which endpoint serves which form of path and method. A GET serves HEAD too."""


def listed(collection: bytes, endpoint: Endpoint) -> dict[Shape, dict[str, Endpoint]]:
    """The routes of a list, with and without a slash at the end."""
    return {Shape(collection): {"GET": endpoint}, Shape(collection, 0, True): {"GET": endpoint}}


def answered(value: Any, status: int = 200, headers: list[Header] | None = None) -> Answer:
    """A JSON answer. `value` may hold `msgspec.Raw`."""
    return Answer(status, json.encode(value), [_JSON_TYPE, *(headers or ())])


def answered_text(body: bytes, status: int = 200, headers: list[Header] | None = None) -> Answer:
    """A JSON answer whose body is encoded already."""
    return Answer(status, body, [_JSON_TYPE, *(headers or ())])
