"""Envoy's files: written beside and renamed, which is when Envoy takes them over."""

from __future__ import annotations

from pathlib import Path

from couchgrass.balancer.render import Value, text


class Files:
    """Those in one folder. What did not change is not written again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._written: dict[str, bytes] = {}

    def put(self, name: str, value: Value) -> bool:
        """Whether it changed. Raises OSError.

        Not synced to the disk: each start writes all of them anew, and a region that died must not wait."""
        content = text(value)
        if self._written.get(name) == content:
            return False
        beside = self._folder / f"{name}.new"
        beside.unlink(missing_ok=True)
        beside.touch(mode=0o600)
        beside.write_bytes(content)
        beside.rename(self._folder / name)
        self._written[name] = content
        return True
