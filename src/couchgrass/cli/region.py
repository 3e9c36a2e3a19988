"""``couchgrass region``: runs a region's processes under one supervisor."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from couchgrass.cli.complaints import FAILED, complain, misused
from couchgrass.cli.credentials import taken
from couchgrass.cli.which import CONFIG_VARIABLE, missing, usual_file
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.region.config import Region
    from couchgrass.region.run.account import Account
    from couchgrass.region.run.supervisor import Spec
    from couchgrass.serving.listen import Named
    from couchgrass.topology.config import Topology

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass region --example > region.toml[/]     [dim]# all settings[/]
  [cyan]couchgrass region region.toml[/]                 [dim]# its processes[/]
  [cyan]couchgrass status[/]                             [dim]# in another terminal[/]
  [cyan]couchgrass key create guest[/]                   [dim]# a namespace, for wsk[/]
  [cyan]couchgrass region london -c couchgrass.toml[/]   [dim]# of a file with several[/]

These commands take ./region.toml when no file is named. FILE#NAME is a region of a file with several; so is
NAME alone, of the file that [cyan]COUCHGRASS_CONFIG[/] names, of ./couchgrass.toml, or of couchgrass up's.

A process that ends is started again, and the others go on meanwhile. Ctrl-C or SIGTERM stops the gateway, the
functions, then the database, each with time to finish; a second one hurries them."""

RegionFile = Annotated[
    Path, typer.Option("--region", help="The region's file, or its name.", metavar="FILE|NAME")
]
RegionPlace = Annotated[
    Path,
    typer.Option(
        "--region", "--data", help="The region's file, its name, or its data folder.", metavar="FILE|NAME|DIR"
    ),
]
DEFAULT_FILE = Path("region.toml")

PROCESSES = ("functions", "gateway", "agent", "dashboard")
"""A region's processes besides the database, each a command of its name. All start at once, and wait for the
database themselves, but for the dashboard, which serves before it; they stop in the other order."""

Port = Annotated[int | None, typer.Option("--port", hidden=True)]
"""For the supervisor: the port of the first start, when the file says any that is free."""


def region(
    file: Annotated[
        Path | None, typer.Argument(help="The region's file, or its name.", metavar="FILE|NAME")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="The file with all regions, for a NAME.", metavar="FILE"),
    ] = None,
    peer: Annotated[list[str], typer.Option("--peer", hidden=True, metavar="NAME=URL")] = [],  # noqa: B006
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
    peers = peers_of("region", peer)
    try:
        place = _place(file, config)
        raise typer.Exit(_run(place, admin, peers))
    except CouchgrassError as refused:
        complain("region", refused.reason)
        raise typer.Exit(FAILED) from refused


def peers_of(command: str, given: Sequence[str]) -> dict[str, str]:
    """URLs at which other regions' databases are reached instead, by region: of NAME=URL."""
    peers = dict(one.partition("=")[::2] for one in given)
    for name, url in peers.items():
        if not name or not url.startswith(("http://", "https://")):
            misused(command, "--peer takes NAME=URL")
    return peers


def _place(file: Path | None, config: Path | None) -> Path:
    """What the words of the command line stand for: FILE or FILE#NAME. Raises CouchgrassError."""
    if config is None:
        return region_file(DEFAULT_FILE if file is None else file)
    if file is None:
        raise CouchgrassError(f"which one? {config} has {', '.join(read_topology(config).names)}")
    return Path(f"{config}#{file}")


def region_file(file: Path) -> Path:
    """FILE or FILE#NAME, which a NAME alone stands for when there is a file with several regions."""
    if file.is_file() or not re.fullmatch(r"[A-Za-z0-9][\w.-]*", str(file)):
        return file
    config = usual_file()
    if file == DEFAULT_FILE or not (config.is_file() or CONFIG_VARIABLE in os.environ):
        return file
    return Path(f"{config}#{file}")


def _parts(file: Path) -> tuple[Path, str]:
    """The file, and the name in FILE#NAME, else ""."""
    whole, mark, name = str(file).rpartition("#")
    return (Path(whole), name) if mark and not file.is_file() else (file, "")


def read_region(file: Path) -> Region:
    """The region of a file, of FILE#NAME, or of a name alone. Raises CouchgrassError."""
    from couchgrass.region.config import parse_region

    place, name = _parts(region_file(file))
    if name:
        topology = read_topology(place)
        if name not in topology.names:
            raise CouchgrassError(f"{place} has no region {name}: there is {', '.join(topology.names)}")
        return topology.region(name)
    several = usual_file()
    if not place.exists() and several.is_file() and place == DEFAULT_FILE:
        names = ", ".join(read_topology(several).names)
        raise CouchgrassError(f"{place} is not there, but {several} is: name a region of it: {names}")
    how = f"> {place} makes one" if place == DEFAULT_FILE else "prints one to begin with"
    text = _text_of(place, f"couchgrass region --example {how}")
    return parse_region(text, str(place.absolute().parent), str(place))


def has_others(file: Path) -> bool:
    """Are there other regions beside this one, which can serve in its place? Raises CouchgrassError."""
    place, name = _parts(region_file(file))
    return bool(name) and len(read_topology(place).names) > 1


def read_topology(file: Path) -> Topology:
    """All that a file with several regions says. Raises CouchgrassError."""
    from couchgrass.topology.config import parse_topology

    return parse_topology(_text_of(file, missing(file)), str(file.absolute().parent), str(file))


def _text_of(file: Path, missing: str) -> str:
    """Raises CouchgrassError, for a file that is `missing` with what makes one."""
    from couchgrass.region.config import ConfigRefused

    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as refused:
        raise CouchgrassError(f"{file} is not there: {missing}") from refused
    except OSError as refused:
        raise CouchgrassError(f"{file} can't be read: {refused.strerror}") from refused
    except UnicodeDecodeError as bad:
        raise ConfigRefused("not UTF-8 text", source=str(file), line=1) from bad


def named_by(file: Path, table: str) -> Named:
    """How users name the host and the port of one of the region's processes."""
    from couchgrass.serving.listen import Named

    place, name = _parts(region_file(file))
    whole = f"regions.{name}.{table}" if name else table
    return Named(*(f"{key} of [{whole}] in {place}" for key in Named._fields))


def on_port(wanted: Region, name: str, port: int | None) -> Region:
    """The region with another port of one of its processes, when there is one."""
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


def _run(file: Path, admin: tuple[str, str] | None, peers: Mapping[str, str]) -> int:
    import asyncio

    from couchgrass.clock import SystemClock
    from couchgrass.region.run.account import Account, read_account
    from couchgrass.region.run.state_file import Hold
    from couchgrass.region.run.supervisor import Supervisor, Told

    wanted = read_region(file)
    if wanted.database.url and wanted.database.credentials:
        read_account(Path(wanted.database.credentials))
    data = Path(wanted.data)
    hold = Hold(data)
    try:
        specs = specs_of(wanted, file.absolute(), None if admin is None else Account(*admin), peers=peers)
        told = Told(wanted.name, str(file.absolute()), data, wanted.database.url)

        async def supervise() -> int:
            return await Supervisor(
                specs, told, SystemClock(), ready=lambda urls: _show(file, wanted, urls)
            ).run()

        return asyncio.run(supervise())
    finally:
        hold.close()


def specs_of(
    wanted: Region, file: Path, admin: Account | None, *, peers: Mapping[str, str] | None = None
) -> list[Spec]:
    """The processes of a region, the last one to stop first; none for what runs elsewhere. The admin
    reaches the database alone, and `peers` the agent."""
    from couchgrass.region.places import ACCOUNT, DATABASE
    from couchgrass.region.run.supervisor import Spec

    couchgrass = [sys.executable, "-m", "couchgrass"]
    data = Path(wanted.data)
    specs = []
    for name in PROCESSES:
        process = getattr(wanted, name)
        if getattr(process, "url", ""):
            continue
        start = [*couchgrass, name, "--region", str(file)]
        if name == "agent":
            start += [f"--peer={name}={url}" for name, url in (peers or {}).items()]
        again = None if process.port else partial(_on_its_port, start)
        specs.append(Spec(name, start, dict(os.environ), again=again))
    if wanted.database.url:
        return specs

    def serve_on(port: int) -> list[str]:
        where = ["--data", str(data / DATABASE), "--region", str(file), "--account", str(data / ACCOUNT)]
        return [*couchgrass, "db", *where, "--host", wanted.database.host, "--port", str(port)]

    secret = {} if admin is None else {"COUCHDB_USER": admin.name, "COUCHDB_PASSWORD": admin.password}
    database = Spec(
        "database",
        serve_on(wanted.database.port),
        {**os.environ, **secret},
        again=lambda url: serve_on(urlsplit(url).port or wanted.database.port),
    )
    return [database, *specs]


def _on_its_port(start: Sequence[str], url: str) -> list[str]:
    """The command for another start: others know the port that it had."""
    return [*start, "--port", str(urlsplit(url).port or 0)]


def _show(file: Path, wanted: Region, urls: Mapping[str, str]) -> None:
    from couchgrass.region.places import ADMIN, KEYS

    typer.echo(f"couchgrass region {wanted.name} is ready, its files are in {wanted.data}")
    elsewhere = {"functions": wanted.functions.url, "gateway": wanted.gateway.url}
    shown = {"database": wanted.database.url, **{name: url for name, url in elsewhere.items() if url}, **urls}
    for name, url in shown.items():
        typer.echo(f"  {name:<10} {url}")
    admin = Path(wanted.data) / ADMIN
    if admin.exists():
        typer.echo(f"The database admin's name and password are in {admin}")
    if not (Path(wanted.data) / KEYS).exists():
        at = "" if file == DEFAULT_FILE else f" --region {shlex.quote(str(file))}"
        typer.echo(f"Next: couchgrass key create guest{at} makes a namespace and the key to deploy with")
    if serves := shown.get("gateway") or shown.get("functions"):
        # The supervisor of several regions takes this line for the word that it is ready.
        typer.echo(f"couchgrass region {wanted.name} serves at {serves}")
