"""What the balancer says of itself by HTTP, at its metrics port: its state, its metrics with Envoy's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from couchgrass.balancer import metrics
from couchgrass.balancer.envoy.admin import Admin
from couchgrass.balancer.state import STATE_PATH, BalancerState
from couchgrass.errors import CouchgrassError, MethodNotAllowed, NotFound, PeerLost
from couchgrass.serving.asgi import Answer, Edge, Request

_JSON: Final = (b"content-type", b"application/json")
_TEXT: Final = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


class BalancerApp(Edge):
    """`state` tells what the balancer does, `totals` how many requests each region got."""

    def __init__(
        self,
        state: Callable[[], BalancerState],
        totals: Callable[[], Awaitable[Mapping[str, int]]],
        admin: Admin,
    ) -> None:
        super().__init__()
        self._state = state
        self._totals = totals
        self._admin = admin

    async def answer(self, request: Request) -> Answer:
        """Raises NotFound and MethodNotAllowed."""
        path = request.raw_path.decode("latin-1")
        if path not in (STATE_PATH, "/metrics"):
            raise NotFound(f"There are {STATE_PATH} and /metrics.")
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("Only GET, HEAD allowed")
        if path == STATE_PATH:
            return Answer(200, msgspec.json.encode(self._state()) + b"\n", [_JSON])
        text = metrics.text(self._state())
        try:
            text += metrics.totals_text(await self._totals())
            text += await self._admin.stats()
        except PeerLost:
            # Envoy is being started again; couchgrass_balancer_envoy_up says so.
            pass
        return Answer(200, text, [_TEXT])

    def refuse(self, request: Request, error: CouchgrassError) -> Answer:
        """The refusal as JSON."""
        return Answer(
            error.status, msgspec.json.encode({"error": error.error, "reason": error.reason}), [_JSON]
        )

    async def close(self) -> None:
        """There is nothing to end."""
