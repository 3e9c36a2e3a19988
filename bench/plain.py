"""A function behind granian without any platform: what a user would write instead of an action.

    granian --interface asginl --no-ws bench.plain:app

It takes what a web action takes, query and JSON body as one object, and sends what the function returns.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl


def main(args: dict[str, Any]) -> dict[str, Any]:
    """The function: the no-op of the benchmark."""
    return {"ok": True}


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The application around it."""
    if scope["type"] != "http":
        return
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    args: dict[str, Any] = dict(parse_qsl(scope["query_string"].decode()))
    if body:
        args.update(json.loads(body))
    text = json.dumps(main(args)).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
    )
    await send({"type": "http.response.body", "body": text})
