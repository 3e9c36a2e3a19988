"""Drives requests at a steady rate against a Todo-Backend, whatever becomes of the earlier ones.

The rate is open: a request is sent when its time has come, also while others hang, as users do. Only the
number under way is bounded; what could not be sent for that is counted as failed, so it can't hide an outage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import aiohttp

from couchgrass.drill.ops import Load, Method, Op, Outcome

REQUEST_S: Final = 10.0
UNDER_WAY_MAX: Final = 2000
ERROR_CHARS_MAX: Final = 200
REGION: Final = "x-couchgrass-region"


class Driver:
    """Sends a load to `urls` in turn, each the URL of the collection of todos. `now` is the drill's clock, in
    seconds; `mark` goes into the titles of its todos."""

    def __init__(self, urls: Sequence[str], load: Load, now: Callable[[], float], *, mark: str) -> None:
        self.outcomes: list[Outcome] = []
        self.under_way: dict[int, Op] = {}
        """By number: what was sent and is not in `outcomes` yet."""
        self._urls = urls
        self._load = load
        self._now = now
        self._mark = mark
        self._ended = asyncio.Event()

    def end(self) -> None:
        """No more requests; `run` returns when the ones under way have ended."""
        self._ended.set()

    async def run(self, rate: float) -> None:
        """Until `end`."""
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=REQUEST_S)
        under_way: set[asyncio.Task[None]] = set()
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            began_s, sent = self._now(), 0
            while not self._ended.is_set():
                while sent < (self._now() - began_s) * rate:
                    op = self._load.next()
                    if len(under_way) >= UNDER_WAY_MAX:
                        self._note(op, self._now(), 0, error=f"{UNDER_WAY_MAX} requests are under way")
                    else:
                        task = asyncio.create_task(
                            self._send(session, op, self._urls[sent % len(self._urls)])
                        )
                        under_way.add(task)
                        task.add_done_callback(under_way.discard)
                    sent += 1
                await self._until(began_s + sent / rate)
            if under_way:
                await asyncio.wait(under_way)

    async def _until(self, at_s: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, at_s - self._now())):
                await self._ended.wait()
        except TimeoutError:
            return

    async def _send(self, session: aiohttp.ClientSession, op: Op, url: str) -> None:
        began_s = self._now()
        self.under_way[op.number] = op
        body: dict[str, Any] | None = None
        if op.method is Method.POST:
            body = {"title": f"{self._mark} {op.number}", "order": op.number}
        elif op.method is Method.PATCH:
            body = {"order": op.number}
        try:
            async with session.request(
                op.method.value, f"{url}/{op.doc}" if op.doc else url, json=body
            ) as answer:
                text = await answer.read()
                doc = op.doc or await self._made(answer, text)
                error = text[:ERROR_CHARS_MAX].decode(errors="replace") if answer.status >= 400 else ""
                region = answer.headers.get(REGION, "")
                self._note(op, began_s, answer.status, region=region, doc=doc, error=error)
        except (aiohttp.ClientError, TimeoutError, OSError) as broken:
            self._note(op, began_s, 0, doc=op.doc, error=str(broken) or type(broken).__name__)

    async def _made(self, answer: aiohttp.ClientResponse, text: bytes) -> str:
        if not 200 <= answer.status < 300:
            return ""
        try:
            found = await answer.json(content_type=None)
        except ValueError:
            return ""
        return str(found.get("id", "")) if isinstance(found, dict) else ""

    def _note(
        self, op: Op, began_s: float, status: int, *, region: str = "", doc: str = "", error: str = ""
    ) -> None:
        outcome = Outcome(op, began_s, self._now(), status, region, doc or op.doc, error)
        self.outcomes.append(outcome)
        self.under_way.pop(op.number, None)
        self._load.done(outcome)
