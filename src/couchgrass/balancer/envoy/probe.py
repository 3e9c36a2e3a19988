"""Asks a region's gateway whether it is ready, and finds out where that gateway is.

Certain is only that nobody listens, or that somebody else does. A connection that breaks, a network or a name
that fails, or our own lack of sockets, are no answer: the next probe, or the time that passes, tells more.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from couchgrass.balancer.admission import Absence, Answer, Result, Silence
from couchgrass.balancer.render import Upstream
from couchgrass.errors import TooLarge
from couchgrass.serving.whole import whole

READY_PATH: Final = "/_couchgrass/ready"
ANSWER_BYTES_MAX: Final = 64 * 1024
REASON_CHARS_MAX: Final = 300


class _Told(msgspec.Struct):
    """What counts of a region's `Health`."""

    live: bool
    ready: bool
    region: str = ""
    incarnation: str = ""
    lag_s: float | None = None
    reasons: tuple[str, ...] = ()


class Prober:
    """Asks. Use it in `async with`."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Prober:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, use_dns_cache=False),
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, upstream: Upstream) -> Result:
        """One probe. What breaks on its way is asked once more: if the process has ended, that is refused."""
        try:
            return await self._asked(upstream)
        except (aiohttp.ClientError, OSError):
            pass
        try:
            return await self._asked(upstream)
        except (aiohttp.ClientError, OSError):
            return Silence()

    async def _asked(self, upstream: Upstream) -> Result:
        """Raises ClientError and OSError for what is not certain."""
        assert self._session is not None
        scheme = "https" if upstream.is_tls else "http"
        address = f"[{upstream.address}]" if ":" in upstream.address else upstream.address
        url = f"{scheme}://{address}:{upstream.port}{READY_PATH if upstream.is_ours else '/'}"
        try:
            async with self._session.get(
                url,
                headers={"Host": upstream.hostname} if upstream.hostname else {},
                server_hostname=upstream.hostname or None if upstream.is_tls else None,
                allow_redirects=False,
            ) as answer:
                text = await whole(answer, ANSWER_BYTES_MAX)
                return _result(upstream, answer.status, text)
        except TimeoutError:
            return Silence()
        except TooLarge as endless:
            return Absence(f"its gateway says too much: {endless.reason}")
        except (aiohttp.ClientSSLError, aiohttp.ClientConnectorError) as lost:
            if isinstance(lost, aiohttp.ClientSSLError) or lost.os_error.errno == errno.ECONNREFUSED:
                return Absence(f"its gateway does not answer: {_why(lost)}")
            raise


def _result(upstream: Upstream, status: int, text: bytes) -> Result:
    if not upstream.is_ours:
        return Answer(True, True) if status < 500 else Absence(f"its gateway answers with {status}")
    try:
        told = msgspec.json.decode(text, type=_Told)
    except msgspec.DecodeError:
        return Absence(f"its gateway answers {status} and nothing about its health")
    if told.region and told.region != upstream.region:
        return Absence(f"there is the region {told.region[:64]} instead")
    reason = "; ".join(told.reasons)[:REASON_CHARS_MAX]
    return Answer(told.live, told.live and told.ready, told.incarnation, told.lag_s, reason)


def _why(lost: Exception) -> str:
    inner = getattr(lost, "os_error", None) or lost
    number = getattr(inner, "errno", None)
    if isinstance(inner, OSError) and number:
        return os.strerror(number)
    return str(inner) or type(inner).__name__


async def find(region: str, url: str, *, is_ours: bool) -> Upstream:
    """Where a gateway's URL leads. Raises OSError when its name can't be looked up."""
    parts = urlsplit(url)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # IPv4 first: where both are known, it is the one that works everywhere.
    address = min(found, key=lambda one: one[0] != socket.AF_INET)[4][0]
    named = not _is_address(host) and (is_tls or not is_ours)
    return Upstream(region, str(address), port, host if named else "", is_tls, is_ours)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
