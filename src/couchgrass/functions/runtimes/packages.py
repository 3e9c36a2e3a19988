"""Where the packages for actions are that `couchgrass runtime add` installed, and how they get there.

    RUNTIMES/nodejs/node_modules            for all kinds of the family
    RUNTIMES/nodejs-8/node_modules          for nodejs:8, instead of the family's
    RUNTIMES/python/site-packages           the same for Python
    RUNTIMES/NAME/packages.json             what was asked for: {"packages": ["lodash", "uuid@3"]}

RUNTIMES/NAME is a link to a folder of RUNTIMES/installed. An installation is made beside the one in use and
the link is changed by one rename, so processes see the old one or the new one; the one before stays until the
next change, for those that have it open.

All may read what is installed, if they get there: the data folder keeps others out, until `let_pass` lets
them through, for cells that run as users of their own and have no file system of their own.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from couchgrass.errors import BadRequest
from couchgrass.functions.packages import Asked, folder_name
from couchgrass.serving.files import replace_file

INSTALLED: Final = "installed"
_PASS: Final = 0o001
_ENTER: Final = 0o005
_READ: Final = 0o004
"""What others may: pass through a folder without listing it, list it too, read a file."""
LIST: Final = "packages.json"

Install = Callable[[Path, Sequence[str]], None]
"""Fills an empty folder with packages. Raises CouchgrassError."""


def folder(runtimes: Path, kind: str) -> Path | None:
    """The folder with `node_modules` or `site-packages` for a kind: its own, else its family's. Links are
    followed, so that a process keeps the installation that it began with."""
    for name in (kind, kind.partition(":")[0]):
        place = runtimes / folder_name(name)
        if place.is_symlink() and place.is_dir():
            return place.resolve()
    return None


def asked(runtimes: Path, kind: str) -> tuple[str, ...]:
    """What was asked for, for exactly this kind or family."""
    try:
        text = (runtimes / folder_name(kind) / LIST).read_bytes()
    except FileNotFoundError:
        return ()
    return msgspec.json.decode(text, type=Asked).packages


def names(runtimes: Path) -> list[str]:
    """The kinds and families that have packages of their own."""
    if not runtimes.is_dir():
        return []
    return sorted(path.name.replace("-", ":", 1) for path in runtimes.iterdir() if path.is_symlink())


def put(runtimes: Path, kind: str, packages: Sequence[str], install: Install) -> None:
    """Has exactly these packages for the kind; none: its folder goes. Whatever fails leaves the old ones.

    Raises OSError and what `install` raises.
    """
    link = runtimes / folder_name(kind)
    before = link.readlink().name if link.is_symlink() else None
    if not packages:
        link.unlink(missing_ok=True)
        _sweep(runtimes, folder_name(kind), keep=())
        return
    made = runtimes / INSTALLED / f"{folder_name(kind)}.{uuid.uuid4().hex[:8]}"
    made.mkdir(parents=True)
    for place in (runtimes, made.parent):
        _allow(place, _PASS)
    try:
        install(made, packages)
        _open_to_all(made)
        replace_file(made / LIST, msgspec.json.encode(Asked(tuple(packages))) + b"\n")
        beside = runtimes / f".{made.name}"
        beside.symlink_to(Path(INSTALLED) / made.name)
        beside.replace(link)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    _sweep(runtimes, folder_name(kind), keep=(made.name, before))


def check_free(runtimes: Path, kind: str) -> None:
    """Raises BadRequest when something of somebody else's is where the kind's link goes."""
    link = runtimes / folder_name(kind)
    if link.exists() and not link.is_symlink():
        raise BadRequest(f"{link} was not made by couchgrass: move it away first")


def let_pass(runtimes: Path) -> Path | None:
    """Lets all users through the data folder, the parent of `runtimes`, to what is installed. All else in it
    is its owner's alone by its own mode. What is further above is not ours: a folder there that lets nobody
    through is given back. Raises OSError."""
    runtimes = runtimes.resolve()
    for place in (runtimes.parent, runtimes, runtimes / INSTALLED):
        if place.is_dir():
            _allow(place, _PASS)
    return next((place for place in runtimes.parents if not place.stat().st_mode & _PASS), None)


def _open_to_all(folder: Path) -> None:
    for place, _, files in os.walk(folder):
        _allow(Path(place), _ENTER)
        for name in files:
            file = Path(place, name)
            if not file.is_symlink():
                _allow(file, _ENTER if file.stat().st_mode & 0o100 else _READ)


def _allow(place: Path, mode: int) -> None:
    now = place.stat().st_mode & 0o7777
    if now | mode != now:
        place.chmod(now | mode)


def _sweep(runtimes: Path, name: str, keep: tuple[str | None, ...]) -> None:
    """Removes installations that nobody is led to any more, also those that were cut off."""
    for path in (runtimes / INSTALLED).glob(f"{name}.*"):
        if path.name not in keep:
            shutil.rmtree(path, ignore_errors=True)
