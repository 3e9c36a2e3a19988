"""Files of a folder for an archive: walked, filtered, put where the archive has them.

A link is followed when what it leads to is inside of the folder that is packed, or of the app's; another one
is left out, and told. Left out too are empty files, as wskdeploy leaves them, and what programs leave lying
about, which would make the same code differ from one machine to the next.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from couchgrass.deploy.code import File
from couchgrass.deploy.scope import Scope

FILES_MAX: Final = 20_000
BYTES_MAX: Final = 256 * 1024 * 1024
"""Of all files together before they are packed, since they are held in memory."""

LEFT_OUT: Final = frozenset({"__pycache__", ".git", ".DS_Store"})


class Tree:
    """Reads files for one action's archive. `app` is the manifest's folder; `line` is the action's."""

    def __init__(self, app: Path, scope: Scope, line: int) -> None:
        self._app = app
        self._scope = scope
        self._line = line
        self._count = 0
        self._bytes = 0

    def files(self, path: Path, target: str) -> Iterator[tuple[Path, str]]:
        """A file, or all files of a folder in the order of their names: (where it is, its path in the
        archive). `target` is the path of `path` itself, "" for the archive's root."""
        yield from self._walk(path, target, root=_real(path), above=())

    def _walk(
        self, path: Path, target: str, *, root: Path, above: tuple[Path, ...]
    ) -> Iterator[tuple[Path, str]]:
        real = _real(path)
        if path.is_symlink() and not self._may_follow(path, real, root, above):
            return
        if path.is_file():
            yield path, target
        elif path.is_dir():
            for one in sorted(path.iterdir(), key=lambda one: one.name):
                if one.name not in LEFT_OUT:
                    below = f"{target}/{one.name}" if target else one.name
                    yield from self._walk(one, below, root=root, above=(*above, real))

    def _may_follow(self, path: Path, real: Path, root: Path, above: tuple[Path, ...]) -> bool:
        shown = self.shown(path)
        if not real.exists():
            self._scope.warn(self._line, f"{shown} is left out: it links to nothing")
        elif not any(real.is_relative_to(inside) for inside in (root, _real(self._app))):
            self._scope.warn(self._line, f"{shown} is left out: it links out of the app")
        elif any(real == one or one.is_relative_to(real) for one in above):
            self._scope.warn(self._line, f"{shown} is left out: it links to a folder that it is in")
        else:
            return True
        return False

    def read(self, path: Path) -> File:
        """Raises ManifestRefused when it can't be read, or when there is too much of all."""
        self._count += 1
        try:
            self._bytes += path.stat().st_size
            if self._count > FILES_MAX or self._bytes > BYTES_MAX:
                most = f"{FILES_MAX} files or {BYTES_MAX // 1024 // 1024} MB"
                raise self._scope.refusal(self._line, f"there are more than {most} to pack")
            return File(path.read_bytes(), bool(path.stat().st_mode & 0o111))
        except OSError as bad:
            reason = f"{self.shown(path)} can't be read: {bad.strerror}"
            raise self._scope.refusal(self._line, reason) from None

    def shown(self, path: Path) -> str:
        """Relative to the manifest, when it is below."""
        return str(path.relative_to(self._app)) if path.is_relative_to(self._app) else str(path)


def _real(path: Path) -> Path:
    """With all links followed; a link in a circle stays, where `Path.resolve` raises."""
    return Path(os.path.realpath(path))


def matches(base: Path, pattern: str) -> list[tuple[Path, str]]:
    """What a pattern means below a folder, and of each the part from the first wildcard on. As Go's Glob has
    it: `*` stands for any name or part of one, a dot in front too, and never for several levels."""
    found: list[tuple[Path, list[str]]] = [(base, [])]
    is_wild = False
    for segment in _segments(pattern):
        is_wild = is_wild or any(sign in segment for sign in "*?[")
        if is_wild:
            found = [
                (one, [*tail, one.name])
                for path, tail in found
                if path.is_dir()
                for one in sorted(path.iterdir(), key=lambda one: one.name)
                if fnmatchcase(one.name, segment.replace("[^", "[!"))
            ]
        else:
            found = [(path / segment, tail) for path, tail in found if (path / segment).exists()]
    return [(path, "/".join(tail)) for path, tail in found]


def _segments(pattern: str) -> list[str]:
    return [one for one in pattern.split("/") if one not in ("", ".")]
