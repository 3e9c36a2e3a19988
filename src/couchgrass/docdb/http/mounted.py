"""Runs what is mounted on the server's paths: a request becomes a `Call`, what is `Told` an answer.

A call whose client hangs up is cancelled. Specification: CouchDB 3.5 ``couch_replicator_httpd``, where the
request's process waits for the outcome of a job that is not its own.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from couchgrass import json
from couchgrass.docdb.http.request import ClientGone, Request, unquoted
from couchgrass.docdb.http.response import Answer, json_response
from couchgrass.docdb.mount import Call, MountPoint, Told
from couchgrass.errors import ServiceUnavailable

_WITH_BODY: Final = frozenset({"POST", "PUT"})


async def run_mounted(request: Request, point: MountPoint) -> Answer:
    """Checks the right, then answers. Raises BadContentType, BadRequest, ClientGone, and what it does."""
    request.server.authn.check_server(request, point.right)
    call = Call(
        "GET" if request.method == "HEAD" else request.method,
        tuple(unquoted(segment) for segment in request.path[1:]),
        request.query,
        await _body(request),
        request.ctx,
        {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.items()},
    )
    told = await _while_there(request, point, call)
    return json_response(told.body, told.status, told.headers)


async def _body(request: Request) -> Any:
    if request.method not in _WITH_BODY:
        return None
    request.require_json_type()
    text = await request.body()
    return json.decode(text) if text else None


async def _while_there(request: Request, point: MountPoint, call: Call) -> Told:
    """What the mount says, for as long as the client waits for it."""
    running = asyncio.ensure_future(point.run(call))
    gone = asyncio.create_task(request.disconnected())
    try:
        await asyncio.wait({running, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            raise ClientGone
    finally:
        gone.cancel()
        if not running.done():
            running.cancel()
            await asyncio.wait({running})
    if running.cancelled():
        raise ServiceUnavailable("What was asked for was ended before it was done")
    return running.result()
