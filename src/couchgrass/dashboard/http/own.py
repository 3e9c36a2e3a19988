"""What the dashboard's server answers itself, below /_dashboard/.

    GET    overview, history           how all is, and was in the last hour
    GET    overview/feed               lines of overviews: one at once, then two a second
    POST   balancer/drained            {"region": …, "drained": true|false}
    GET    drills, drills/ID           all drills; one, with its log and its reports
    GET    drills/ID/report.html       the report's own page
    POST   drills                      starts one
    DELETE drills/ID                   ends one that runs, removes one that has ended

Who may is decided before (`dashboard/who.py`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Final, TypeVar

import msgspec

from couchgrass import json
from couchgrass.dashboard.run.drills import DrillFolder
from couchgrass.dashboard.run.watch import Watch
from couchgrass.dashboard.seen import DrillAsked, Overview
from couchgrass.dashboard.who import Who
from couchgrass.errors import BadRequest, MethodNotAllowed, NotFound
from couchgrass.serving.asgi import Answer, Request, unquoted
from couchgrass.serving.inner import json_answer

PREFIX: Final = "/_dashboard/"
BODY_BYTES_MAX: Final = 64 * 1024

PAGE_POLICY: Final = (
    b"sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'"
)
"""A report is one page with its own styles and drawings, shown in a frame of the dashboard."""

Route = Callable[[Request], Awaitable[Answer]]
Drain = Callable[[str, bool], Awaitable[bool]]
"""Takes a region out of the balancer, or lets it in; whether that changed anything. Raises NotFound for a
region that there is not, and Conflict, which says what to do, when the balancer is not on this machine."""

T = TypeVar("T")


class Drained(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A region, and whether it is to be drained."""

    region: str
    drained: bool


class Own:
    """Who asks was looked at before: server admins, or who may see how all is."""

    def __init__(self, watch: Watch, drills: DrillFolder, drain: Drain) -> None:
        self._watch = watch
        self._drills = drills
        self._drain = drain
        self._routes: Mapping[str, Mapping[str, Route]] = {
            "overview": {"GET": self._overview},
            "overview/feed": {"GET": self._feed},
            "history": {"GET": self._history},
            "balancer/drained": {"POST": self._change_drained},
            "drills": {"GET": self._list, "POST": self._start},
        }

    async def answer(self, request: Request, who: Who) -> Answer:
        """Raises NotFound, MethodNotAllowed, BadRequest, Conflict, ServiceUnavailable."""
        path = unquoted(request.raw_path.decode("latin-1"))
        below = path.removeprefix(PREFIX)
        methods = self._routes.get(below) or self._of_drill(below)
        if not path.startswith(PREFIX) or methods is None:
            raise NotFound("There is no such path.")
        route = methods.get("GET" if request.method == "HEAD" else request.method)
        if route is None:
            raise MethodNotAllowed(*methods, *(("HEAD",) if "GET" in methods else ()))
        if request.method in ("GET", "HEAD", "DELETE"):
            await request.drain()
        return await route(request)

    def _of_drill(self, below: str) -> Mapping[str, Route] | None:
        match below.split("/"):
            case ["drills", name]:
                return {"GET": _of(name, self._one), "DELETE": _of(name, self._end)}
            case ["drills", name, "report.html"]:
                return {"GET": _of(name, self._page)}
            case _:
                return None

    async def _overview(self, request: Request) -> Answer:
        return json_answer(200, await self._watch.overview())

    async def _history(self, request: Request) -> Answer:
        return json_answer(200, self._watch.history())

    async def _feed(self, request: Request) -> Answer:
        seen = self._watch.listen()
        first = await anext(seen)
        headers = [(b"content-type", b"application/x-ndjson"), (b"cache-control", b"no-store")]
        return Answer(200, headers=headers, pieces=_lines(first, seen))

    async def _change_drained(self, request: Request) -> Answer:
        asked = await _body(request, Drained)
        is_news = await self._drain(asked.region, asked.drained)
        return json_answer(200, {"ok": True, "changed": is_news})

    async def _list(self, request: Request) -> Answer:
        return json_answer(200, await self._drills.list())

    async def _start(self, request: Request) -> Answer:
        return json_answer(
            201, {"ok": True, "id": await self._drills.start(await _body(request, DrillAsked))}
        )

    async def _one(self, name: str) -> Answer:
        return json_answer(200, await self._drills.seen(name))

    async def _end(self, name: str) -> Answer:
        is_under_way = await self._drills.end(name)
        return json_answer(202 if is_under_way else 200, {"ok": True, "id": name})

    async def _page(self, name: str) -> Answer:
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"content-security-policy", PAGE_POLICY),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
        ]
        return Answer(200, await self._drills.page(name), headers)


async def _lines(first: Overview, seen: AsyncGenerator[Overview, None]) -> AsyncGenerator[bytes, None]:
    """For as long as somebody reads them."""
    async with aclosing(seen):
        yield json.encode(first) + b"\n"
        async for overview in seen:
            yield json.encode(overview) + b"\n"


def _of(name: str, route: Callable[[str], Awaitable[Answer]]) -> Route:
    async def answer(request: Request) -> Answer:
        return await route(name)

    return answer


async def _body(request: Request, kind: type[T]) -> T:
    """Raises BadRequest, which names what is wrong, TooLarge, RequestTimeout."""
    text = await request.body(BODY_BYTES_MAX)
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as bad:
        raise BadRequest(str(bad)) from bad
