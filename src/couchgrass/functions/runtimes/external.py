"""A cell that is reached by URL: any runtime that speaks OpenWhisk's /init and /run.

Its log can't be had, and to end it is the matter of whoever runs it: `close` only stops talking to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import aiohttp
import msgspec

from couchgrass.functions.activation import RESULT_BYTES_MAX
from couchgrass.functions.runtimes.cell import Code, End, LogLines, Outcome

_JSON: Final = {"Content-Type": "application/json"}
_CHUNK_BYTES: Final = 64 * 1024


class Value(msgspec.Struct, frozen=True):
    """What /init is told."""

    name: str
    main: str
    code: str
    binary: bool
    env: Mapping[str, str]


class ExternalCell:
    """`url` is the runtime's, without a path or with what stands before /init."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._asking: asyncio.Task[Outcome] | None = None
        self._closed = False

    @property
    def alive(self) -> bool:
        return not self._closed

    async def init(self, code: Code, env: Mapping[str, str], *, timeout_s: float, logs: LogLines) -> Outcome:
        value = Value(
            name=code.name,
            main=code.main or "main",
            code=code.text.decode("utf-8", "replace"),
            binary=code.binary,
            env=env,
        )
        return await self._ask("/init", msgspec.json.encode({"value": value}), timeout_s)

    async def run(self, message: bytes, *, timeout_s: float, logs: LogLines) -> Outcome:
        return await self._ask("/run", message, timeout_s)

    async def close(self) -> None:
        self._closed = True
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self, path: str, body: bytes, timeout_s: float) -> Outcome:
        if self._closed:
            return Outcome(End.DIED)
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._asking = asking = loop.create_task(self._exchange(path, body))
        try:
            done, _ = await asyncio.wait((asking,), timeout=timeout_s)
        except asyncio.CancelledError:
            self._closed = True
            asking.cancel()
            raise
        finally:
            self._asking = None
        if not done:
            asking.cancel()
            self._closed = True
            outcome = Outcome(End.TIMED_OUT)
        elif asking.cancelled():
            outcome = Outcome(End.DIED)
        else:
            outcome = asking.result()
        self._closed |= outcome.end is not End.DONE
        return msgspec.structs.replace(outcome, took_ms=(loop.time() - started) * 1000)

    async def _exchange(self, path: str, body: bytes) -> Outcome:
        timeout = aiohttp.ClientTimeout(total=None)
        try:
            async with self._session.post(
                self._url + path, data=body, headers=_JSON, timeout=timeout, allow_redirects=False
            ) as answer:
                kept, size = bytearray(), 0
                async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
                    kept += chunk[: RESULT_BYTES_MAX - len(kept)]
                    size += len(chunk)
                    if size > RESULT_BYTES_MAX:
                        size = max(size, answer.content_length or 0)
                        break
                end = End.DONE if size <= RESULT_BYTES_MAX else End.TOO_LARGE
                return Outcome(end, answer.status, bytes(kept), size)
        except (aiohttp.ClientError, OSError, ValueError):
            return Outcome(End.DIED)
