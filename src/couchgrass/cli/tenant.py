"""``couchgrass tenant``: apps whose users sign in; ``couchgrass user``: their users."""

from __future__ import annotations

import hashlib
import secrets
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from couchgrass.cli.paper import flowing, lines, misused, out, run
from couchgrass.cli.region import DEFAULT_FILE, RegionFile, gateway_url, read_region

if TYPE_CHECKING:
    from couchgrass.identity.claims import User
    from couchgrass.identity.tenant import Tenant
    from couchgrass.region.config import Region
    from couchgrass.region.run.account import Access

TENANT_EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass tenant create Todo --redirect-uri http://localhost:3000/callback[/]
  [cyan]couchgrass tenant create Todo --public --redirect-uri https://todo.example/cb[/]
  [cyan]couchgrass user add TENANT ada@example.org[/]

The sign-in service runs in the gateway when the region's file says [cyan]\\[identity] enabled = true[/]."""

tenants = typer.Typer(
    help="Apps whose users sign in: their tenants and clients.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    epilog=flowing(TENANT_EXAMPLES),
)
users = typer.Typer(help="The users of a tenant.", no_args_is_help=True, rich_markup_mode="rich")

Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
TenantId = Annotated[str, typer.Argument(help="The tenant's id.", metavar="TENANT", show_default=False)]
Email = Annotated[str, typer.Argument(help="The user's e-mail address.", metavar="EMAIL", show_default=False)]


def _access(file: Path) -> tuple[Region, Access]:
    from couchgrass.errors import CouchgrassError
    from couchgrass.region.run.account import database_access

    try:
        found = read_region(file)
        return found, database_access(found)
    except CouchgrassError as refused:
        misused("tenant", refused.reason)


@tenants.command("create")
def create_tenant(
    name: Annotated[
        str, typer.Argument(help="The app's name, as people see it.", show_default=False, metavar="NAME")
    ],
    tenant: Annotated[
        str, typer.Option("--id", help="Its id in URLs; else one is made.", show_default=False, metavar="ID")
    ] = "",
    redirect_uri: Annotated[
        list[str] | None,
        typer.Option(
            "--redirect-uri", help="Where the app takes its codes; several may be given.", metavar="URI"
        ),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="The client runs with its user and has no secret: it uses PKCE.")
    ] = False,
    sign_up: Annotated[
        bool, typer.Option("--sign-up", help="Let people make accounts on the sign-in page.")
    ] = False,
    region: RegionFile = DEFAULT_FILE,
) -> None:
    """Make a tenant with one client, and show what an app must know of it.

    The client's secret goes into a file that only you can read.
    """
    from couchgrass import json
    from couchgrass.errors import BadRequest
    from couchgrass.identity.store.directory import put_tenant
    from couchgrass.identity.tenant import Client, Tenant, tenant_id
    from couchgrass.identity.tenant import redirect_uri as checked
    from couchgrass.region.places import TENANTS
    from couchgrass.serving.files import replace_file

    found, access = _access(region)
    secret = "" if public else secrets.token_urlsafe(32)
    try:
        made = Tenant(
            tenant_id(tenant or str(uuid.uuid4())),
            name,
            (
                Client(
                    str(uuid.uuid4()),
                    name,
                    hashlib.sha256(secret.encode()).hexdigest() if secret else "",
                    tuple(checked(uri) for uri in redirect_uri or ()),
                ),
            ),
            may_sign_up=sign_up,
        )
    except BadRequest as bad:
        misused("tenant create", bad.reason)

    async def work() -> None:
        async with access.server() as server:
            await put_tenant(server, made)

    run("tenant create", work())
    credentials = {
        "tenantId": made.id,
        "clientId": made.clients[0].client_id,
        "secret": secret,
        "name": name,
        "oauthServerUrl": issuer(found, made.id),
        "discoveryEndpoint": issuer(found, made.id) + "/.well-known/openid-configuration",
    }
    folder = Path(found.data) / TENANTS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{made.id}.json"
    replace_file(file, json.encode(credentials) + b"\n")
    out.print(
        lines(("tenant", "client", "issuer"), [(made.id, made.clients[0].client_id, issuer(found, made.id))])
    )
    out.print(f"The app's credentials are in {file}", highlight=False, soft_wrap=True, markup=False)


def issuer(region: Region, tenant: str) -> str:
    """What a tenant's tokens name as their issuer: the same in all regions, when their files say so."""
    base = region.identity.issuer or gateway_url(region)
    return f"{base.rstrip('/')}/oauth/v4/{tenant}"


@tenants.command("list")
def list_tenants(region: RegionFile = DEFAULT_FILE, as_json: Json = False) -> None:
    """Show all tenants with their clients."""
    from couchgrass.identity.store import directory

    found, access = _access(region)

    async def work() -> list[Tenant]:
        async with access.server() as server:
            return await directory.list_tenants(server)

    tenants = run("tenant list", work())
    if as_json:
        _print_json([{"id": one.id, "name": one.name, "clients": _clients(one)} for one in tenants])
        return
    rows = [
        (one.id, one.name, ", ".join(c.client_id for c in one.clients), issuer(found, one.id))
        for one in tenants
    ]
    out.print(lines(("tenant", "name", "clients", "issuer"), rows))


@tenants.command("delete")
def delete_tenant(tenant: TenantId, region: RegionFile = DEFAULT_FILE) -> None:
    """End a tenant: nobody signs in there any longer. Its users stay in the database."""
    from couchgrass.identity.store import directory

    _, access = _access(region)

    async def work() -> None:
        async with access.server() as server:
            await directory.delete_tenant(server, tenant)

    run("tenant delete", work())
    out.print(f"Tenant {tenant} is gone.", highlight=False, markup=False)


@users.command("add")
def add_user(
    tenant: TenantId,
    email: Email,
    name: Annotated[str, typer.Option(help="The user's name.", show_default=False)] = "",
    region: RegionFile = DEFAULT_FILE,
) -> None:
    """Make an account. The password is asked for; without a terminal it is the first line of stdin."""
    from couchgrass.errors import BadRequest, NotFound
    from couchgrass.identity import person
    from couchgrass.identity.claims import User
    from couchgrass.identity.store import directory
    from couchgrass.identity.store.users import CouchUsers

    _, access = _access(region)
    try:
        user = User(str(uuid.uuid4()), person.email(email), name)
        password = person.password(_password())
    except BadRequest as bad:
        misused("user add", bad.reason)

    async def work() -> None:
        async with access.server() as server:
            if tenant not in {one.id for one in await directory.list_tenants(server)}:
                raise NotFound(f"there is no tenant {tenant}: couchgrass tenant list shows them")
            await CouchUsers(server).create(tenant, user, password)

    run("user add", work())
    out.print(
        f"{user.email} can sign in to {tenant} as {user.sub}", highlight=False, markup=False, soft_wrap=True
    )


@users.command("password")
def set_password(tenant: TenantId, email: Email, region: RegionFile = DEFAULT_FILE) -> None:
    """Give a user another password; who is signed in must sign in again once their token has expired."""
    from couchgrass.errors import BadRequest
    from couchgrass.identity import person
    from couchgrass.identity.store.users import CouchUsers

    _, access = _access(region)
    try:
        address, password = person.email(email), person.password(_password())
    except BadRequest as bad:
        misused("user password", bad.reason)

    async def work() -> None:
        async with access.server() as server:
            await CouchUsers(server).set_password(tenant, address, password)

    run("user password", work())
    out.print(f"{address} has another password.", highlight=False, markup=False)


@users.command("list")
def list_users(tenant: TenantId, region: RegionFile = DEFAULT_FILE, as_json: Json = False) -> None:
    """Show the users of a tenant."""
    from couchgrass.identity.store.users import CouchUsers

    _, access = _access(region)

    async def work() -> list[User]:
        async with access.server() as server:
            return await CouchUsers(server).list(tenant)

    found = run("user list", work())
    if as_json:
        _print_json([{"sub": one.sub, "email": one.email, "name": one.name} for one in found])
        return
    out.print(lines(("e-mail", "name", "sub"), [(one.email, one.name, one.sub) for one in found]))


@users.command("delete")
def delete_user(tenant: TenantId, email: Email, region: RegionFile = DEFAULT_FILE) -> None:
    """End an account."""
    from couchgrass.errors import BadRequest
    from couchgrass.identity import person
    from couchgrass.identity.store.users import CouchUsers

    _, access = _access(region)
    try:
        address = person.email(email)
    except BadRequest as bad:
        misused("user delete", bad.reason)

    async def work() -> None:
        async with access.server() as server:
            await CouchUsers(server).delete(tenant, address)

    run("user delete", work())
    out.print(f"{address} is gone.", highlight=False, markup=False)


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


def _clients(tenant: Tenant) -> list[dict[str, object]]:
    return [
        {"clientId": one.client_id, "name": one.name, "redirectUris": one.redirect_uris}
        for one in tenant.clients
    ]


def _print_json(told: object) -> None:
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(told)))
