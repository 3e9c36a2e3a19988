"""The body of an answer that is read with aiohttp: to its end, and no further than a bound.

`StreamReader.read` gives what has come so far, which of a large answer is its beginning.
"""

from __future__ import annotations

import aiohttp

from couchgrass.errors import TooLarge


async def whole(answer: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    """All of it. Raises TooLarge as soon as it is, and what keeps it from coming (`serving/lost.py`)."""
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > bytes_max:
            raise TooLarge(f"an answer is larger than {bytes_max} bytes")
    return bytes(body)
