"""An action's code as it is sent, archives made alike on every machine, and the digest that tells equals.

Pure. A digest counts what is in an archive and not the archive's own bytes, which differ with the library
that packed them, the order of files and their times: so the same files have the same digest wherever they
were packed, by whichever tool. Of a file's mode counts whether it can be executed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Final

import msgspec

from couchgrass import json
from couchgrass.deploy.wanted import Exec
from couchgrass.functions.code import is_base64

UNPACKED_BYTES_MAX: Final = 512 * 1024 * 1024
"""Of an archive that is looked into; a larger one is told by its own bytes."""

_TIME: Final = (1980, 1, 1, 0, 0, 0)
"""The first that the format knows."""

_UNIX: Final = 3
_CHUNK: Final = 1024 * 1024


class File(msgspec.Struct, frozen=True):
    """A file of an archive."""

    content: bytes
    is_executable: bool = False


class Packed(msgspec.Struct, frozen=True):
    """Code that was read: text, or base64. `extension` is without its dot, "zip" for a folder."""

    extension: str
    code: str

    def __repr__(self) -> str:
        return f"Packed({self.extension!r}, {len(self.code)} characters)"


def zipped(files: Mapping[str, File]) -> bytes:
    """An archive of files by their paths: sorted, of one time, mode 755 or 644."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = _UNIX
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if files[name].is_executable else 0o100644) << 16
            archive.writestr(entry, files[name].content)
    return packed.getvalue()


def encoded(content: bytes) -> str:
    """An archive as it is sent."""
    return base64.b64encode(content).decode()


def executable(
    kind: str, code: str = "", *, main: str = "", image: str = "", components: Iterable[str] = ()
) -> Exec:
    """An action's code with its digest, from what is declared or from what a host has. `kind` is resolved;
    no main is the same as "main"."""
    parts = tuple(components)
    binary = is_base64(code.strip().encode())
    told = [kind, "" if main == "main" else main, image, list(parts), _told(code, binary)]
    digest = hashlib.sha256(json.encode(told)).hexdigest()
    return Exec(kind, code=code, binary=binary, main=main, image=image, components=parts, digest=digest)


def _told(code: str, binary: bool) -> object:
    """What of the code counts."""
    if not binary:
        return ["text", hashlib.sha256(code.encode()).hexdigest()]
    try:
        content = base64.b64decode(code.strip(), validate=True)
    except binascii.Error:
        return ["text", hashlib.sha256(code.encode()).hexdigest()]
    try:
        return ["files", _contents(content)]
    except (zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, EOFError, OSError):
        return ["bytes", hashlib.sha256(content).hexdigest()]


def _contents(content: bytes) -> list[tuple[str, bool, str]]:
    """(path, can be executed, SHA-256) of each file. Raises what a bad or locked archive makes it raise."""
    found: dict[str, tuple[str, bool, str]] = {}
    left = UNPACKED_BYTES_MAX
    with zipfile.ZipFile(BytesIO(content)) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            hashed = hashlib.sha256()
            with archive.open(entry) as file:
                while chunk := file.read(_CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        raise ValueError("too large when unpacked")
                    hashed.update(chunk)
            is_executable = bool(entry.external_attr >> 16 & 0o111)
            found[entry.filename] = (entry.filename, is_executable, hashed.hexdigest())
    return sorted(found.values())
