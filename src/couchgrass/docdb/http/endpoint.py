"""An endpoint: what runs, and the right that its caller must have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from couchgrass.docdb.access import Right
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import Answer
from couchgrass.errors import MethodNotAllowed

Run = Callable[[Request], Awaitable[Answer]]


class Endpoint(NamedTuple):
    """`right` None: anyone may ask, or `run` checks it, for what depends on the path or the settings."""

    run: Run
    right: Right | None


Methods = dict[str, Endpoint]
"""Endpoints by method. HEAD is answered by GET's."""


def pick(request: Request, methods: Methods) -> Endpoint:
    """The endpoint for the request's method. Raises MethodNotAllowed."""
    method = "GET" if request.method == "HEAD" else request.method
    endpoint = methods.get(method)
    if endpoint is None:
        allowed = [*methods, "HEAD"] if "GET" in methods else list(methods)
        raise MethodNotAllowed(*sorted(allowed))
    return endpoint
