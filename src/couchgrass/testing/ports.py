"""Free ports of loopback, for servers that have to be told theirs."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from typing import Final

PORTS: Final = range(24_000, 32_000)
"""Below those of outgoing connections, which come and go between a choice and its use."""

_dice = random.SystemRandom()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now. All are held until the last is found, so none comes twice."""
    found: list[int] = []
    with ExitStack() as stack:
        while len(found) < count:
            one = stack.enter_context(socket.socket())
            try:
                one.bind(("127.0.0.1", _dice.choice(PORTS)))
            except OSError:
                continue
            found.append(int(one.getsockname()[1]))
    return found
