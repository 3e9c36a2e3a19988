"""Who uses the region's database: the account of functions, gateway and agent, or what a file names.

Secrets are in files that only their owner can read, {"name": ..., "password": ...}; a file of Cloudant's
service credentials, with "username", does too. They go from here into requests and nowhere else.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import msgspec

from couchgrass.errors import CouchgrassError
from couchgrass.region.config import Agent, Dashboard, Functions, Gateway, Region
from couchgrass.region.places import ACCOUNT
from couchgrass.region.run.state_file import state_of
from couchgrass.region.urls import reached_at
from couchgrass.serving.files import replace_file

if TYPE_CHECKING:
    from couchgrass.couch.server import CouchServer


class Account(msgspec.Struct, frozen=True):
    """A name and a password. Both stay out of logs and tracebacks."""

    name: str
    password: str

    def __repr__(self) -> str:
        return "<Account>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class Access(msgspec.Struct, frozen=True):
    """A database's URL and who uses it; None: nobody in particular."""

    url: str
    account: Account | None

    def server(self) -> CouchServer:
        """A client for it, to be used in `async with`."""
        # Only now: who asks for URLs alone shall not wait for what a client needs.
        from couchgrass.couch.server import CouchServer

        if self.account is None:
            return CouchServer(self.url)
        return CouchServer(self.url, self.account.name, self.account.password)


class AccessRefused(CouchgrassError):
    """The region's database can't be used; `reason` says why and what to do."""


class _Written(msgspec.Struct):
    password: str
    name: str = ""
    username: str = ""


def read_account(file: Path) -> Account:
    """Raises AccessRefused, which never shows what is in the file."""
    try:
        written = msgspec.json.decode(file.read_bytes(), type=_Written)
    except OSError as refused:
        raise AccessRefused(f"{file} can't be read: {refused.strerror}") from refused
    except msgspec.DecodeError:
        raise AccessRefused(f'{file} does not hold {{"name": …, "password": …}}') from None
    if not (written.name or written.username):
        raise AccessRefused(f'{file} has no "name"')
    return Account(written.name or written.username, written.password)


def write_account(file: Path, account: Account) -> None:
    """Raises OSError."""
    replace_file(file, msgspec.json.encode(account) + b"\n")


def database_access(region: Region) -> Access:
    """How functions, the gateway and commands on this machine reach the region's database.

    Raises AccessRefused when that is not known: the embedded one was never started, or listens on whatever
    port was free and does not run.
    """
    database = region.database
    if database.url:
        file = database.credentials
        return Access(database.url, read_account(Path(file)) if file else None)
    data = Path(region.data)
    url = _embedded_url(region)
    if not url or not (data / ACCOUNT).exists():
        raise AccessRefused(f"the region's database never ran: start it with couchgrass region ({data})")
    return Access(url, read_account(data / ACCOUNT))


def peer_access(region: Region) -> Access:
    """How other regions, and commands on any machine, reach a region's database as its server admin.

    With `database.url` that and its credentials; with `database.public_url` that; else the embedded database
    of this machine. The embedded one's account is the `credentials` file, else what its first start on this
    machine made. Raises AccessRefused, which says what is missing.
    """
    database = region.database
    if database.url:
        return database_access(region)
    url = database.public_url or _embedded_url(region)
    if not url:
        raise AccessRefused(
            f"region {region.name}: its database has port 0, and none runs here that tells which that is: "
            "name a port or a public_url in its [database]"
        )
    own = Path(region.data) / ACCOUNT
    if not (database.credentials or own.exists()):
        raise AccessRefused(
            f"region {region.name}: no account for its database at {url}: it never ran on this machine "
            f"({own} is not there), and its [database] names no public_url with credentials"
        )
    return Access(url, read_account(Path(database.credentials) if database.credentials else own))


def database_url(region: Region) -> str:
    """Where clients on this machine reach the region's database, "" when nobody knows."""
    return region.database.url or _embedded_url(region)


def _embedded_url(region: Region) -> str:
    """Where the database that this machine runs for the region is, "" when nobody knows."""
    state = state_of(region)
    if state is not None and state.database_url:
        return state.database_url
    return _at(region.database.host, region.database.port)


def served_at(region: Region, name: Literal["functions", "gateway", "agent", "dashboard"]) -> str:
    """The URL at which clients on this machine reach one of the region's processes.

    Its port is the one that the region that runs wrote down, else its file's. "" when that is any free port
    and none is known. What runs elsewhere is at its `url`.
    """
    process: Functions | Gateway | Agent | Dashboard = getattr(region, name)
    if isinstance(process, Functions | Gateway) and process.url:
        return process.url
    state = state_of(region)
    seen = None if state is None else state.processes.get(name)
    return _at(process.host, (urlsplit(seen.url).port if seen is not None else None) or process.port)


def _at(host: str, port: int) -> str:
    """The URL of what listens on this machine, "" without a port."""
    return reached_at(host, port) if port else ""


def api_host(region: Region) -> str:
    """The URL at which clients of this region's functions reach them, as APIHOST names it.

    Raises AccessRefused when that is not known.
    """
    url = region.functions.public_url.rstrip("/") or served_at(region, "functions")
    if not url:
        raise unknown_port("functions")
    return url


def gateway_url(region: Region) -> str:
    """Where the region's APIs are reached. Raises AccessRefused when that is not known."""
    url = region.gateway.public_url.rstrip("/") or served_at(region, "gateway")
    if not url:
        raise unknown_port("gateway")
    return url


def dashboard_url(region: Region) -> str:
    """Where a browser reaches the region's dashboard, "" when nobody knows."""
    return region.dashboard.public_url or served_at(region, "dashboard")


def unknown_port(table: str) -> AccessRefused:
    """For a port that is any free one of a process that does not run."""
    return AccessRefused(
        f"[{table}] has port 0, and no region runs that tells which one that is: start it with couchgrass "
        "region, or name a port"
    )
