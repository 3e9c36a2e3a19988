"""What the wheel has of the todo client: its built pages, where `make setup` has made them.

A list in pyproject.toml would refuse to build without them; then `couchgrass up` has the app's API alone, and
says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = "examples/todo/web/dist"
INSTALLED = "couchgrass/examples/todo-web"


class TodoPages(BuildHookInterface):  # type: ignore[type-arg]
    """Adds them to a wheel; an editable installation finds them in the source tree."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before a build."""
        if version == "editable":
            return
        if (Path(self.root) / BUILT / "index.html").is_file():
            build_data["force_include"][BUILT] = INSTALLED
        else:
            self.app.display_warning(f"{BUILT} is not there: the todo app's pages are left out (make setup)")
