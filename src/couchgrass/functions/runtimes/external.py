"""Cells that are reached by URL: any runtime that speaks OpenWhisk's /init and /run.

Behind a URL is one process, which OpenWhisk's runtimes let take one action's code once: a second /init is
refused. So all cells of a URL share what is known of it. The first one loads the code; further ones of the
same action find it loaded; another action is told that the runtime is taken, unless its /init is taken after
all. Which action was loaded last is noted in a file too: a runtime that refuses /init after a restart of
ours, or after a run that failed, has that action still.

The log of such a runtime can't be had, and to end it is the matter of whoever runs it: `close` only stops
talking to it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from couchgrass.functions.activation import RESULT_BYTES_MAX
from couchgrass.functions.runtimes.cell import Code, End, LogLines, Outcome
from couchgrass.serving.files import put_file

WAIT_S: Final = 300.0
"""How long a run may wait for others in the same runtime; as long as it may wait for a process here."""

TAKEN: Final = (
    "The runtime of this kind has loaded other code, and takes no more: restart it, or give each action a "
    "runtime with a URL of its own."
)
BUSY: Final = "The runtime of this kind was busy with other runs for too long."

_JSON: Final = {"Content-Type": "application/json"}
_CHUNK_BYTES: Final = 64 * 1024
_REFUSED: Final = 403
_REFUSAL: Final = b"more than once"
"""What OpenWhisk's runtimes say of a second /init; not all of them with that status."""

log = logging.getLogger("couchgrass.functions")


class Value(msgspec.Struct, frozen=True):
    """What /init is told."""

    name: str
    main: str
    code: str
    binary: bool
    env: Mapping[str, str]


class Loading(msgspec.Struct, frozen=True):
    """What a cell wants loaded: the body of /init, and a key that is the same for what can share it."""

    key: str
    body: bytes


def loading(path: str, code: Code, env: Mapping[str, str]) -> Loading:
    """Of the action at `path`. What differs with each activation is not in the key, nor is the version: a
    change that leaves the code as it is needs no new process."""
    value = Value(
        name=code.name,
        main=code.main or "main",
        code=code.text.decode("utf-8", "replace"),
        binary=code.binary,
        env=env,
    )
    own = {name: text for name, text in env.items() if not name.startswith("__OW_")}
    same = [path, env.get("__OW_NAMESPACE"), code.digest, value.main, code.binary, sorted(own.items())]
    key = hashlib.sha256(msgspec.json.encode(same)).hexdigest()
    return Loading(key, msgspec.json.encode({"value": value}))


class ExternalRuntime:
    """The runtime at a URL, given without a path or with what stands before /init. `note`: the file that
    keeps what it has loaded; None: that is forgotten with this process."""

    def __init__(self, session: aiohttp.ClientSession, url: str, note: Path | None = None) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._note = note
        self._loaded = _read(note)
        self._is_sure = False
        self._running = 0
        self._freed = asyncio.Event()

    async def load(self, wanted: Loading, *, timeout_s: float, most: int) -> Outcome:
        """Has the code loaded: status 200, or why not."""
        async with self._turn(wanted, most) as has_turn:
            return await _timed(self._load(wanted), timeout_s) if has_turn else _refusal(502, BUSY)

    async def run(self, wanted: Loading, message: bytes, *, timeout_s: float, most: int) -> Outcome:
        """Runs it, at most `most` of one code at a time. Other code that was loaded since is put out first,
        if the runtime lets us."""

        async def loaded_and_run() -> Outcome:
            loaded = await self._load(wanted)
            return await self._exchange("/run", message) if loaded.status == 200 else loaded

        async with self._turn(wanted, most) as has_turn:
            if not has_turn:
                return _refusal(502, BUSY)
            outcome = await _timed(loaded_and_run(), timeout_s)
            # A runtime that was restarted has no code: look again.
            self._is_sure &= outcome.end is End.DONE and outcome.status == 200
            return outcome

    @asynccontextmanager
    async def _turn(self, wanted: Loading, most: int) -> AsyncIterator[bool]:
        """Alone in the runtime, or beside runs of the same code. False: it came to no turn."""

        try:
            async with asyncio.timeout(WAIT_S):
                while self._running and not (self._has(wanted) and self._running < most):
                    await self._freed.wait()
        except TimeoutError:
            yield False
            return
        self._running += 1
        try:
            yield True
        finally:
            self._running -= 1
            self._freed.set()
            self._freed = asyncio.Event()

    def _has(self, wanted: Loading) -> bool:
        return self._is_sure and self._loaded == wanted.key

    async def _load(self, wanted: Loading) -> Outcome:
        if self._has(wanted):
            return Outcome(End.DONE, 200, b"{}", 2)
        self._is_sure = False
        outcome = await self._exchange("/init", wanted.body)
        if outcome.end is not End.DONE:
            return outcome
        if outcome.status == 200:
            if self._loaded != wanted.key:
                self._loaded = wanted.key
                await asyncio.to_thread(self._write)
        elif outcome.status != _REFUSED and _REFUSAL not in outcome.body:
            return outcome
        elif self._loaded != wanted.key:
            log.warning("the runtime at %s has other code and takes no more", self._url)
            return _refusal(_REFUSED, TAKEN)
        self._is_sure = True
        return Outcome(End.DONE, 200, outcome.body, outcome.size)

    def _write(self) -> None:
        if self._note is None:
            return
        try:
            put_file(self._note, self._loaded.encode())
        except OSError as refused:
            log.warning("what the runtime at %s has loaded can't be noted: %s", self._url, refused)

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


class ExternalRuntimes:
    """The runtimes by URL, each once. `folder`: for their notes."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._session: aiohttp.ClientSession | None = None
        self._runtimes: dict[str, ExternalRuntime] = {}

    def at(self, url: str) -> ExternalRuntime:
        """On the event loop."""
        if url not in self._runtimes:
            self._session = self._session or aiohttp.ClientSession()
            name = hashlib.sha256(url.encode()).hexdigest()
            note = None if self._folder is None else self._folder / name
            self._runtimes[url] = ExternalRuntime(self._session, url, note)
        return self._runtimes[url]

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()


class ExternalCell:
    """One of the cells of a runtime. `path`: the action's, "ns/pkg/act". `concurrency`: of the action."""

    def __init__(self, runtime: ExternalRuntime, path: str, concurrency: int = 1) -> None:
        self._runtime = runtime
        self._path = path
        self._concurrency = concurrency
        self._wanted: Loading | None = None
        self._asking: asyncio.Task[Outcome] | None = None
        self._closed = False

    @property
    def alive(self) -> bool:
        return not self._closed

    async def init(self, code: Code, env: Mapping[str, str], *, timeout_s: float, logs: LogLines) -> Outcome:
        self._wanted = wanted = loading(self._path, code, env)
        load = partial(self._runtime.load, wanted, timeout_s=timeout_s, most=self._concurrency)
        return await self._ask(load)

    async def run(self, message: bytes, *, timeout_s: float, logs: LogLines) -> Outcome:
        assert self._wanted is not None, "init comes first"
        most = self._concurrency
        return await self._ask(
            partial(self._runtime.run, self._wanted, message, timeout_s=timeout_s, most=most)
        )

    async def close(self) -> None:
        self._closed = True
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self, work: Callable[[], Awaitable[Outcome]]) -> Outcome:
        if self._closed:
            return Outcome(End.DIED)

        async def whole() -> Outcome:
            return await work()

        self._asking = asking = asyncio.get_running_loop().create_task(whole())
        try:
            await asyncio.wait((asking,))
        except asyncio.CancelledError:
            self._closed = True
            asking.cancel()
            raise
        finally:
            self._asking = None
        outcome = Outcome(End.DIED) if asking.cancelled() else asking.result()
        self._closed |= outcome.end is not End.DONE
        return outcome


async def _timed(work: Awaitable[Outcome], timeout_s: float) -> Outcome:
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        async with asyncio.timeout(timeout_s):
            outcome = await work
    except TimeoutError:
        outcome = Outcome(End.TIMED_OUT)
    return msgspec.structs.replace(outcome, took_ms=(loop.time() - started) * 1000)


def _refusal(status: int, said: str) -> Outcome:
    body = msgspec.json.encode({"error": said})
    return Outcome(End.DONE, status, body, len(body))


def _read(note: Path | None) -> str:
    try:
        return "" if note is None else note.read_text("ascii")
    except (OSError, ValueError):
        return ""
