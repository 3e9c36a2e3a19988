"""Any application of ours on a real port, on the test's own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from couchgrass.serving.listen import HttpServer, bind


@asynccontextmanager
async def listening(app: Any) -> AsyncIterator[str]:
    """Serves `app` on a free port of loopback for the length of a block; its URL. Does not close `app`."""
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server = HttpServer(app, listener)
    serving = asyncio.create_task(server.serve())
    await asyncio.sleep(0)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()
        await serving
