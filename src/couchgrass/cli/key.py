"""``couchgrass key``: the keys of namespaces, made, listed and removed in the region's database."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from couchgrass.cli.paper import FAILED, complain, flowing, out, print_whole
from couchgrass.cli.reached import check_free, in_database, region_access
from couchgrass.cli.region import DEFAULT_FILE, RegionFile
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.couch.server import CouchServer
    from couchgrass.functions.keys import Key
    from couchgrass.functions.store.subjects import Subjects
    from couchgrass.region.run.account import Access

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass key create guest[/]                          [dim]# of ./region.toml[/]
  [cyan]couchgrass key create guest --wskprops ~/.wskprops[/]   [dim]# for wsk, wskdeploy[/]
  [cyan]couchgrass key create todos --region london --file todos.json[/]
  [cyan]couchgrass key list[/]
  [cyan]couchgrass key delete guest[/]

A key is shown this once: the database keeps a hash of it. Its file is the owner's alone."""

app = typer.Typer(
    help="Namespaces and their keys.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    epilog=flowing(EXAMPLES),
)

T = TypeVar("T")
Name = Annotated[str, typer.Argument(help="The namespace.", metavar="NAME")]


@app.command()
def create(
    name: Name,
    file: Annotated[
        Path | None,
        typer.Option(
            help="Where the key goes. [dim]\\[default: keys/NAME.json in the data folder][/]",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    wskprops: Annotated[
        Path | None,
        typer.Option(help="Also write a file with APIHOST and AUTH for wsk.", metavar="FILE"),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the key itself too.")] = False,
    region: RegionFile = DEFAULT_FILE,
) -> None:
    """Make a namespace with a key, and a file with it in the form of IBM's key files."""
    from couchgrass.functions.names import check_namespace
    from couchgrass.region.places import key_file
    from couchgrass.region.run.account import api_host

    wanted, access = region_access("key create", region)
    _checked("key create", lambda: check_namespace(name))
    place = (file or Path(key_file(wanted.data, name))).absolute()
    check_free("key create", *filter(None, (place, wskprops)))

    async def made(subjects: Subjects) -> Key:
        key = await subjects.create(name)
        try:
            _write(place, key)
        except OSError as refused:
            # A key that nobody has would only keep the name from being used.
            await subjects.delete(name)
            raise CouchgrassError(f"{place} can't be written: {refused.strerror}") from refused
        return key

    key = _with_subjects("key create", access, made)
    host = api_host(wanted)
    typer.echo(f"The key of the namespace {name} is in {place}")
    if wskprops is not None:
        _write_wskprops(wskprops, host, key.apikey)
        typer.echo(f"APIHOST and AUTH for wsk are in {wskprops}")
    else:
        _tell_wskprops(host, place, key.apikey if show else None)


@app.command("list")
def show_all(region: RegionFile = DEFAULT_FILE) -> None:
    """Show the namespaces and the public halves of their keys."""

    async def listed(subjects: Subjects) -> list[tuple[str, str, str]]:
        return [(one.namespace, one.uuid, one.created_at) for one in subjects.list()]

    rows = _with_subjects("key list", region_access("key list", region)[1], listed)
    if rows:
        print_whole(("namespace", "uuid", "created"), rows)
    else:
        out.print("There are no keys.")


@app.command()
def delete(name: Name, region: RegionFile = DEFAULT_FILE) -> None:
    """Remove a namespace's key: it is worth nothing from now on. What is in the namespace stays.

    Its file in the data folder goes too.
    """
    from couchgrass.region.places import key_file

    wanted, access = region_access("key delete", region)

    async def removed(subjects: Subjects) -> None:
        await subjects.delete(name)

    _with_subjects("key delete", access, removed)
    Path(key_file(wanted.data, name)).unlink(missing_ok=True)
    typer.echo(f"The key of the namespace {name} is deleted")


def _checked(command: str, work: Callable[[], T]) -> T:
    try:
        return work()
    except CouchgrassError as refused:
        complain(command, refused.reason)
        raise typer.Exit(FAILED) from refused


def _with_subjects(command: str, access: Access, work: Callable[[Subjects], Awaitable[T]]) -> T:
    """Does it with the keys in the region's database. What they keep in files is the functions process's, not
    ours."""
    from couchgrass.clock import SystemClock
    from couchgrass.functions.store.subjects import Subjects

    async def with_them(server: CouchServer) -> T:
        with TemporaryDirectory() as folder:
            subjects = await Subjects.open(
                server, cache=Path(folder), secret_file=Path(folder) / "secret", clock=SystemClock()
            )
            try:
                return await work(subjects)
            finally:
                await subjects.close()

    return in_database(command, access, with_them)


def _write(place: Path, key: Key) -> None:
    import msgspec

    from couchgrass.serving.files import put_file

    put_file(place, msgspec.json.format(msgspec.json.encode(key)) + b"\n")


def _write_wskprops(place: Path, host: str, apikey: str) -> None:
    from couchgrass.serving.files import replace_file

    try:
        replace_file(place.absolute(), f"APIHOST={host}\nAUTH={apikey}\nNAMESPACE=_\n".encode())
    except OSError as refused:
        complain("key create", f"{place} can't be written: {refused.strerror}; the key's own file is there")
        raise typer.Exit(FAILED) from refused


def _tell_wskprops(host: str, place: Path, apikey: str | None) -> None:
    read = f"import json; print(json.load(open({str(place)!r}))['apikey'])"
    auth = apikey or f"$(python3 -c {shlex.quote(read)})"
    typer.echo("For wsk, in a shell:\n")
    typer.echo(f'  printf "APIHOST=%s\\nAUTH=%s\\n" {shlex.quote(host)} "{auth}" > ~/.wskprops')
