"""Leads connections to Cloudant accounts to the region's own database, in a Python action's process.

A script: it is run before the action's code and imports nothing of ours. The rules are those of
cloudant.cjs: COUCHGRASS_ACCOUNTS in the environment, taken out of it here, is a JSON list of
``HOST=TARGET:PORT``; what is opened to the https or http port of such a host goes to its target instead, as
plain HTTP.

Python's clients come through name look-ups or `socket.connect`, then through `SSLContext.wrap_socket`, or
`wrap_bio` under asyncio. Modules that are not loaded yet are changed once they are, so that an action without
accounts pays nothing and one with them next to nothing. A loop that is no part of Python (uvloop) looks names
up by itself and is not led.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

VARIABLE = "COUCHGRASS_ACCOUNTS"
PORTS = frozenset({80, 443, "80", "443", "http", "https"})


class Leading:
    """Which hosts are led where. `peers` are the targets' addresses, as far as they were looked up."""

    def __init__(self, told: Sequence[str]) -> None:
        self._targets: dict[str, tuple[str, int]] = {}
        for one in told:
            name, _, target = one.partition("=")
            host, _, port = target.rpartition(":")
            self._targets[_plain(name)] = (host.strip("[]"), int(port))
        self.peers: set[tuple[Any, ...]] = set()

    def target(self, host: Any) -> tuple[str, int] | None:
        """Where a host is led; None: nowhere else."""
        name = host.decode("latin-1") if isinstance(host, bytes) else host
        return self._targets.get(_plain(name)) if isinstance(name, str) else None

    def patch_socket(self) -> None:
        """Changes name look-ups and `connect`."""
        import socket

        look_up = socket.getaddrinfo
        connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

        def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
            target = self.target(host) if port in PORTS else None
            if target is None:
                return look_up(host, port, *args, **kwargs)
            found = look_up(*target, *args, **kwargs)
            self.peers.update(address[:2] for *_, address in found)
            return found

        def led(one: socket.socket, address: Any) -> Any:
            if not isinstance(address, tuple) or len(address) < 2 or address[1] not in PORTS:
                return address
            if self.target(address[0]) is not None:
                return getaddrinfo(*address[:2], family=one.family, type=socket.SOCK_STREAM)[0][4]
            return address

        socket.getaddrinfo = getaddrinfo
        setattr(socket.socket, "connect", lambda one, address: connect(one, led(one, address)))  # noqa: B010
        setattr(socket.socket, "connect_ex", lambda one, address: connect_ex(one, led(one, address)))  # noqa: B010

    def patch_ssl(self) -> None:
        """Changes what makes TLS out of a connection: of a led one, something that looks like it."""
        import ssl

        wrap_socket, wrap_bio = ssl.SSLContext.wrap_socket, ssl.SSLContext.wrap_bio
        pretended_socket, pretended_object = _socket_maker(), _object_maker()

        def socket_of(
            context: ssl.SSLContext,
            sock: Any,
            server_side: bool = False,
            do_handshake_on_connect: bool = True,
            suppress_ragged_eofs: bool = True,
            server_hostname: Any = None,
            session: Any = None,
        ) -> Any:
            if not server_side and self._is_led(sock, server_hostname):
                return pretended_socket(context, sock, server_hostname)
            return wrap_socket(
                context,
                sock,
                server_side,
                do_handshake_on_connect,
                suppress_ragged_eofs,
                server_hostname,
                session,
            )

        def object_of(
            context: ssl.SSLContext,
            incoming: ssl.MemoryBIO,
            outgoing: ssl.MemoryBIO,
            server_side: bool = False,
            server_hostname: Any = None,
            session: Any = None,
        ) -> Any:
            if not server_side and self.target(server_hostname) is not None:
                return pretended_object(context, incoming, outgoing, server_hostname)
            return wrap_bio(context, incoming, outgoing, server_side, server_hostname, session)

        setattr(ssl.SSLContext, "wrap_socket", socket_of)  # noqa: B010
        setattr(ssl.SSLContext, "wrap_bio", object_of)  # noqa: B010

    def _is_led(self, sock: Any, server_hostname: Any) -> bool:
        """A connection to the target that was led there, or one to a led host that is not made yet."""
        if server_hostname is not None and self.target(server_hostname) is None:
            return False
        try:
            return sock.getpeername()[:2] in self.peers
        except OSError:
            return server_hostname is not None


def _plain(host: str) -> str:
    """A host's name as it is compared."""
    return host.lower().removesuffix(".")


def _certificate(host: Any) -> dict[str, Any]:
    return {"subject": ((("commonName", host),),), "subjectAltName": (("DNS", host),)}


def _socket_maker() -> Callable[[Any, Any, Any], Any]:
    """Makes an `SSLSocket` without TLS out of a socket. Without a `_sslobj` it sends plainly."""
    import socket
    import ssl

    class Pretended(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            pass

        def connect(self, addr: Any) -> None:
            socket.socket.connect(self, addr)

        def connect_ex(self, addr: Any) -> int:
            return socket.socket.connect_ex(self, addr)

        def read(self, len: int = 1024, buffer: Any = None) -> Any:
            return self.recv(len) if buffer is None else self.recv_into(buffer, len)

        def write(self, data: Any) -> int:
            return self.send(data)

        def getpeercert(self, binary_form: bool = False) -> Any:
            return b"" if binary_form else _certificate(self.server_hostname)

        def version(self) -> str:
            return "TLSv1.3"

        def cipher(self) -> tuple[str, str, int]:
            return ("NULL", "TLSv1.3", 0)

        def unwrap(self) -> socket.socket:
            return self

    def make(context: Any, sock: Any, server_hostname: Any) -> Pretended:
        made = Pretended.__new__(Pretended)
        timeout = sock.gettimeout()
        socket.socket.__init__(made, sock.family, sock.type, sock.proto, sock.fileno())
        sock.detach()
        made.settimeout(timeout)
        for name, value in (
            ("_context", context),
            ("_session", None),
            ("_sslobj", None),
            ("_connected", True),
            ("server_side", False),
            ("server_hostname", server_hostname),
            ("do_handshake_on_connect", False),
            ("suppress_ragged_eofs", True),
        ):
            setattr(made, name, value)
        return made

    return make


def _object_maker() -> Callable[[Any, Any, Any, Any], Any]:
    """Makes an `SSLObject` that hands bytes through from one buffer to the other."""
    import ssl

    class Pretended(ssl.SSLObject):
        _incoming: ssl.MemoryBIO
        _outgoing: ssl.MemoryBIO
        context: Any = None
        server_side: Any = False
        server_hostname: Any = None
        session: Any = None
        session_reused: Any = False

        def read(self, len: int = 1024, buffer: Any = None) -> Any:
            piece = self._incoming.read(len)
            if not piece and len and not self._incoming.eof:
                raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "The operation did not complete (read)")
            if buffer is None:
                return piece
            size = piece.__len__()
            buffer[:size] = piece
            return size

        def write(self, data: Any) -> int:
            return self._outgoing.write(data)

        def do_handshake(self) -> None:
            pass

        def unwrap(self) -> None:
            pass

        def pending(self) -> int:
            return self._incoming.pending

        def getpeercert(self, binary_form: bool = False) -> Any:
            return b"" if binary_form else _certificate(self.server_hostname)

        def version(self) -> str:
            return "TLSv1.3"

        def cipher(self) -> tuple[str, str, int]:
            return ("NULL", "TLSv1.3", 0)

        def _none(self, *_: Any) -> None:
            return None

        compression = selected_alpn_protocol = selected_npn_protocol = shared_ciphers = _none
        get_channel_binding: Any = _none

    def make(context: Any, incoming: Any, outgoing: Any, server_hostname: Any) -> Pretended:
        made = Pretended.__new__(Pretended)
        made._incoming, made._outgoing = incoming, outgoing
        made.context, made.server_hostname = context, server_hostname
        return made

    return make


class _Loader:
    """A module's own loader, and something to do once the module is loaded."""

    def __init__(self, inner: Any, then: Callable[[], None]) -> None:
        self._inner = inner
        self._then = then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._inner.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._inner
        if module.__spec__ is not None:
            module.__spec__.loader = self._inner
        self._inner.exec_module(module)
        self._then()


class _Finder:
    """Sees modules come that are to be changed."""

    def __init__(self, changes: dict[str, Callable[[], None]]) -> None:
        self._changes = changes

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        change = self._changes.pop(name, None)
        if change is None:
            return None
        if not self._changes:
            sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = _Loader(spec.loader, change)  # type: ignore[assignment]
        return spec


def install(told: Sequence[str]) -> None:
    """Leads hosts to their targets from now on; each as ``HOST=TARGET:PORT``."""
    if not told:
        return
    leading = Leading(told)
    changes = {"socket": leading.patch_socket, "ssl": leading.patch_ssl}
    for name in [name for name in changes if name in sys.modules]:
        changes.pop(name)()
    if changes:
        sys.meta_path.insert(0, _Finder(changes))


def from_environment() -> None:
    """Does what the environment says, if it says something, and takes that out of it."""
    text = os.environ.pop(VARIABLE, None)
    if text is not None:
        install(json.loads(text))


from_environment()
