"""Requests passed on to one of the region's servers, and their answers passed back, both as they come.

Nothing is held but a piece at a time. What fails becomes 502 (NoAnswer), 503 (Crowded) or 504 (Late). When
the client goes, so does the request that was passed on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from couchgrass.dashboard.lost import Crowded, Late, NoAnswer
from couchgrass.dashboard.passed import given_headers
from couchgrass.errors import CouchgrassError, TooLarge
from couchgrass.serving.asgi import Answer, ClientGone, Header, Request

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

UNDER_WAY_MAX: Final = 500
"""Requests at once, feeds among them: ten or so for each page that somebody has open."""

CONNECT_S: Final = 5.0

ANSWER_S: Final = 120.0
"""How long an answer may take to begin, and how long it may pause. A view that is built takes its time, and
an action may take a minute."""

BODY_BYTES_MAX: Final = 2**40
"""Of a request. Nothing is held of it; each server has a limit of its own that is far lower."""

HEADER_BYTES_MAX: Final = 64 * 1024
LOOK_BYTES_MAX: Final = 1024 * 1024

_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_EMPTY: Final = frozenset({204, 304})


class Way(msgspec.Struct, frozen=True):
    """Where a request goes. `who` names the server for people: "the database of london". `base` is its URL
    and `prefix` where it is found here. `headers` are all that go on. `is_feed`: the answer has no end."""

    url: str
    who: str
    base: str
    prefix: str
    headers: list[Header]
    is_feed: bool = False


class Told(msgspec.Struct, frozen=True):
    """A whole answer to a question of our own: its status, its body, and its Set-Cookie headers."""

    status: int
    body: bytes
    cookies: tuple[str, ...] = ()


class Passing:
    """The connections to the region's servers. Made in an event loop; `close` ends it."""

    def __init__(self, *, answer_s: float = ANSWER_S) -> None:
        self._answer_s = answer_s
        self._session: aiohttp.ClientSession | None = None
        self.told = asyncio.Event()
        """Set when the server stops: feeds end then."""
        self.under_way = 0

    def end_feeds(self) -> None:
        """Feeds end now: the server stops."""
        self.told.set()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """For whoever asks the region's servers something of their own. It keeps no cookies."""
        if self._session is None:
            # Only now: a region is not to wait for the start of what nobody looks at yet.
            import aiohttp

            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
                max_line_size=HEADER_BYTES_MAX,
                max_field_size=HEADER_BYTES_MAX,
            )
        return self._session

    async def ask(self, request: Request, way: Way) -> tuple[Answer, tuple[str, ...]]:
        """The answer, and the Set-Cookie headers that came with it and are not in it. Raises NoAnswer, Late,
        Crowded, and what the request's body raises."""
        if self.under_way >= UNDER_WAY_MAX:
            raise Crowded("Too many requests are under way.")
        self.under_way += 1
        try:
            response = await self._begun(request, way)
        finally:
            self.under_way -= 1
        cookies = _cookies(response)
        headers = given_headers(response.raw_headers, base=way.base, prefix=way.prefix)
        if response.status in _EMPTY:
            response.release()
            return Answer(response.status, headers=headers), cookies
        pieces = self._pieces(response, way)
        return Answer(response.status, headers=headers, pieces=pieces), cookies

    async def look(self, url: str, who: str, headers: Mapping[str, str], *, limit_s: float) -> Told:
        """What a server answers to a question of our own. Raises NoAnswer."""
        import aiohttp

        from couchgrass.serving.lost import FAILURES, why
        from couchgrass.serving.whole import whole

        timeout = aiohttp.ClientTimeout(total=limit_s)
        try:
            async with self.session.get(
                _url(url), headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                body = await whole(answer, LOOK_BYTES_MAX)
        except (*FAILURES, TooLarge) as lost:
            raise NoAnswer(f"{who} does not answer: {why(lost)}") from lost
        return Told(answer.status, body, _cookies(answer))

    async def _begun(self, request: Request, way: Way) -> aiohttp.ClientResponse:
        import aiohttp

        from couchgrass.serving.lost import FAILURES, why

        body = _Body(request)
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_S, sock_read=None if way.is_feed else self._answer_s
        )
        asking = asyncio.ensure_future(
            self.session.request(
                request.method,
                _url(way.url),
                headers=_headers(way.headers),
                data=body.pieces() if body.is_there else None,
                timeout=timeout,
                allow_redirects=False,
            )
        )
        try:
            return await (asking if body.is_there else _unless_gone(asking, request))
        except FAILURES as lost:
            if body.broken is not None:
                raise body.broken from lost
            if isinstance(lost, aiohttp.SocketTimeoutError):
                raise Late(f"{way.who} did not answer within {self._answer_s:.0f} s") from lost
            raise NoAnswer(f"{way.who} does not answer: {why(lost)}") from lost

    async def _pieces(self, response: aiohttp.ClientResponse, way: Way) -> AsyncGenerator[bytes, None]:
        from couchgrass.serving.lost import FAILURES, why

        self.under_way += 1
        try:
            # Status and headers go out now: a feed may be silent for long.
            yield b""
            pieces = response.content.iter_any()
            async for piece in until_told(aiter(pieces), self.told) if way.is_feed else pieces:
                yield piece
        except FAILURES as lost:
            # The head is out: all that can be done is to end the connection before the answer's end.
            raise NoAnswer(f"{way.who} broke off: {why(lost)}") from lost
        finally:
            self.under_way -= 1
            response.close()


class _Body:
    """A request's body on its way. `broken`: why it did not come whole."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.broken: CouchgrassError | ClientGone | None = None
        length = request.headers.get(b"content-length")
        # HTTP/2 has an end of a body without any header that tells of it.
        unsaid = not request.scope["http_version"].startswith("1") and request.method not in _BODILESS
        self.is_there = b"transfer-encoding" in request.headers or (
            unsaid if length is None else length.strip() not in (b"", b"0")
        )

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        try:
            async for piece in self._request.pieces(BODY_BYTES_MAX):
                yield piece
        except (CouchgrassError, ClientGone) as broken:
            self.broken = broken
            raise


async def _unless_gone(
    asking: asyncio.Future[aiohttp.ClientResponse], request: Request
) -> aiohttp.ClientResponse:
    """The response; raises ClientGone as soon as nobody waits for it any more."""
    both: set[asyncio.Future[Any]] = {asking, request.hung_up()}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            raise ClientGone
        return asking.result()
    finally:
        if not asking.done():
            asking.cancel()


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    """The next piece, None at the end: a future can't hold StopAsyncIteration."""
    return await anext(pieces, None)


def _url(text: str) -> URL:
    """As it is: nothing of it is decoded and encoded again."""
    from yarl import URL

    return URL(text, encoded=True)


def _cookies(response: aiohttp.ClientResponse) -> tuple[str, ...]:
    """The Set-Cookie headers."""
    return tuple(
        value.decode("latin-1") for name, value in response.raw_headers if name.lower() == b"set-cookie"
    )


def _headers(headers: list[Header]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in headers]


async def until_told(pieces: AsyncIterator[bytes], told: asyncio.Event) -> AsyncGenerator[bytes, None]:
    """A feed that ends when the server is told to stop, whether or not there is a piece."""
    stop: asyncio.Future[Any] = asyncio.ensure_future(told.wait())
    following: asyncio.Future[bytes | None] | None = None
    try:
        while not told.is_set():
            following = asyncio.ensure_future(_next(pieces))
            await asyncio.wait({following, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                return
            piece = following.result()
            if piece is None:
                return
            yield piece
    finally:
        stop.cancel()
        if following is not None and not following.done():
            following.cancel()
            await asyncio.wait({following})
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
