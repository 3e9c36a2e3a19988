"""Who asks: HTTP Basic with a namespace's key, "uuid:secret". Source: OpenWhisk's basic authentication.

The region's own processes show the region's secret instead, and name the namespace in whose name they ask.
"""

from __future__ import annotations

import hmac
from typing import Final

from couchgrass.errors import NotFound, Unauthorized
from couchgrass.functions.entity import Identity
from couchgrass.functions.names import NAMESPACE_HEADER
from couchgrass.functions.store.subjects import Subjects
from couchgrass.serving.asgi import Header, Request
from couchgrass.serving.inner import bearer

CHALLENGE: Final[Header] = (b"www-authenticate", b'Basic realm="OpenWhisk secure realm",charset=UTF-8')


BEARER: Final = bearer("")


def identified(subjects: Subjects, request: Request, region_secret: str = "") -> Identity:
    """The identity of the request's key, or of the namespace that it names when it shows the region's secret;
    without one nothing is believed. Raises Unauthorized; the edge adds the challenge."""
    authorization = request.header(b"authorization")
    if authorization is None:
        raise Unauthorized("The resource requires authentication, which was not supplied with the request")
    namespace = request.header(NAMESPACE_HEADER)
    if namespace is not None and authorization.startswith(BEARER):
        identity = _named(subjects, namespace) if _is_shown(authorization, region_secret) else None
    else:
        identity = subjects.identify(authorization)
    if identity is None:
        raise Unauthorized("The supplied authentication is invalid")
    return identity


def _is_shown(authorization: str, region_secret: str) -> bool:
    shown = hmac.compare_digest(authorization.encode(), bearer(region_secret).encode())
    return shown and bool(region_secret)


def _named(subjects: Subjects, namespace: str) -> Identity | None:
    try:
        return subjects.owner(namespace)
    except NotFound:
        return None
