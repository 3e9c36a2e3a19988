"""An action's code from its file or folder.

A file is taken by its extension: text as it is, zip and jar in base64. A folder becomes an archive, in which
`exclude` leaves out and `include` brings in what is elsewhere. Where included files go is wskdeploy's rule:
a destination that does not end with a slash names a file, and with a pattern only its folder counts.
Source: wskdeploy's utils/zip.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from posixpath import normpath

from couchgrass.deploy.actions import Asked
from couchgrass.deploy.code import File, Packed, encoded, zipped
from couchgrass.deploy.files.tree import Tree, matches
from couchgrass.deploy.runtimes import ARCHIVES
from couchgrass.deploy.scope import Scope


def packed(asked: Asked, app: Path, scope: Scope) -> Packed:
    """The code that an action asks for; `app` is the manifest's folder. Raises ManifestRefused."""
    path = app / asked.function.lstrip("/")
    tree = Tree(app, scope, asked.line)
    if path.is_dir():
        return Packed("zip", encoded(zipped(_Folder(asked, app, scope, tree).files(path))))
    if not path.is_file():
        raise scope.refusal(asked.line, f"{asked.action}: there is no {asked.function} beside the manifest")
    if asked.include or asked.exclude:
        scope.warn(asked.line, f"{asked.action}: include and exclude are for folders")
    content = tree.read(path).content
    extension = path.suffix.removeprefix(".").lower()
    if extension in ARCHIVES:
        return Packed(extension, encoded(content))
    try:
        return Packed(extension, content.decode())
    except UnicodeDecodeError:
        raise scope.refusal(asked.line, f"{asked.action}: {asked.function} is no text in UTF-8") from None


class _Folder:
    """The files of one archive."""

    def __init__(self, asked: Asked, app: Path, scope: Scope, tree: Tree) -> None:
        self._asked = asked
        self._app = app
        self._scope = scope
        self._tree = tree

    def files(self, folder: Path) -> dict[str, File]:
        """By their paths in the archive; what is included goes before what is there."""
        found: dict[str, File] = {}
        excluded = self._excluded()
        for path, target in self._tree.files(folder, ""):
            if path not in excluded:
                self._add(found, path, target)
        for line, include in self._asked.include:
            for path, target in self._included(line, include):
                self._add(found, path, target)
        if not found:
            raise self._scope.refusal(self._asked.line, f"{self._asked.action}: its folder has no files")
        return found

    def _add(self, into: dict[str, File], path: Path, target: str) -> None:
        try:
            target.encode()
        except UnicodeEncodeError:
            shown = ascii(self._tree.shown(path))
            raise self._scope.refusal(self._asked.line, f"the file name {shown} is not UTF-8") from None
        file = self._tree.read(path)
        if file.content:
            into[target] = file

    def _excluded(self) -> frozenset[Path]:
        found: set[Path] = set()
        for pattern in self._asked.exclude:
            for path, _ in matches(self._app, pattern):
                found.update(file for file, _ in self._tree.files(path, ""))
        return frozenset(found)

    def _included(self, line: int, include: Sequence[str]) -> list[tuple[Path, str]]:
        """(where it is, its path in the archive) of all that one entry brings in."""
        if len(include) not in (1, 2):
            name = self._asked.action
            self._scope.doubt(
                line, f"{name}: an include is left out: it must be [source] or [source, target]"
            )
            return []
        source, target = include[0], include[-1]
        found: list[tuple[Path, str]] = []
        if "*" in source:
            folder = (target if target.endswith("/") else target.rpartition("/")[0]).partition("*")[0]
            for path, tail in matches(self._app, source):
                found += self._tree.files(path, self._target(line, f"{folder}/{tail}"))
            if not found:
                self._scope.doubt(line, f"{self._asked.action}: include {source}: there is nothing like it")
            return found
        path = self._app / source.lstrip("/")
        if not path.exists():
            raise self._scope.refusal(line, f"{self._asked.action}: include {source}: there is no such file")
        if path.is_file() and target.endswith("/"):
            target += path.name
        return list(self._tree.files(path, self._target(line, target)))

    def _target(self, line: int, path: str) -> str:
        """A path in the archive, "" for its root."""
        found = normpath(path.lstrip("/") or ".")
        if found == ".." or found.startswith("../"):
            raise self._scope.refusal(line, f"{self._asked.action}: include leads out of the archive")
        return "" if found == "." else found
