"""Whether a URL is that of todos that take the drill's load."""

from __future__ import annotations

from typing import Any, Final

import aiohttp

from couchgrass.errors import BadRequest

PROBE_S: Final = 15.0
BODY_BYTES_MAX: Final = 100_000
TITLE: Final = "drill: is anybody there?"


async def check_todos(url: str) -> None:
    """Makes a todo there and removes it. Raises BadRequest, which says what is wrong."""
    timeout = aiohttp.ClientTimeout(total=PROBE_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            async with session.post(url, json={"title": TITLE, "order": 0}) as answer:
                found = await _read(answer, url)
            async with session.delete(f"{url}/{found['id']}") as answer:
                await answer.read()
    except (aiohttp.ClientError, TimeoutError, OSError) as broken:
        raise BadRequest(f"{url} does not answer: {broken or type(broken).__name__}") from broken


async def _read(answer: aiohttp.ClientResponse, url: str) -> dict[str, Any]:
    if answer.status == 401:
        raise BadRequest(f"{url} asks for a sign-in: a drill needs an API that is open")
    if not 200 <= answer.status < 300:
        raise BadRequest(f"{url} answers a new todo with {answer.status}: deploy the todo app, or name --api")
    try:
        found = await answer.json(content_type=None)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("id"), str):
        raise BadRequest(f"{url} is no API of todos: a new one gets no id")
    return found
