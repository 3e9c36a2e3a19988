"""``couchgrass region``: runs a region's processes under one supervisor."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from couchgrass.cli.credentials import taken
from couchgrass.cli.paper import FAILED, complain, misused
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.region.config import Region
    from couchgrass.region.run.account import Account
    from couchgrass.region.run.supervisor import Spec
    from couchgrass.serving.listen import Named

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass region --example > region.toml[/]      [dim]# all settings with their defaults[/]
  [cyan]couchgrass region region.toml[/]                  [dim]# database, functions and gateway[/]
  [cyan]couchgrass status[/]                              [dim]# in another terminal[/]
  [cyan]couchgrass key create guest[/]                    [dim]# a namespace with its key, for wsk[/]

These commands take ./region.toml when no file is named.

A process that ends is started again, and the others go on meanwhile. Ctrl-C or SIGTERM stops the gateway, the
functions, then the database, each with time to finish; a second one hurries them."""

RegionFile = Annotated[Path, typer.Option("--region", help="The region's file.", metavar="FILE")]
RegionPlace = Annotated[
    Path,
    typer.Option("--region", "--data", help="The region's file, or its data folder.", metavar="FILE|DIR"),
]
DEFAULT_FILE = Path("region.toml")
Port = Annotated[int | None, typer.Option("--port", hidden=True)]
"""For the supervisor: the port of the first start, when the file says any that is free."""


def region(
    file: Annotated[Path, typer.Argument(help="The region's file.", metavar="FILE")] = DEFAULT_FILE,
    example: Annotated[
        bool, typer.Option("--example", help="Print a file with all settings and their defaults.")
    ] = False,
) -> None:
    """Run a region: database, functions and gateway, each a process, started again when it ends.

    The first start makes the accounts it needs; files in the data folder have their passwords.
    [cyan]COUCHDB_USER[/] and [cyan]COUCHDB_PASSWORD[/] in the environment set the database's admin.
    """
    if example:
        from couchgrass.region.config import EXAMPLE

        typer.echo(EXAMPLE, nl=False)
        return
    admin = _admin()
    try:
        raise typer.Exit(_run(file, admin))
    except CouchgrassError as refused:
        complain("region", refused.reason)
        raise typer.Exit(FAILED) from refused


def read_region(file: Path) -> Region:
    """The region of a file. Raises CouchgrassError."""
    from couchgrass.region.config import ConfigRefused, parse_region

    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as refused:
        how = f"> {file} makes one" if file == DEFAULT_FILE else "prints one to begin with"
        raise CouchgrassError(f"{file} is not there: couchgrass region --example {how}") from refused
    except OSError as refused:
        raise CouchgrassError(f"{file} can't be read: {refused.strerror}") from refused
    except UnicodeDecodeError as bad:
        raise ConfigRefused("not UTF-8 text", source=str(file), line=1) from bad
    return parse_region(text, str(file.absolute().parent), str(file))


def named_by(file: Path, table: str) -> Named:
    """How users name the host and the port of one of the region's processes."""
    from couchgrass.serving.listen import Named

    return Named(*(f"{key} of [{table}] in {file}" for key in Named._fields))


def on_port(wanted: Region, name: str, port: int | None) -> Region:
    """The region with another port of its functions or its gateway, when there is one."""
    import msgspec

    if port is None:
        return wanted
    return msgspec.structs.replace(
        wanted, **{name: msgspec.structs.replace(getattr(wanted, name), port=port)}
    )


def _admin() -> tuple[str, str] | None:
    name, password = taken("COUCHDB_USER"), taken("COUCHDB_PASSWORD")
    if bool(name) != bool(password):
        misused("region", f"{'COUCHDB_PASSWORD' if name else 'COUCHDB_USER'} is not set: set both or neither")
    return (name, password) if name else None


def _run(file: Path, admin: tuple[str, str] | None) -> int:
    import asyncio

    from couchgrass.clock import SystemClock
    from couchgrass.region.run.account import Account, read_account
    from couchgrass.region.run.state_file import Hold
    from couchgrass.region.run.supervisor import Supervisor, Told

    wanted = read_region(file)
    if wanted.database.credentials:
        read_account(Path(wanted.database.credentials))
    data = Path(wanted.data)
    hold = Hold(data)
    try:
        specs = specs_of(wanted, file.absolute(), None if admin is None else Account(*admin))
        told = Told(wanted.name, str(file.absolute()), data, wanted.database.url)

        async def supervise() -> int:
            return await Supervisor(
                specs, told, SystemClock(), ready=lambda urls: _show(file, wanted, urls)
            ).run()

        return asyncio.run(supervise())
    finally:
        hold.close()


def specs_of(wanted: Region, file: Path, admin: Account | None) -> list[Spec]:
    """The processes of a region, in the order in which they start. The admin reaches the database alone."""
    from couchgrass.region.places import DATABASE
    from couchgrass.region.run.account import ensure_account
    from couchgrass.region.run.supervisor import Spec

    couchgrass = [sys.executable, "-m", "couchgrass"]
    data = Path(wanted.data)
    specs = []
    for name, port in (("functions", wanted.functions.port), ("gateway", wanted.gateway.port)):
        start = [*couchgrass, name, "--region", str(file)]
        specs.append(
            Spec(name, start, dict(os.environ), again=None if port else partial(_on_its_port, start))
        )
    if wanted.database.url:
        return specs

    def serve_on(port: int) -> list[str]:
        where = ["--data", str(data / DATABASE), "--region", str(file)]
        return [*couchgrass, "db", *where, "--host", wanted.database.host, "--port", str(port)]

    async def prepare(url: str) -> None:
        await ensure_account(data, url, admin)

    secret = {} if admin is None else {"COUCHDB_USER": admin.name, "COUCHDB_PASSWORD": admin.password}
    database = Spec(
        "database",
        serve_on(wanted.database.port),
        {**os.environ, **secret},
        again=lambda url: serve_on(urlsplit(url).port or wanted.database.port),
        prepare=prepare,
    )
    return [database, *specs]


def _on_its_port(start: Sequence[str], url: str) -> list[str]:
    """The command for another start: others know the port that it had."""
    return [*start, "--port", str(urlsplit(url).port or 0)]


def _show(file: Path, wanted: Region, urls: Mapping[str, str]) -> None:
    from couchgrass.region.places import ADMIN, KEYS

    typer.echo(f"couchgrass region {wanted.name} is ready, its files are in {wanted.data}")
    shown = {"database": wanted.database.url, **urls}
    for name, url in shown.items():
        typer.echo(f"  {name:<10} {url}")
    admin = Path(wanted.data) / ADMIN
    if admin.exists():
        typer.echo(f"The database admin's name and password are in {admin}")
    if not (Path(wanted.data) / KEYS).exists():
        at = "" if file == DEFAULT_FILE else f" --region {shlex.quote(str(file))}"
        typer.echo(f"Next: couchgrass key create guest{at} makes a namespace and the key to deploy with")
