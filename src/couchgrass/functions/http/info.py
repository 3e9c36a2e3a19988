"""What a region says of itself: ``GET /``, ``GET /api/v1``, ``GET /ping``, ``GET /namespaces/_/limits``.

``wsk property get`` and wskdeploy read them: build and buildno, the limits, and which kinds there are.
"""

from __future__ import annotations

from typing import Final

from couchgrass import __version__
from couchgrass.functions.http.call import Call, Routes, answered, listed
from couchgrass.functions.kinds import Kinds
from couchgrass.functions.limits import SystemLimits, info_limits, namespace_limits
from couchgrass.serving.asgi import Answer

API_PATH: Final = "/api/v1"
DESCRIPTION: Final = "OpenWhisk API"
BUILD_NUMBER: Final = f"couchgrass {__version__}"


class About:
    """`build` is what `wsk` shows as the time of the build, `confinement` how actions are kept apart."""

    def __init__(
        self, kinds: Kinds, limits: SystemLimits, *, build: str = __version__, confinement: str = ""
    ) -> None:
        self._limits = limits
        self._region = {
            "description": "OpenWhisk",
            "support": {"github": "https://github.com/apache/openwhisk/issues"},
            "api_paths": [API_PATH],
            "limits": info_limits(limits),
            "runtimes": kinds.info(),
        }
        self._api = {
            "description": DESCRIPTION,
            "api_version": "1.0.0",
            "api_version_path": "v1",
            "build": build,
            "buildno": BUILD_NUMBER,
            "swagger_paths": {"api-docs": "/api-docs"},
        }
        if confinement:
            self._api["confinement"] = confinement

    def region(self) -> Answer:
        """GET /"""
        return answered(self._region)

    def api(self) -> Answer:
        """GET /api/v1"""
        return answered(self._api)

    def routes(self) -> Routes:
        """What is served below a namespace, by path and method."""
        return listed(b"limits", self.limits)

    async def limits(self, call: Call) -> Answer:
        """GET namespaces/{ns}/limits"""
        call.for_owner()
        return answered(namespace_limits(self._limits))


def pong() -> Answer:
    """GET /ping"""
    return Answer(200, b"pong", [(b"content-type", b"text/plain; charset=UTF-8")])
