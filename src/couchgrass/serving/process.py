"""A server's process: its set-up, its signals, its end in good order."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, Protocol

from couchgrass.serving.listen import HttpServer

log = logging.getLogger("couchgrass")

COLLECT_AFTER = (20_000, 20, 20)
"""Net new containers before a collection, and how often the older generations are looked at."""

SWITCH_S = 0.0005
"""How soon a busy thread lets the event loop go on; Python's own 5 ms would show in every answer."""

STOP_S = 4.0
"""How long requests under way may take once the server is told to stop."""

CLOSE_S = 2.0
"""How long an application may take to close after that."""


class Application(Protocol):
    """What `serve_until_told` serves. `inflight` counts the requests under way; once `draining` is set their
    connections close after the answer."""

    inflight: int
    draining: bool

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None: ...

    async def close(self) -> None: ...


def run(main: Awaitable[None]) -> None:
    """Runs a server's `main` on uvloop. Files that it makes are their owner's alone."""
    import uvloop

    sys.setswitchinterval(SWITCH_S)
    os.umask(0o077)

    async def whole() -> None:
        await main

    uvloop.run(whole())


def in_url(host: str) -> str:
    """A host name or address as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def heed_signals(stop: asyncio.Event, hurry: asyncio.Event) -> None:
    """The first signal stops the server, a second one has it wait no longer for its clients."""

    def heed() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, heed)


def settle_memory() -> None:
    """Spares what lives as long as the process from garbage collection, and collects less often.

    Requests drop what they make by counting references, so collections find next to nothing; a full one
    holds the event loop up. In paired runs the p99 of a GET beside a bulk load went from 29 to 13 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def allow_files() -> None:
    """Takes as many open files as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def url_of(listener: socket.socket, host: str) -> str:
    """The URL of a socket that was bound to `host`."""
    return f"http://{in_url(host)}:{listener.getsockname()[1]}"


def run_beside(loop: Coroutine[Any, Any, None], stack: AsyncExitStack, lost: str) -> None:
    """Runs for as long as the server does; `stack` ends it. If it ends by itself the server ends too, to be
    started again: `lost` is what it can't do any more."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            log.critical("%s", lost, exc_info=task.exception())
            signal.raise_signal(signal.SIGTERM)

    task = asyncio.create_task(loop)
    task.add_done_callback(ended)

    async def close() -> None:
        task.cancel()
        await asyncio.wait([task])

    stack.push_async_callback(close)


async def serve_until_told(app: Application, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serves `app` on a socket of `bind` until SIGTERM or SIGINT, then lets requests end and closes it; all
    in some 6 s."""
    stop, hurry = asyncio.Event(), asyncio.Event()
    heed_signals(stop, hurry)
    http = HttpServer(app, listener)
    settle_memory()
    serving = asyncio.create_task(http.serve())
    stopped = asyncio.create_task(stop.wait())
    try:
        ready()
        await asyncio.wait({stopped, serving}, return_when=asyncio.FIRST_COMPLETED)
        app.draining = True
        http.stop()
        hurried = asyncio.create_task(hurry.wait())
        await asyncio.wait({serving, hurried}, timeout=STOP_S, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not serving.done():
            log.warning("stopping with connections open, %d requests under way", app.inflight)
    finally:
        stopped.cancel()
        await asyncio.wait_for(app.close(), CLOSE_S)
    if serving.done():
        serving.result()
