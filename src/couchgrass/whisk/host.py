"""JSON requests to an OpenWhisk, in the name of one namespace.

Every call is bounded in time and size. A refusal comes as an error of the family of `couchgrass.errors`, with
a note that names the host and the request. Requests that only read are tried again when the host does not
answer; those that write only when it said that it did nothing: a throttle (429), and OpenWhisk's write race.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from couchgrass import json
from couchgrass.errors import BadRequest, CouchgrassError, PeerLost, TooLarge, from_answer
from couchgrass.serving.lost import FAILURES, why
from couchgrass.serving.whole import whole

TIMEOUT_S: Final = 90.0
"""A blocking invocation takes up to 60 s."""

CONNECT_S: Final = 10.0
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
"""An action has 48 MB of code, and JSON escapes some of it."""

TRIES_MAX: Final = 5
PAUSE_S: Final = 0.2
AT_ONCE_MAX: Final = 8
"""Requests to one host at a time."""

CONFLICT, TOO_MANY, FAILED, DOWN = 409, 429, 502, 503
WRITE_RACE: Final = "Concurrent modification"
"""What OpenWhisk's 409 says when nothing was written because somebody else wrote meanwhile."""


class Refused(CouchgrassError):
    """An action of the host answered that it won't: a feed's, or one that manages APIs. Nothing is
    unknown."""

    status = FAILED
    error = "refused"


def path(*segments: str) -> str:
    """A path of whole segments, each percent-encoded."""
    return "/" + "/".join(quote(segment, safe="@") for segment in segments)


class WhiskHost:
    """`base` is the host's URL, which errors name. `key` is "uuid:secret"; "" for nobody."""

    def __init__(self, base: str, key: str = "", *, timeout_s: float = TIMEOUT_S) -> None:
        self.base = base.rstrip("/")
        self.key = key
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(CONNECT_S, timeout_s))
        self._session: aiohttp.ClientSession | None = None
        self._places = asyncio.Semaphore(AT_ONCE_MAX)

    def __repr__(self) -> str:
        return f"WhiskHost({self.base!r})"

    async def __aenter__(self) -> WhiskHost:
        self._session = aiohttp.ClientSession(timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()
        self._session = None

    async def ask(
        self, method: str, where: str, body: Any = None, *, query: Mapping[str, str] | None = None
    ) -> Any:
        """The JSON of the answer, None for an empty one. `where` is percent-encoded, below the host's URL.

        Raises the host's refusal, Refused what an action refuses, PeerLost when nobody answers or it is no
        OpenWhisk that does.
        """
        headers = {"accept": "application/json"}
        if self.key:
            headers["authorization"] = "Basic " + base64.b64encode(self.key.encode()).decode()
        sent = None
        if body is not None:
            sent, headers["content-type"] = json.encode(body), "application/json"
        url = self.base + where + ("?" + urlencode(query) if query else "")
        async with self._places:
            for attempt in range(TRIES_MAX):
                try:
                    return _read(*await self._once(method, url, sent, headers), self.base)
                except CouchgrassError as refusal:
                    if attempt + 1 == TRIES_MAX or not _try_again(method, refusal):
                        refusal.add_note(f"{self.base} was asked {method} {where}")
                        raise
                await asyncio.sleep(PAUSE_S * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    async def _once(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        assert self._session is not None, "only inside of `async with`"
        try:
            async with self._session.request(
                method, URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status, await whole(answer, ANSWER_BYTES_MAX)
        except TooLarge as endless:
            raise TooLarge(f"{self.base}: {endless.reason}") from None
        except FAILURES as broken:
            is_down = isinstance(broken, aiohttp.ClientConnectorError)
            # Without its cause, which may hold the request with its headers.
            raise PeerLost(f"{self.base}: {why(broken)}", is_down=is_down) from None


def _try_again(method: str, refusal: CouchgrassError) -> bool:
    if refusal.status == TOO_MANY:
        return True
    if refusal.status == CONFLICT:
        return WRITE_RACE in refusal.reason
    is_lost = isinstance(refusal, PeerLost) or refusal.status == DOWN
    return method == "GET" and is_lost and not getattr(refusal, "is_down", False)


def _read(status: int, text: bytes, name: str) -> Any:
    try:
        answer = json.decode(text) if text.strip() else None
    except BadRequest:
        answer = text
    if status < 300 and not isinstance(answer, bytes):
        return answer
    if status == FAILED and isinstance(answer, dict) and "code" not in answer:
        raise Refused(_told_by_action(answer))
    if isinstance(answer, dict) and "error" in answer and status >= 400:
        raise from_answer(status, "", str(answer["error"]))
    if status >= 500:
        raise PeerLost(f"{name}: answered {status}")
    raise PeerLost(f"{name}: answered {status} and nothing that an OpenWhisk says: is it one?")


def _told_by_action(answer: Mapping[str, Any]) -> str:
    """What an action's failure says: of a record of its activation, or of its bare result."""
    response = answer.get("response")
    result = response.get("result") if isinstance(response, dict) else answer
    error = result.get("error") if isinstance(result, dict) else result
    if isinstance(error, dict):
        error = error.get("error") or error.get("message") or error
    return error if isinstance(error, str) else json.encode(error).decode()
