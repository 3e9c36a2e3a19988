"""An application that fails on purpose: the Nth request to it is not answered, before or after it was done.

For walks over all failure points: N = 1, 2, … until a run ends without a failure.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class How(Enum):
    """How a request fails: it is not done; it is done, but nobody hears of it; it is refused."""

    BEFORE = "before"
    AFTER = "after"
    REFUSED = "refused"


class Broken:
    """Passes requests on to `app`. Of those that `counts` says yes to, number `fail_at` fails as `how`
    says."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.mend()

    def mend(self) -> None:
        """From now on nothing fails."""
        self.fail_at, self.how, self.seen, self.failed = 0, How.BEFORE, 0, 0
        self.methods: frozenset[str] = frozenset()

    def break_at(self, number: int, how: How, methods: frozenset[str]) -> None:
        """Request `number` of these methods fails, counted from now; the first is 1."""
        self.mend()
        self.fail_at, self.how, self.methods = number, how, methods

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serves a request."""
        if scope["type"] != "http" or scope["method"] not in self.methods:
            await self._app(scope, receive, send)
            return
        self.seen += 1
        if self.seen != self.fail_at:
            await self._app(scope, receive, send)
            return
        self.failed += 1
        if self.how is How.AFTER:

            async def swallow(message: dict[str, Any]) -> None:
                return None

            await self._app(scope, receive, swallow)
        status = 409 if self.how is How.REFUSED else 500
        body = b'{"error": "broken on purpose", "code": "1"}'
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
