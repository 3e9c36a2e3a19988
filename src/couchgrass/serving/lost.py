"""What aiohttp raises when an answer does not come, and what that means in words."""

from __future__ import annotations

import os
from typing import Final

import aiohttp

FAILURES: Final = (aiohttp.ClientError, TimeoutError, OSError, UnicodeError)
"""UnicodeError: a host that no name can be."""


def why(broken: BaseException) -> str:
    """What went wrong, in few words and without a URL, which might hold a secret."""
    if isinstance(broken, aiohttp.ClientConnectorCertificateError):
        return f"its TLS certificate is refused: {broken.certificate_error}"
    if isinstance(broken, aiohttp.ClientConnectorDNSError):
        return "the name can't be resolved"
    if isinstance(broken, aiohttp.ClientConnectorSSLError):
        return "no TLS is spoken there: is it http:// instead of https://?"
    if isinstance(broken, aiohttp.ClientConnectorError):
        # asyncio's own text repeats the address instead of saying what is wrong.
        number = broken.os_error.errno
        return (os.strerror(number) if number else "connection failed").lower()
    if isinstance(broken, TimeoutError):
        return "no answer in time"
    if isinstance(broken, aiohttp.ClientConnectionError | ConnectionError):
        return "the connection was closed"
    if isinstance(broken, aiohttp.InvalidURL | UnicodeError):
        return "the URL is not valid"
    if isinstance(broken, aiohttp.ClientHttpProxyError):
        return f"the proxy answered {broken.status}"
    if isinstance(broken, aiohttp.ClientResponseError):
        return "its answer is no HTTP"
    if isinstance(broken, aiohttp.ClientPayloadError):
        return "the answer is not whole"
    return type(broken).__name__
