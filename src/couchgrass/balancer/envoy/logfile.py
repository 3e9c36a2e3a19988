"""The access log: Envoy writes it, we keep it bounded."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from couchgrass.balancer.envoy.admin import Admin

LOG_BYTES_MAX: Final = 64 * 1024 * 1024
"""There are up to two files of this size: the one that is written, and the one before, with `.1`."""


async def rotate(file: Path, admin: Admin, bytes_max: int = LOG_BYTES_MAX) -> bool:
    """Sets a log aside that is full; whether it was. Raises PeerLost and OSError."""
    try:
        full = file.stat().st_size >= bytes_max
    except FileNotFoundError:
        return False
    if full:
        file.replace(file.with_name(f"{file.name}.1"))
        await admin.reopen_logs()
    return full
