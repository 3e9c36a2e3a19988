"""Append-only files: what was appended is with the operating system, so it outlives the process.

An entry is CRC-32, size, kind, then its parts. The CRC covers all that follows it. Reading stops at the first
entry that is not whole: what a process that was killed, or a machine that lost its power, left behind.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_CRC: Final = struct.Struct("<I")
_HEADER: Final = struct.Struct("<IIB")
"""Sizes of the two parts, kind."""

PART_BYTES_MAX: Final = 1 << 30
"""A size over this is no size."""


class Entry(NamedTuple):
    """`kind` is one byte's worth; `head` and `tail` are any bytes."""

    kind: int
    head: bytes
    tail: bytes


class Segment:
    """One file that is being written. Made anew: it must not be there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def append(self, kind: int, head: bytes, tail: bytes) -> None:
        """With the operating system when it returns. Raises OSError: then nothing of it is in the file, or
        nothing after it will be read and the file must not be used further (the second error says so)."""
        header = _HEADER.pack(len(head), len(tail), kind)
        crc = zlib.crc32(tail, zlib.crc32(head, zlib.crc32(header)))
        wanted = _CRC.size + _HEADER.size + len(head) + len(tail)
        try:
            written = os.writev(self._file, (_CRC.pack(crc), header, head, tail))
            if written < wanted:
                left = b"".join((_CRC.pack(crc), header, head, tail))[written:]
                while left:
                    left = left[os.write(self._file, left) :]
        except OSError:
            os.ftruncate(self._file, self.bytes)
            raise
        self.bytes += wanted

    def close(self) -> None:
        os.close(self._file)


def entries(path: Path) -> Iterator[Entry]:
    """The whole entries from the start of a file, in their order."""
    with path.open("rb") as file:
        while len(start := file.read(_CRC.size + _HEADER.size)) == _CRC.size + _HEADER.size:
            (crc,) = _CRC.unpack_from(start)
            head_bytes, tail_bytes, kind = _HEADER.unpack_from(start, _CRC.size)
            if head_bytes > PART_BYTES_MAX or tail_bytes > PART_BYTES_MAX:
                return
            head, tail = file.read(head_bytes), file.read(tail_bytes)
            if len(head) != head_bytes or len(tail) != tail_bytes:
                return
            if crc != zlib.crc32(tail, zlib.crc32(head, zlib.crc32(start[_CRC.size :]))):
                return
            yield Entry(kind, head, tail)


def segment_paths(folder: Path) -> list[Path]:
    """The files of a folder in the order in which they were made."""
    return sorted(folder.glob("*.journal"))


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:012}.journal"


def last_number(folder: Path) -> int:
    """The number of the newest file; 0 when there is none."""
    return max((int(path.stem) for path in segment_paths(folder)), default=0)
