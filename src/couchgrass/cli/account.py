"""``couchgrass account``: who uses the region's database as apps use a Cloudant account."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from couchgrass.cli.paper import flowing, lines, misused, out
from couchgrass.cli.reached import check_free, in_database, region_access
from couchgrass.cli.region import DEFAULT_FILE, RegionFile
from couchgrass.errors import Conflict, CouchgrassError, NotFound

if TYPE_CHECKING:
    from couchgrass.couch.server import CouchServer

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass account create acme[/]   [dim]# its file is accounts/acme.json[/]
  [cyan]couchgrass account list[/]
  [cyan]couchgrass account delete acme[/]

An action that has the name and password among its parameters uses the region's database with them, also by
https://acme.cloudant.com and its old client. The account makes databases, which are its own: no other account
sees them."""

app = typer.Typer(
    help="Accounts of the region's database, as apps had them at Cloudant.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    epilog=flowing(EXAMPLES),
)

Name = Annotated[str, typer.Argument(help="The account.", metavar="NAME")]


@app.command()
def create(
    name: Name,
    file: Annotated[
        Path | None,
        typer.Option(
            help="Where the credentials go. [dim]\\[default: accounts/NAME.json in the data folder][/]",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    region: RegionFile = DEFAULT_FILE,
) -> None:
    """Make an account, and a file with its credentials in the form of Cloudant's service credentials."""
    import msgspec

    from couchgrass.functions.cloudant import is_account
    from couchgrass.region.places import account_file
    from couchgrass.serving.files import put_file

    if not is_account(name):
        misused("account create", "a name has letters a to z, digits and - inside, 63 at the most")
    wanted, access = region_access("account create", region)
    place = (file or Path(account_file(wanted.data, name))).absolute()
    check_free("account create", place)
    password, host = secrets.token_urlsafe(24), f"{name}.cloudant.com"
    told = {
        "username": name,
        "password": password,
        "host": host,
        "port": 443,
        "url": f"https://{name}:{password}@{host}",
        "database": access.url,
    }

    async def work(server: CouchServer) -> None:
        try:
            made = await server.ask("PUT", _path(name), _document(name, password))
        except Conflict as taken:
            raise Conflict(f"there is a user {name} already") from taken
        try:
            put_file(place, msgspec.json.encode(told) + b"\n")
        except OSError as refused:
            # An account whose password nobody has would only keep the name from being used.
            await server.ask("DELETE", _path(name), query={"rev": made["rev"]})
            raise CouchgrassError(f"{place} can't be written: {refused.strerror}") from refused

    in_database("account create", access, work)
    typer.echo(f"The credentials of the account {name} are in {place}")
    typer.echo(f"For actions with these parameters {host} is the region's database; it is at {access.url}")


@app.command("list")
def show_all(region: RegionFile = DEFAULT_FILE) -> None:
    """Show the accounts."""
    from couchgrass.docdb.access import ACCOUNT_ROLE

    _, access = region_access("account list", region)

    async def work(server: CouchServer) -> list[str]:
        users = {"start_key": "org.couchdb.user:", "end_key": "org.couchdb.user;", "include_docs": True}
        answer = await server.ask("POST", "/_users/_all_docs", users)
        docs = [row["doc"] for row in answer["rows"] if row.get("doc")]
        return [doc["name"] for doc in docs if ACCOUNT_ROLE in doc.get("roles", ())]

    names = in_database("account list", access, work)
    out.print(lines(("account",), [(name,) for name in names]) if names else "There are no accounts.")


@app.command()
def delete(name: Name, region: RegionFile = DEFAULT_FILE) -> None:
    """End an account. Its databases stay; server admins can use or delete them."""
    from couchgrass.docdb.access import ACCOUNT_ROLE
    from couchgrass.region.places import account_file

    wanted, access = region_access("account delete", region)

    async def work(server: CouchServer) -> None:
        try:
            doc = await server.ask("GET", _path(name))
        except NotFound:
            doc = {}
        if ACCOUNT_ROLE not in doc.get("roles", ()):
            raise NotFound(f"there is no account {name}: couchgrass account list shows them")
        await server.ask("DELETE", _path(name), query={"rev": doc["_rev"]})

    in_database("account delete", access, work)
    Path(account_file(wanted.data, name)).unlink(missing_ok=True)
    typer.echo(f"The account {name} is deleted")


def _document(name: str, password: str) -> dict[str, object]:
    from couchgrass.docdb.access import ACCOUNT_ROLE

    return {"name": name, "type": "user", "roles": [ACCOUNT_ROLE], "password": password}


def _path(name: str) -> str:
    from couchgrass.couch.server import path

    return path("_users", f"org.couchdb.user:{name}")
