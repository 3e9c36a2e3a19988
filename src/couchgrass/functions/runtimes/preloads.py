"""The scripts that run in an action's process before the action's code, when the action has accounts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from couchgrass.functions.runtimes.preload import cloudant

_CLOUDANT: Final = Path(cloudant.__file__)

PRELOADS: Final[Mapping[str, Path]] = {"python": _CLOUDANT, "nodejs": _CLOUDANT.with_suffix(".cjs")}
"""By family of kinds."""
