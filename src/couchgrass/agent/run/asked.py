"""One server of the region, asked over connections that are kept; bounded in time and size.

What goes wrong is told in few words, and whether it means that nobody listens there.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Mapping
from types import TracebackType
from typing import Final, NamedTuple

import aiohttp
from yarl import URL

from couchgrass.couch.transport import FAILURES, why
from couchgrass.errors import CouchgrassError, TooLarge
from couchgrass.serving.whole import whole

ANSWER_BYTES_MAX: Final = 64 * 1024
CONNECTIONS_MAX: Final = 8


class Unreached(CouchgrassError):
    """There is no answer. `gone`: nobody listens at the address."""

    def __init__(self, reason: str, *, gone: bool = False) -> None:
        super().__init__(reason)
        self.gone = gone


class Told(NamedTuple):
    """An answer."""

    status: int
    body: bytes


class Asked:
    """To be used in `async with`."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Asked:
        connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX)
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit_s: float,
        bytes_max: int = ANSWER_BYTES_MAX,
    ) -> Told:
        """Raises TimeoutError after `limit_s`, and Unreached."""
        assert self._session is not None, "only inside of `async with`"
        try:
            async with (
                asyncio.timeout(limit_s),
                self._session.request(
                    method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False
                ) as answer,
            ):
                return Told(answer.status, await whole(answer, bytes_max))
        except TimeoutError:
            raise
        except TooLarge as endless:
            raise Unreached(endless.reason) from None
        except FAILURES as broken:
            raise Unreached(why(broken), gone=_is_gone(broken)) from None


def _is_gone(broken: BaseException) -> bool:
    return isinstance(broken, aiohttp.ClientConnectorError) and broken.os_error.errno == errno.ECONNREFUSED
