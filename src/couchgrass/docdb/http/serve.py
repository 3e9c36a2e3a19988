"""Runs a server: opens the folder, completes the settings, listens, and stops in good order."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server as Granian

from couchgrass.docdb import config as configuration
from couchgrass.docdb.http.app import App
from couchgrass.docdb.http.server import Server
from couchgrass.docdb.http.settings_file import SettingsFile
from couchgrass.docdb.password import admin_credentials, hash_admin_password, verify_password
from couchgrass.docdb.settings import snapshot
from couchgrass.docdb.sqlite.store import Store
from couchgrass.errors import CouchgrassError

log = logging.getLogger("couchgrass")

STOP_S = 4.0
"""How long requests under way may take once the server is told to stop; the whole stop takes under 5 s."""

SWITCH_S = 0.0005
"""How soon a busy thread lets the event loop go on; Python's own 5 ms would show in every answer."""

HEADER_READ_MS = 30_000
BACKLOG = 1024

CONNECTIONS_MAX = 10_000
"""Requests under way at once, open feeds among them; further connections wait."""

ADMIN_FILE = "admin.json"


class StartRefused(CouchgrassError):
    """The server can't start; `reason` says why and what to do."""


class Wanted(msgspec.Struct, frozen=True):
    """What the command line asks for; None leaves it to the settings."""

    data: Path
    host: str | None = None
    port: int | None = None
    config: Path | None = None
    admin: tuple[str, str] | None = None


class Started(msgspec.Struct, frozen=True):
    """Where the server listens, and the file with the generated admin, if it has one."""

    url: str
    data: Path
    admin_file: Path | None


def run(wanted: Wanted, ready: Callable[[Started], None]) -> None:
    """Serves until SIGTERM or SIGINT. Raises StartRefused, FolderRefused or another CouchgrassError."""
    import uvloop

    sys.setswitchinterval(SWITCH_S)
    uvloop.run(_serve(wanted, ready))


async def _serve(wanted: Wanted, ready: Callable[[Started], None]) -> None:
    store = Store.open(wanted.data)
    _allow_files()
    try:
        settings_file = SettingsFile(operators=wanted.config, own=wanted.data / "settings.ini")
        config, admin_file = complete_settings(settings_file, wanted)
        server = Server(store, config, settings_file)
        store.open_max = server.settings.couchdb.max_dbs_open
        host = wanted.host or server.settings.chttpd.bind_address
        port = server.settings.chttpd.port if wanted.port is None else wanted.port
        port = _check_port(host, port)
        await server.begin()
    except BaseException:
        await store.close()
        raise
    app = App(server)
    granian = Granian(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        websockets=False,
        backlog=BACKLOG,
        backpressure=CONNECTIONS_MAX,
        log_enabled=False,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_READ_MS),
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stopping.set)
    serving = asyncio.create_task(granian.serve())
    await _accepting(host, port, serving)
    shown = f"[{host}]" if ":" in host else host
    ready(Started(f"http://{shown}:{port}", wanted.data, admin_file))
    await asyncio.wait({asyncio.create_task(stopping.wait()), serving}, return_when=asyncio.FIRST_COMPLETED)
    await _stop(server, app, granian, serving)


def _allow_files() -> None:
    """Takes as many open files as the system allows: an open database has about three, a client one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _stop(server: Server, app: App, granian: Any, serving: asyncio.Task[None]) -> None:
    """Lets requests under way end, feeds say their last word, then closes everything."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + STOP_S
    server.stop()
    app.draining = True
    while app.inflight and loop.time() < deadline:
        await asyncio.sleep(0.01)
    granian.stop()
    await asyncio.wait({serving}, timeout=max(0.1, deadline - loop.time()))
    await server.close()


def complete_settings(
    settings_file: SettingsFile, wanted: Wanted
) -> tuple[configuration.Config, Path | None]:
    """The settings with what a first start adds: a uuid, a cookie secret, an admin. Stores them.

    The admin is `wanted.admin`; without one, and when the settings name none, one is generated into a
    file that only the owner can read.
    """
    config = settings_file.load()
    before = config
    auth = snapshot(configuration.effective(config)).chttpd_auth

    def hashed(password: str) -> str:
        return hash_admin_password(password, secrets.token_hex(16), auth)

    config = configuration.complete(
        config, uuid=secrets.token_hex(16), secret=secrets.token_hex(32), hash_password=hashed
    )
    admin_file = wanted.data / ADMIN_FILE
    if wanted.admin is not None:
        name, password = wanted.admin
        if not _is_password_of(config, name, password):
            config, _ = configuration.put(
                config, "admins", name, password, persist=True, hash_password=hashed
            )
    elif not configuration.section_values(config, "admins"):
        password = secrets.token_urlsafe(24)
        _write_private(admin_file, msgspec.json.encode({"name": "admin", "password": password}) + b"\n")
        config, _ = configuration.put(config, "admins", "admin", password, persist=True, hash_password=hashed)
    if config != before:
        settings_file.save(config)
    return config, admin_file if admin_file.exists() else None


def _is_password_of(config: configuration.Config, name: str, password: str) -> bool:
    """True when the settings have this admin with this password, so that nothing needs to change."""
    text = configuration.section_values(config, "admins").get(name)
    credentials = admin_credentials(text) if text else None
    auth = snapshot(configuration.effective(config)).chttpd_auth
    return credentials is not None and verify_password(password, credentials, auth)


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_port(host: str, port: int) -> int:
    """The port to listen on; a free one for 0. Raises StartRefused when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as refused:
            if refused.errno == errno.EADDRINUSE:
                raise StartRefused(
                    f"Port {port} of {host} is taken: stop what listens there or choose another with --port"
                ) from refused
            if refused.errno == errno.EACCES:
                raise StartRefused(
                    f"Port {port} needs more rights: choose one above 1023 with --port"
                ) from refused
            raise StartRefused(f"{host} can't be listened on: {refused.strerror or refused}") from refused
        return int(probe.getsockname()[1])


async def _accepting(host: str, port: int, serving: asyncio.Task[None]) -> None:
    """Waits until the port answers. Raises StartRefused when serving ended instead."""
    for _ in range(500):
        if serving.done():
            raise StartRefused(f"Port {port} of {host} can't be served") from serving.exception()
        try:
            _, writer = await asyncio.open_connection(host if host not in ("0.0.0.0", "::") else None, port)  # noqa: S104
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        return
    raise StartRefused(f"Port {port} of {host} does not answer")
