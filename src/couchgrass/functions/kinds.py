"""Kinds of code, and which interpreter serves each.

One Python and one Node.js are installed; every kind that apps of ten years name leads to them: ``nodejs:6``
to ``nodejs:24``, ``python:2`` to ``python:3.14``. ``python:2`` too: much of what was written for it runs on
Python 3, and what does not says so with a SyntaxError when it is first invoked. None is marked deprecated,
since wskdeploy refuses those. A runtime that is not here, or a true old one, is a URL where OpenWhisk's
``/init`` and ``/run`` are answered: by kind, or by image for ``blackbox``.
Source: OpenWhisk's ExecManifest, ansible/files/runtimes.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from couchgrass.errors import BadRequest
from couchgrass.functions.entity import BLACKBOX, SEQUENCE, Exec

Engine = Literal["python", "nodejs", "external"]

PYTHON_DEFAULT: Final = "python:3"
"""The version that runs us, whichever it is: the one alias that promises none."""

NODEJS_DEFAULT: Final = "nodejs:20"
"""The least version that is installed."""

_PYTHON: Final = ("2", "3", *(f"3.{minor}" for minor in range(6, 15)))
_NODEJS: Final = ("6", "8", "10", "12", "14", "16", "18", "20", "22", "24")
_DEFAULTS: Final = frozenset({PYTHON_DEFAULT, NODEJS_DEFAULT})


class Runtime(msgspec.Struct, frozen=True):
    """One kind. `url` is where an external one is reached, without ``/init``."""

    kind: str
    engine: Engine
    is_default: bool = False
    url: str = ""

    @property
    def family(self) -> str:
        """ "nodejs" of "nodejs:20"."""
        return self.kind.partition(":")[0]


def _built_in() -> dict[str, Runtime]:
    found: dict[str, Runtime] = {}
    for version in _NODEJS:
        kind = f"nodejs:{version}"
        found[kind] = Runtime(kind, "nodejs", kind in _DEFAULTS)
    for version in _PYTHON:
        kind = f"python:{version}"
        found[kind] = Runtime(kind, "python", kind in _DEFAULTS)
    return found


class Kinds:
    """The kinds of a region. `external`: kind to URL, which may take the place of a kind that is built in;
    `images`: image of a ``blackbox`` to URL."""

    def __init__(self, external: Mapping[str, str] = {}, images: Mapping[str, str] = {}) -> None:
        self._runtimes = _built_in()
        self.urls: dict[str, str] = {}
        """The URLs of those that run elsewhere, by what `cell_kind` makes of an action."""
        for name, url in external.items():
            kind = name.strip().lower()
            was = self._runtimes.get(kind)
            self._runtimes[kind] = Runtime(kind, "external", was is not None and was.is_default, url)
            self.urls[kind] = url
        self._images = {_tagged(image): url for image, url in images.items()}
        self.urls |= {f"{BLACKBOX}:{image}": url for image, url in self._images.items()}
        self._defaults = self._family_defaults()

    def _family_defaults(self) -> dict[str, str]:
        """Family to kind: the one that is marked, else the last that is named."""
        found: dict[str, str] = {}
        for runtime in self._runtimes.values():
            marked = self._runtimes.get(found.get(runtime.family, ""))
            if marked is None or not marked.is_default:
                found[runtime.family] = runtime.kind
        return found

    def resolve(self, kind: str) -> Runtime:
        """The runtime of a kind as it stands in a body; ``nodejs:default`` is what it is now.

        Raises BadRequest that lists what there is.
        """
        kind = kind.strip().lower()
        family, _, version = kind.partition(":")
        found = self._runtimes.get(self._defaults.get(family, "") if version == "default" else kind)
        if found is None:
            known = "', '".join([*self._runtimes, SEQUENCE, BLACKBOX])
            raise BadRequest(
                f"The specified runtime '{kind}' is not supported by this platform. "
                f"Valid values are: '{known}'."
            )
        return found

    def check_image(self, image: str) -> str:
        """An image that can be run. Raises BadRequest, so that a deployment fails rather than its users."""
        if _tagged(image) not in self._images:
            known = ", ".join(f"'{name}'" for name in self._images) or "none"
            raise BadRequest(
                f"The image '{image}' is not supported by this platform, "
                f"which has no external runtime for it. Valid values are: {known}."
            )
        return image

    def info(self) -> dict[str, list[dict[str, Any]]]:
        """The `runtimes` of ``GET /``: by family."""
        families: dict[str, list[dict[str, Any]]] = {}
        for runtime in self._runtimes.values():
            families.setdefault(runtime.family, []).append(
                {
                    "kind": runtime.kind,
                    "image": runtime.url or f"couchgrass/{runtime.engine}",
                    "deprecated": False,
                    "default": self._defaults[runtime.family] == runtime.kind,
                    "attached": True,
                    "requireMain": False,
                }
            )
        return families


def cell_kind(exec: Exec) -> str:
    """The kind of cell that runs it: its own kind; with the image in it for a `blackbox`."""
    return f"{BLACKBOX}:{_tagged(exec.image)}" if exec.kind == BLACKBOX else exec.kind


def _tagged(image: str) -> str:
    """An image's name with its tag: without one it is `latest`."""
    return image if ":" in image.rpartition("/")[2] else f"{image}:latest"
