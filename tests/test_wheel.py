"""What an installation has of the todo app: its actions, and its pages where they were built."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = "couchgrass/examples/todo-web/index.html"
FILES = ("pyproject.toml", "hatch_build.py", "README.md", "src/couchgrass/__init__.py")


@pytest.mark.parametrize("built", [True, False])
def test_a_wheel_has_the_todo_apps_pages_when_they_are_built_and_is_made_without(
    tmp_path: Path, built: bool
) -> None:
    tree = tmp_path / "tree"
    for name in FILES:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    shutil.copytree(ROOT / "examples/todo/python", tree / "examples/todo/python")
    if built:
        (tree / "examples/todo/web/dist").mkdir(parents=True)
        (tree / "examples/todo/web/dist/index.html").write_text("<!doctype html>")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as found:
        names = set(found.namelist())
    assert "couchgrass/examples/todo/manifest.yaml" in names
    assert (PAGE in names) == built
    assert ("the todo app's pages are left out" in done.stderr + done.stdout) != built
