"""Who asks: HTTP Basic with a namespace's key, "uuid:secret". Source: OpenWhisk's basic authentication."""

from __future__ import annotations

from typing import Final

from couchgrass.errors import Unauthorized
from couchgrass.functions.entity import Identity
from couchgrass.functions.store.subjects import Subjects
from couchgrass.serving.asgi import Header, Request

CHALLENGE: Final[Header] = (b"www-authenticate", b'Basic realm="OpenWhisk secure realm",charset=UTF-8')


def identified(subjects: Subjects, request: Request) -> Identity:
    """The identity of the request's key. Raises Unauthorized; the edge adds the challenge."""
    authorization = request.header(b"authorization")
    if authorization is None:
        raise Unauthorized("The resource requires authentication, which was not supplied with the request")
    identity = subjects.identify(authorization)
    if identity is None:
        raise Unauthorized("The supplied authentication is invalid")
    return identity
