"""Which endpoint a method means."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass.docdb.access import Right
from couchgrass.docdb.http.endpoint import Endpoint, Methods, pick
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import Answer, Response
from couchgrass.errors import MethodNotAllowed


async def read(request: Request) -> Answer:
    return Response(200)


async def write(request: Request) -> Answer:
    return Response(201)


READ, WRITE = Endpoint(read, Right.READ), Endpoint(write, Right.WRITE)
BOTH: Methods = {"PUT": WRITE, "GET": READ}


def asking(method: str) -> Request:
    server: Any = None  # nothing of it is needed to pick an endpoint
    scope: dict[str, Any] = {
        "method": method,
        "raw_path": b"/",
        "query_string": b"",
        "headers": [],
        "client": None,
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    return Request(server, scope, receive)


@pytest.mark.parametrize(("method", "endpoint"), [("GET", READ), ("HEAD", READ), ("PUT", WRITE)])
def test_head_is_answered_by_what_answers_get(method: str, endpoint: Endpoint) -> None:
    assert pick(asking(method), BOTH) is endpoint


@pytest.mark.parametrize("method", ["POST", "DELETE", "get", "", "OPTIONS"])
def test_another_method_is_told_those_that_are_allowed(method: str) -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        pick(asking(method), BOTH)
    assert refused.value.allowed == ("GET", "HEAD", "PUT")
    assert refused.value.reason == "Only GET,HEAD,PUT allowed"


def test_without_get_there_is_no_head() -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        pick(asking("HEAD"), {"POST": WRITE})
    assert refused.value.allowed == ("POST",)
