"""The kinds of code that a functions host lists, and which of them an action gets.

Pure. Source: wskdeploy's runtimes.go; the shape is that of `runtimes` in the host's ``GET /``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

FAMILIES: Final[Mapping[str, str]] = {
    "js": "nodejs",
    "py": "python",
    "swift": "swift",
    "php": "php",
    "java": "java",
    "jar": "java",
    "rb": "ruby",
    "rs": "rust",
    "go": "go",
    "cs": "dotnet",
}
"""Family by a file's extension."""

ARCHIVES: Final = frozenset({"zip", "jar"})

Listed = Mapping[str, Sequence[Mapping[str, Any]]]
"""Family to its kinds: {kind, default, deprecated}."""


class Runtimes:
    """Kinds that are not deprecated, by family, and each family's default."""

    def __init__(self, listed: Listed) -> None:
        self._kinds: dict[str, str] = {}
        self._defaults: dict[str, str] = {}
        for family, runtimes in listed.items():
            for runtime in runtimes:
                if not runtime.get("deprecated"):
                    kind = str(runtime["kind"])
                    self._kinds[kind] = family
                    if runtime.get("default"):
                        self._defaults[family] = kind

    def find(self, runtime: str) -> str:
        """The kind that `runtime` names: a kind, "family:default" or a family. "" when there is none."""
        kind = runtime.strip().lower()
        family, _, version = kind.partition(":")
        if version in ("", "default"):
            return self._defaults.get(family, "")
        return kind if kind in self._kinds else ""

    def family(self, kind: str) -> str:
        """Of a kind that `find` gave."""
        return self._kinds[kind]

    def default_of(self, extension: str) -> str:
        """The kind for a file by its extension, or ""."""
        return self._defaults.get(FAMILIES.get(extension, ""), "")

    @property
    def known(self) -> str:
        """All kinds, for an error."""
        return ", ".join(self._kinds)
