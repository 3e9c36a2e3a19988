"""A port that can refuse connections for a while without anybody else getting it.

A second socket holds it: bound beside the one that listens, it never listens itself. Both allow each other by
SO_REUSEPORT, which the rest of the machine is refused by; a socket that only stops to listen loses its port.
"""

from __future__ import annotations

import socket
from typing import Final

from couchgrass.region.config import LOOPBACK
from couchgrass.serving.listen import OPTIONS, Named, bind

BACKLOG: Final = 128


class Door:
    """A port of loopback, shut at first."""

    def __init__(self, port: int, named: Named = OPTIONS) -> None:
        """Raises StartRefused when it is taken. Port 0: any that is free."""
        # Only this tells whether another one of us has it.
        with bind(LOOPBACK, port, named) as taken:
            self.port: int = taken.getsockname()[1]
        self._holder = self._bound()
        self._listener: socket.socket | None = None

    def open(self) -> socket.socket:
        """The socket that takes connections from now on."""
        if self._listener is None:
            self._listener = self._bound()
            self._listener.listen(BACKLOG)
        return self._listener

    def shut(self) -> None:
        """Connections are refused from now on."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def close(self) -> None:
        """Lets the port go."""
        self.shut()
        self._holder.close()

    def _bound(self) -> socket.socket:
        found = socket.socket()
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.setblocking(False)
        try:
            found.bind((LOOPBACK, self.port))
        except OSError:
            found.close()
            raise
        return found
