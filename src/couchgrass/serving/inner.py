"""What a region's processes serve to each other, below /_couchgrass/: with the region's secret only.

To anybody else there is nothing here: 404, as for any path that is not there.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from couchgrass import json
from couchgrass.errors import NotFound
from couchgrass.exposition import CONTENT_TYPE, Family, exposition
from couchgrass.serving.asgi import Answer, Request
from couchgrass.serving.files import kept_secret

PREFIX: Final = b"/_couchgrass/"
CANARY: Final = b"/_couchgrass/canary"
METRICS: Final = b"/_couchgrass/metrics"
NAMESPACES: Final = b"/_couchgrass/namespaces"

SECRET_BYTES: Final = 32

Route = Callable[[Request], Awaitable[Answer]]


def region_secret(file: Path) -> str:
    """The secret that the region's processes share, made by whoever comes first. Raises OSError, and
    SecretRefused for a file without one: an empty secret would be everybody's."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return kept_secret(file, lambda: secrets.token_urlsafe(SECRET_BYTES))


def bearer(secret: str) -> str:
    """The Authorization header that shows it."""
    return f"Bearer {secret}"


def check_shown(request: Request, secret: str) -> None:
    """Raises NotFound for who does not show the secret."""
    shown = request.headers.get(b"authorization", b"")
    if not hmac.compare_digest(shown, bearer(secret).encode()):
        raise NotFound("Not found.")


class Inner:
    """`routes`: what answers, by method and path."""

    def __init__(self, secret: str, routes: Mapping[tuple[str, bytes], Route]) -> None:
        self._secret = secret
        self._routes = routes

    async def answer(self, request: Request) -> Answer:
        """Raises NotFound for who has not the secret, and for what is not there."""
        check_shown(request, self._secret)
        route = self._routes.get((request.method, request.raw_path))
        if route is None:
            raise NotFound("Not found.")
        return await route(request)


def metrics_route(families: Callable[[], Iterable[Family]]) -> Route:
    """Serves metrics."""

    async def answer(request: Request) -> Answer:
        return Answer(200, exposition(families()).encode(), [(b"content-type", CONTENT_TYPE.encode())])

    return answer


def json_answer(status: int, value: object) -> Answer:
    """JSON that is never to be kept."""
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    return Answer(status, json.encode(value), headers)
