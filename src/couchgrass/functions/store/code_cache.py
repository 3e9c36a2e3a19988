"""Code near at hand: in memory and in a folder, by its digest. Both bounded, the least recently used goes.

What is read from the folder is looked at again: a file that is not what its name says is removed.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
from collections import OrderedDict
from pathlib import Path
from typing import Final

MEMORY_BYTES_MAX: Final = 64 * 1024 * 1024
"""The largest code fits; a thousand usual ones do."""

DISK_BYTES_MAX: Final = 1024 * 1024 * 1024

THREAD_BYTES_MIN: Final = 256 * 1024
"""What is smaller is hashed at once."""

log = logging.getLogger(__name__)


class Shelf:
    """Sizes by digest in the order of their use, with the bound that tells which ones have to go."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self.bytes = 0

    def __contains__(self, digest: str) -> bool:
        return digest in self._sizes

    def used(self, digest: str) -> None:
        """It goes last."""
        self._sizes.move_to_end(digest)

    def add(self, digest: str, size: int) -> list[str]:
        """The digests that have to go for it: itself when it is larger than all the room there is."""
        self.remove(digest)
        self._sizes[digest] = size
        self.bytes += size
        gone: list[str] = []
        while self.bytes > self._bytes_max:
            oldest = next(iter(self._sizes))
            self.remove(oldest)
            gone.append(oldest)
        return gone

    def remove(self, digest: str) -> None:
        """Nothing happens when it is not there."""
        self.bytes -= self._sizes.pop(digest, 0)


class CodeCache:
    """Nothing here is the only copy, so a failing disk costs time and no code."""

    def __init__(
        self, folder: Path, *, memory_bytes_max: int = MEMORY_BYTES_MAX, disk_bytes_max: int = DISK_BYTES_MAX
    ) -> None:
        self._folder = folder
        self._memory = Shelf(memory_bytes_max)
        self._disk = Shelf(disk_bytes_max)
        self._texts: dict[str, bytes] = {}
        self._blocked = asyncio.Lock()

    async def open(self) -> None:
        """Makes the folder and finds what is in it. Raises OSError."""
        for digest in await asyncio.to_thread(self._find):
            self._unlink(digest)

    def _find(self) -> list[str]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        gone: list[str] = []
        files = [(file.stat(), file) for file in self._folder.iterdir() if file.is_file()]
        for stat, file in sorted(files, key=lambda one: one[0].st_mtime_ns):
            if len(file.name) == 64:
                gone += self._disk.add(file.name, stat.st_size)
            else:
                gone.append(file.name)  # it was being written
        return gone

    async def get(self, digest: str) -> bytes | None:
        """The code, or None when it is not here."""
        text = self._texts.get(digest)
        if text is not None:
            self._memory.used(digest)
            return text
        if digest not in self._disk:
            return None
        async with self._blocked:
            text = await asyncio.to_thread(self._read, digest)
            if text is None:
                self._disk.remove(digest)
                return None
            if digest in self._disk:
                self._disk.used(digest)
        self._remember(digest, text)
        return text

    async def put(self, digest: str, text: bytes) -> None:
        """Keeps it. The caller has checked that it is what the digest says."""
        self._remember(digest, text)
        async with self._blocked:
            if digest in self._disk:
                return
            try:
                await asyncio.to_thread(self._write, digest, text)
            except OSError as failed:
                log.warning("code can't be kept in %s: %s", self._folder, failed)
                return
            gone = self._disk.add(digest, len(text))
            for one in gone:
                self._unlink(one)

    def _remember(self, digest: str, text: bytes) -> None:
        self._texts[digest] = text
        for gone in self._memory.add(digest, len(text)):
            del self._texts[gone]

    def _read(self, digest: str) -> bytes | None:
        file = self._folder / digest
        try:
            text = file.read_bytes()
            if hashlib.sha256(text).hexdigest() == digest:
                os.utime(file)
                return text
            log.warning("%s is not what it was written as: removed", file)
            file.unlink(missing_ok=True)
        except OSError:
            return None
        return None

    def _write(self, digest: str, text: bytes) -> None:
        beside = self._folder / f"{digest}.{secrets.token_hex(4)}"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
        beside.rename(self._folder / digest)

    def _unlink(self, name: str) -> None:
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError as failed:
            log.warning("%s can't be removed from %s: %s", name, self._folder, failed)


async def is_digest(text: bytes, digest: str) -> bool:
    """Is this its SHA-256? Large code is hashed on a thread."""
    if len(text) < THREAD_BYTES_MIN:
        return hashlib.sha256(text).hexdigest() == digest
    return await asyncio.to_thread(lambda: hashlib.sha256(text).hexdigest()) == digest
