"""The socket that a server listens on, and granian serving on it.

Left to itself granian binds with SO_REUSEPORT, and two servers that start at the same time would share a port
and split their clients among them. Here the port is bound once, for us alone, before anything else starts.
"""

from __future__ import annotations

import errno
import socket
from typing import Any, NamedTuple

from granian._granian import SocketHolder
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server as Granian

from couchgrass.errors import CouchgrassError

BACKLOG = 1024

CONNECTIONS_MAX = 10_000
"""Requests under way at once, open feeds among them; further connections wait."""

HEADER_READ_MS = 30_000


class StartRefused(CouchgrassError):
    """The server can't start; `reason` says why and what to do."""


class Named(NamedTuple):
    """How users name the host and the port to listen on: by options, or by keys of a file."""

    host: str = "--host"
    port: str = "--port"


OPTIONS = Named()


def bind(host: str, port: int, named: Named = OPTIONS) -> socket.socket:
    """A socket bound to the port of this name or address; to a free one for 0. Raises StartRefused."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as refused:
        reason = refused.strerror if isinstance(refused, OSError) else "no name of a machine"
        raise StartRefused(f"{host} can't be listened on: {reason}") from refused
    try:
        # A port whose last connections are only winding up is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it. Without it a row of a live feed waits up to 40 ms for the one before to be
        # acknowledged.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setblocking(False)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as refused:
        listener.close()
        raise StartRefused(_refusal(host, port, refused, named)) from refused
    return listener


def _refusal(host: str, port: int, refused: OSError, named: Named) -> str:
    match refused.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {port} of {host} is taken: stop what listens there or choose another with {named.port}"
            )
        case errno.EACCES:
            return f"Port {port} needs more rights: choose one above 1023 with {named.port}"
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine: choose another with {named.host}"
        case _:
            return f"{host} can't be listened on: {refused.strerror or refused}"


class HttpServer(Granian):
    """Serves an ASGI application on a socket that `bind` made, and closes it at the end."""

    def __init__(self, application: Any, listener: socket.socket) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__(
            application,
            address=host,
            port=port,
            interface=Interfaces.ASGINL,
            websockets=False,
            backlog=BACKLOG,
            backpressure=CONNECTIONS_MAX,
            log_enabled=False,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_READ_MS),
        )
        self._listener = listener
        self._shd: Any = None

    def _init_shared_socket(self) -> None:
        # What granian itself does where a port can't be shared; its stubs leave the arguments out.
        make: Any = SocketHolder
        self._shd = make(self._listener.detach(), False, BACKLOG)

    def stop(self) -> None:
        """Refuses new connections, closes those that wait for a request, lets the others end."""
        interrupt: Any = self.signal_handler_interrupt
        interrupt()
