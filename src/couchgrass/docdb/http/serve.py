"""Runs a server: opens the folder, completes the settings, listens, and stops in good order."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from couchgrass.docdb import config as configuration
from couchgrass.docdb.http.app import App
from couchgrass.docdb.http.server import Server
from couchgrass.docdb.http.settings_file import SettingsFile
from couchgrass.docdb.password import (
    admin_credentials,
    hash_admin_password,
    hash_generated,
    verify_password,
)
from couchgrass.docdb.settings import ChttpdAuth, snapshot
from couchgrass.docdb.sqlite.store import Store
from couchgrass.errors import Forbidden
from couchgrass.serving import process
from couchgrass.serving.files import replace_file
from couchgrass.serving.listen import HttpServer, Named, StartRefused, bind
from couchgrass.serving.process import allow_files, heed_signals, in_url, settle_memory

log = logging.getLogger("couchgrass")

STOP_S = 4.0
"""How long requests under way may take once the server is told to stop; the whole stop takes under 5 s."""

EXTENSION_STOP_S = 2.0
"""How much of that an extension may take for itself, before feeds are told to end."""

ADMIN_FILE = "admin.json"


class Service(msgspec.Struct, frozen=True):
    """An admin for programs that belong to the server, beside the one for people: with a password of its own,
    so that it can be changed without theirs. `file` has it, and is made when it is missing."""

    name: str
    file: Path


class Wanted(msgspec.Struct, frozen=True):
    """What the command line asks for; None leaves it to the settings.

    `named`: what users call host and port.
    """

    data: Path
    host: str | None = None
    port: int | None = None
    config: Path | None = None
    admin: tuple[str, str] | None = None
    named: Named = Named()
    service: Service | None = None


class Started(msgspec.Struct, frozen=True):
    """Where the server listens, and the file with the generated admin, if that is the one to use."""

    url: str
    data: Path
    admin_file: Path | None


class Extension(Protocol):
    """What runs beside the server in its process, such as a replicator."""

    async def close(self) -> None:
        """Ends it. Cancelled when it takes too long."""


Extend = Callable[[App], Awaitable[Extension]]
"""Puts an extension to a server that has its system databases and takes no requests over the network yet."""


def run(wanted: Wanted, ready: Callable[[Started], None], extend: Extend | None = None) -> None:
    """Serves until SIGTERM or SIGINT. Raises StartRefused, FolderRefused or another CouchgrassError."""
    process.run(_serve(wanted, ready, extend))


async def _serve(wanted: Wanted, ready: Callable[[Started], None], extend: Extend | None) -> None:
    store = Store.open(wanted.data)
    allow_files()
    try:
        settings_file = SettingsFile(operators=wanted.config, own=wanted.data / "settings.ini")
        config, admin_file = complete_settings(settings_file, wanted)
        server = Server(store, config, settings_file)
        store.open_max = server.settings.couchdb.max_dbs_open
        host = wanted.host or server.settings.chttpd.bind_address
        port = server.settings.chttpd.port if wanted.port is None else wanted.port
        listener = bind(host, port, wanted.named)
        app = App(server)
        try:
            await server.begin()
            extension = None if extend is None else await extend(app)
        except BaseException:
            listener.close()
            raise
    except BaseException:
        await store.close()
        raise
    stop, hurry = asyncio.Event(), asyncio.Event()
    heed_signals(stop, hurry)
    port = listener.getsockname()[1]
    http = HttpServer(app, listener)
    settle_memory()
    serving = asyncio.create_task(http.serve())
    ready(Started(f"http://{in_url(host)}:{port}", wanted.data, admin_file))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({stopped, serving}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    await _stop(app, http, serving, hurry, extension)
    if serving.done():
        serving.result()


async def _stop(
    app: App,
    http: HttpServer,
    serving: asyncio.Task[None],
    hurry: asyncio.Event,
    extension: Extension | None,
) -> None:
    """Takes no more connections, closes the extension, has feeds say their last word, lets requests end,
    closes everything.

    What was taken into a writer's queue is written whether or not its client is still there.
    """
    app.draining = True
    http.stop()
    ends_at = asyncio.get_running_loop().time() + STOP_S
    hurried = asyncio.create_task(hurry.wait())
    if extension is not None:
        await close_extension(extension, hurried)
    app.server.stop()
    left_s = max(0.0, ends_at - asyncio.get_running_loop().time())
    await asyncio.wait({serving, hurried}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    if not serving.done():
        log.warning("stopping with connections open, %d requests under way", app.inflight)
    await app.server.close()


async def close_extension(extension: Extension, hurried: asyncio.Future[Any]) -> None:
    """Closes it, in EXTENSION_STOP_S at the most and not past `hurried`; whatever it does, this returns."""
    closing: asyncio.Future[None] = asyncio.ensure_future(extension.close())
    await asyncio.wait({closing, hurried}, timeout=EXTENSION_STOP_S, return_when=asyncio.FIRST_COMPLETED)
    if not closing.done():
        log.warning("what runs beside the server did not end in time")
        closing.cancel()
        await asyncio.wait({closing}, timeout=EXTENSION_STOP_S / 4)
    elif not closing.cancelled() and (error := closing.exception()) is not None:
        log.error("what runs beside the server did not end well", exc_info=error)


def complete_settings(
    settings_file: SettingsFile, wanted: Wanted
) -> tuple[configuration.Config, Path | None]:
    """The settings with what a first start adds: a uuid, a cookie secret, admins. Stores them.

    The admin is `wanted.admin`; without one, and when the settings name none, one is generated into a
    file that only the owner can read. Raises StartRefused.
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
        password = _write_new(admin_file, "admin")
        config = _with_generated(config, "admin", password, auth)
    if wanted.service is not None:
        name, password = _of_service(wanted.service)
        if not _is_password_of(config, name, password):
            config = _with_generated(config, name, password, auth)
    if config != before:
        settings_file.save(config)
    return config, admin_file if wanted.admin is None and admin_file.exists() else None


class _Written(msgspec.Struct):
    name: str
    password: str


def _of_service(service: Service) -> tuple[str, str]:
    """The name and the password in the service's file. Raises StartRefused."""
    try:
        written = msgspec.json.decode(service.file.read_bytes(), type=_Written)
    except FileNotFoundError:
        return service.name, _write_new(service.file, service.name)
    except OSError as refused:
        raise StartRefused(f"{service.file} can't be read: {refused.strerror}") from refused
    except msgspec.DecodeError:
        raise StartRefused(f'{service.file} does not hold {{"name": …, "password": …}}') from None
    return written.name, written.password


def _write_new(file: Path, name: str) -> str:
    """A new password, kept in `file`. Raises StartRefused."""
    password = secrets.token_urlsafe(24)
    try:
        replace_file(file, msgspec.json.encode({"name": name, "password": password}) + b"\n")
    except OSError as failure:
        raise StartRefused(f"{file} can't be written: {failure.strerror}") from failure
    return password


def _with_generated(
    config: configuration.Config, name: str, password: str, auth: ChttpdAuth
) -> configuration.Config:
    """The settings with an admin whose password was drawn by lot."""

    def hashed(password: str) -> str:
        return hash_generated(password, secrets.token_hex(16), auth)

    config, _ = configuration.put(config, "admins", name, password, persist=True, hash_password=hashed)
    return config


def _is_password_of(config: configuration.Config, name: str, password: str) -> bool:
    """True when the settings have this admin with this password, so that nothing needs to change."""
    text = configuration.section_values(config, "admins").get(name)
    credentials = admin_credentials(text) if text else None
    auth = snapshot(configuration.effective(config)).chttpd_auth
    try:
        return credentials is not None and verify_password(password, credentials, auth)
    except Forbidden:
        return False  # hashed in a way that the settings allow no longer
