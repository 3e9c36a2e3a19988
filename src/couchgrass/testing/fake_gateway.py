"""A region's gateway for tests of what stands in front of it: it answers, breaks off or is slow, as asked.

    python -m couchgrass.testing.fake_gateway NAME PORT

A process of its own, so that it can be frozen or killed. What it is asked for in the query:

    in=NAME      what follows is for this region only
    cut=1        no answer: the connection is reset
    half=1       a part of an answer, then the connection is reset
    status=503   this status; not_run=1 with the header that says that nothing was run
    wait_s=0.5   the answer takes this long
    hold=NAME    the answer waits for `PUT /_fake/go/NAME`

Any other answer is JSON: the region, and the request as it arrived. `PUT /_fake` sets the health (a JSON
object), `GET /_fake` tells the health and the requests so far, by method and path.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

START_S = 60.0
ANSWER_S = 60.0
BODY_BYTES_MAX = 64 * 1024 * 1024


class FakeGateway:
    """The application."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.health: dict[str, Any] = {
            "region": region,
            "live": True,
            "ready": True,
            "incarnation": f"{time.time_ns()}",
            "lag_s": 0.1,
            "reasons": [],
        }
        self.requests: Counter[str] = Counter()
        self.going: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def app(self) -> web.Application:
        """To be served."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_get("/_couchgrass/{kind:live|ready}", self._tell_health)
        app.router.add_get("/_fake", self._tell)
        app.router.add_put("/_fake", self._set)
        app.router.add_put("/_fake/go/{name}", self._let_go)
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _tell_health(self, request: web.Request) -> web.Response:
        well = self.health[request.match_info["kind"]]
        return web.json_response(self.health, status=200 if well else 503)

    async def _tell(self, _: web.Request) -> web.Response:
        return web.json_response({"health": self.health, "requests": self.requests})

    async def _set(self, request: web.Request) -> web.Response:
        self.health |= await request.json()
        return web.json_response({})

    async def _let_go(self, request: web.Request) -> web.Response:
        self.going[request.match_info["name"]].set()
        return web.json_response({})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        body = await request.read()
        self.requests[f"{request.method} {request.path}"] += 1
        headers = {}
        status = 200
        if query.get("in", self.region) == self.region:
            await asyncio.sleep(float(query.get("wait_s", 0)))
            if "hold" in query:
                await self.going[query["hold"]].wait()
            status = int(query.get("status", 200))
            if "not_run" in query:
                headers["x-couchgrass-not-run"] = "1"
            if "cut" in query or "half" in query:
                return await self._break_off(request, "half" in query)
        told = {
            "region": self.region,
            "method": request.method,
            "target": request.raw_path,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        return web.json_response(told, status=status, headers=headers)

    async def _break_off(self, request: web.Request, is_half: bool) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"content-length": "100"})
        if is_half:
            await answer.prepare(request)
            await answer.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return answer


class GatewayProcess:
    """One that runs."""

    def __init__(self, region: str, port: int) -> None:
        self.region = region
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        command = [sys.executable, "-m", "couchgrass.testing.fake_gateway", self.region, str(self.port)]
        self.process = subprocess.Popen(command)  # noqa: S603
        until = time.monotonic() + START_S
        while True:
            try:
                self.told()
                return
            except OSError:
                assert self.process.poll() is None, "it ended"
                assert time.monotonic() < until, "it does not answer"
                time.sleep(0.01)

    def stop(self, number: int) -> None:
        """Sends a signal; returns when it has ended."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait()

    def told(self) -> dict[str, Any]:
        """Its health and its requests."""
        with urllib.request.urlopen(f"{self.url}/_fake", timeout=ANSWER_S) as answer:  # noqa: S310
            told: dict[str, Any] = json.load(answer)
            return told

    def requests(self, path: str) -> dict[str, int]:
        """How often a path was asked for, by method."""
        found = ([*name.split(" ", 1), count] for name, count in self.told()["requests"].items())
        return {method: count for method, asked, count in found if asked == path}

    def be(self, **health: Any) -> None:
        """Changes its health."""
        self._put("/_fake", json.dumps(health).encode())

    def let_go(self, name: str) -> None:
        """Requests that are held by this name are answered."""
        self._put(f"/_fake/go/{name}", b"")

    def _put(self, path: str, body: bytes) -> None:
        request = urllib.request.Request(self.url + path, body, method="PUT")  # noqa: S310
        urllib.request.urlopen(request, timeout=ANSWER_S).close()  # noqa: S310


@contextmanager
def gateways(ports: dict[str, int]) -> Iterator[dict[str, GatewayProcess]]:
    """One for each region, for the length of a block."""
    running = {region: GatewayProcess(region, port) for region, port in ports.items()}
    try:
        for one in running.values():
            one.start()
        yield running
    finally:
        for one in running.values():
            if one.process is not None and one.process.poll() is None:
                one.process.kill()
                one.process.wait()


if __name__ == "__main__":
    web.run_app(
        FakeGateway(sys.argv[1]).app(), host="127.0.0.1", port=int(sys.argv[2]), print=None, access_log=None
    )
