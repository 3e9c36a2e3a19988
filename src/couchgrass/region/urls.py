"""How this machine reaches what it listens on itself.

Pure. A host that stands for all of the machine's addresses is no address to connect to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ALL: Final[Mapping[str, str]] = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def reached_host(host: str) -> str:
    """The address for a host that is listened on."""
    return _ALL.get(host, host)


def reached_at(host: str, port: int, scheme: str = "http") -> str:
    """The URL of what listens there."""
    here = reached_host(host)
    return f"{scheme}://{f'[{here}]' if ':' in here else here}:{port}"
