"""A gate that an action waits at: it connects to the test, and goes on when the test lets it.

So what a test does meanwhile happens meanwhile, however slow the machine is.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

WAIT_S: Final = 60.0


class Waiting:
    """One who waits at the gate."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def let_go(self) -> None:
        """It goes on."""
        self._connection.sendall(b"x")

    def until_gone(self) -> None:
        """Returns when it has closed its connection. Raises TimeoutError."""
        while self._connection.recv(1024):
            pass


class Gate(NamedTuple):
    """An open gate; whoever connects to `port` waits."""

    listener: socket.socket
    came: list[socket.socket]

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def next(self) -> Waiting:
        """The next one who comes. Raises TimeoutError."""
        connection, _ = self.listener.accept()
        connection.settimeout(WAIT_S)
        self.came.append(connection)
        return Waiting(connection)


@contextmanager
def gate() -> Iterator[Gate]:
    """A gate for the length of a block; at its end all go on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(WAIT_S)
        found = Gate(listener, [])
        try:
            yield found
        finally:
            for connection in found.came:
                connection.close()
