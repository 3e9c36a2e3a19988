"""The folder with an app's pages, read whole: all of it is served, or none.

A link is followed as long as it leads to something inside of the folder. What begins with a dot is left out,
and told: such files are a program's own, and may hold secrets. `.well-known` is for browsers.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from couchgrass.errors import BadRequest
from couchgrass.gateway.site import INDEX, REGIONS, SiteFile, digest_of
from couchgrass.serving.pages import HASHED, media_type_of

FILES_MAX: Final = 2000
FILE_BYTES_MAX: Final = 5 * 1024 * 1024
ALL_BYTES_MAX: Final = 50 * 1024 * 1024
"""A deploy holds them in memory, and each region's gateway one of them at a time."""

NAME_BYTES_MAX: Final = 512
SHOWN: Final = ".well-known"


class PagesRefused(BadRequest):
    """The folder can't be served; `reason` names the file."""


class Folder(msgspec.Struct, frozen=True):
    """All files, and their contents by digest. `warnings`: what is left out."""

    files: tuple[SiteFile, ...]
    contents: dict[str, bytes]
    warnings: tuple[str, ...] = ()


def read_pages(folder: Path) -> Folder:
    """Raises PagesRefused."""
    if not folder.is_dir():
        raise PagesRefused(f"{folder} is not there: the pages of an app are a folder with an {INDEX}")
    found: dict[str, SiteFile] = {}
    contents: dict[str, bytes] = {}
    left: list[str] = []
    size = 0
    for path, name in _walk(folder, Path(os.path.realpath(folder)), left, ()):
        if len(found) == FILES_MAX:
            raise PagesRefused(
                f"{folder} has more than {FILES_MAX} files; an app's pages have at most as many"
            )
        content = _read(path)
        size += len(content)
        if size > ALL_BYTES_MAX:
            raise PagesRefused(
                f"{folder} has more than {ALL_BYTES_MAX >> 20} MB, the most for an app's pages"
            )
        name = unicodedata.normalize("NFC", name)
        if name in found:
            raise PagesRefused(f"{path}: two files have this name, in different forms of Unicode")
        digest = digest_of(content)
        hashed = HASHED.fullmatch(name) is not None
        found[name] = SiteFile(name, digest, len(content), media_type_of(name), hashed)
        contents[digest] = content
    if INDEX not in found:
        raise PagesRefused(f"{folder} has no {INDEX}: are the pages built?")
    warnings = [f"{folder / one} is left out: its name begins with a dot" for one in left]
    if REGIONS in found:
        warnings.append(f"{folder / REGIONS} is left out: a deploy makes that file")
    return Folder(tuple(found.values()), contents, tuple(warnings))


def _walk(folder: Path, root: Path, left: list[str], above: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    """(where it is, its name) of all files, in the order of their names."""
    for path in sorted(folder.iterdir(), key=lambda one: one.name):
        name = "/".join((*above, path.name))
        if path.name.startswith(".") and path.name != SHOWN:
            left.append(name)
            continue
        _check_name(path, name)
        real = Path(os.path.realpath(path))
        if path.is_symlink() and not real.is_relative_to(root):
            raise PagesRefused(f"{path} links out of the folder of the pages")
        if path.is_dir():
            if path.is_symlink() and Path(os.path.realpath(folder)).is_relative_to(real):
                raise PagesRefused(f"{path} links to a folder that it is in")
            yield from _walk(path, root, left, (*above, path.name))
        else:
            yield path, name


def _check_name(path: Path, name: str) -> None:
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise PagesRefused(f"{os.fsencode(path)!r}: the name is no text in UTF-8") from None
    if len(encoded) > NAME_BYTES_MAX:
        raise PagesRefused(f"{path}: the name has more than {NAME_BYTES_MAX} bytes")
    if any(unicodedata.category(sign) == "Cc" for sign in name):
        raise PagesRefused(f"{path.parent}: a file there has a control character in its name")


def _read(path: Path) -> bytes:
    """Of a plain file only; a pipe would be waited for."""
    try:
        with open(path, "rb", opener=_opened) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise PagesRefused(f"{path} is no file")
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as refused:
        raise PagesRefused(f"{path} can't be read: {refused.strerror}") from refused
    if len(content) > FILE_BYTES_MAX:
        raise PagesRefused(f"{path} has more than {FILE_BYTES_MAX >> 20} MB, the most for one file")
    return content


def _opened(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
