"""``couchgrass tenant``: apps whose users sign in; ``couchgrass user``: their users."""

from __future__ import annotations

import hashlib
import secrets
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from couchgrass.cli.paper import complain, flowing, lines, misused, out
from couchgrass.cli.reached import in_database, region_access
from couchgrass.cli.region import DEFAULT_FILE, RegionFile, gateway_url

if TYPE_CHECKING:
    from couchgrass.couch.server import CouchServer
    from couchgrass.identity.claims import User
    from couchgrass.identity.tenant import Tenant
    from couchgrass.region.config import Region

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
USER_EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass user add TENANT ada@example.org --name Ada[/]
  [cyan]couchgrass user add TENANT bob@example.org < password.txt[/]
  [cyan]couchgrass user list TENANT[/]

TENANT is the id that [cyan]couchgrass tenant list[/] shows."""

users = typer.Typer(
    help="The users of a tenant.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    epilog=flowing(USER_EXAMPLES),
)

Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
TenantId = Annotated[str, typer.Argument(help="The tenant's id.", metavar="TENANT", show_default=False)]
Email = Annotated[str, typer.Argument(help="The user's e-mail address.", metavar="EMAIL", show_default=False)]


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
    from couchgrass.errors import BadRequest
    from couchgrass.identity.store.directory import put_tenant

    found, access = region_access("tenant create", region)
    if public and not redirect_uri:
        misused("tenant create", "a public client needs a --redirect-uri: its codes go there")
    secret = "" if public else secrets.token_urlsafe(32)
    try:
        made = _tenant(tenant, name, secret, redirect_uri or (), may_sign_up=sign_up)
    except BadRequest as bad:
        misused("tenant create", bad.reason)

    async def work(server: CouchServer) -> None:
        await put_tenant(server, made)

    in_database("tenant create", access, work)
    file = _keep(found, made, secret)
    shown = {"tenant": made.id, "client": made.clients[0].client_id, "issuer": issuer(found, made.id)}
    for key, value in shown.items():
        typer.echo(f"{key:<8}{value}")
    typer.echo(f"The app's credentials{', its secret too,' if secret else ''} are in {file}")
    if not found.identity.enabled:
        complain("tenant create", f"nobody can sign in until {region} says enabled = true in [identity]")


def _tenant(
    tenant: str, name: str, secret: str, redirect_uris: Sequence[str], *, may_sign_up: bool
) -> Tenant:
    from couchgrass.identity.tenant import Client, Tenant, redirect_uri, tenant_id

    client = Client(
        str(uuid.uuid4()),
        name,
        hashlib.sha256(secret.encode()).hexdigest() if secret else "",
        tuple(redirect_uri(uri) for uri in redirect_uris),
    )
    return Tenant(tenant_id(tenant or str(uuid.uuid4())), name, (client,), may_sign_up=may_sign_up)


def _keep(region: Region, made: Tenant, secret: str) -> Path:
    """Writes the credentials in App ID's form, and says where they are."""
    from couchgrass import json
    from couchgrass.region.places import TENANTS
    from couchgrass.serving.files import replace_file

    credentials = {
        "tenantId": made.id,
        "clientId": made.clients[0].client_id,
        "secret": secret,
        "name": made.name,
        "oauthServerUrl": issuer(region, made.id),
        "discoveryEndpoint": issuer(region, made.id) + "/.well-known/openid-configuration",
    }
    folder = Path(region.data) / TENANTS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{made.id}.json"
    replace_file(file, json.encode(credentials) + b"\n")
    return file


def issuer(region: Region, tenant: str) -> str:
    """What a tenant's tokens name as their issuer: the same in all regions, when their files say so."""
    base = region.identity.issuer or gateway_url(region)
    return f"{base.rstrip('/')}/oauth/v4/{tenant}"


@tenants.command("list")
def list_tenants(region: RegionFile = DEFAULT_FILE, as_json: Json = False) -> None:
    """Show all tenants with their clients."""
    from couchgrass.identity.store import directory

    _, access = region_access("tenant list", region)

    async def work(server: CouchServer) -> list[Tenant]:
        return await directory.list_tenants(server)

    tenants = in_database("tenant list", access, work)
    if as_json:
        _print_json([{"id": one.id, "name": one.name, "clients": _clients(one)} for one in tenants])
        return
    if not tenants:
        out.print("There are no tenants.")
        return
    rows = [(one.name, one.id, client.client_id) for one in tenants for client in one.clients]
    out.print(lines(("name", "tenant", "client"), rows, whole=("tenant", "client")))


@tenants.command("delete")
def delete_tenant(tenant: TenantId, region: RegionFile = DEFAULT_FILE) -> None:
    """End a tenant: nobody signs in there any longer. Its users stay in the database."""
    from couchgrass.identity.store import directory

    _, access = region_access("tenant delete", region)

    async def work(server: CouchServer) -> None:
        await directory.delete_tenant(server, tenant)

    in_database("tenant delete", access, work)
    out.print(f"Tenant {tenant} is gone.", highlight=False, markup=False)


@users.command("add")
def add_user(
    tenant: TenantId,
    email: Email,
    name: Annotated[str, typer.Option(help="The user's name.", show_default=False)] = "",
    region: RegionFile = DEFAULT_FILE,
) -> None:
    """Make an account. The password is asked for; without a terminal it is the first line of stdin."""
    from couchgrass.errors import BadRequest
    from couchgrass.identity import person
    from couchgrass.identity.claims import User
    from couchgrass.identity.store.users import CouchUsers

    _, access = region_access("user add", region)
    try:
        user = User(str(uuid.uuid4()), person.email(email), name)
        password = person.password(_password())
    except BadRequest as bad:
        misused("user add", bad.reason)

    async def work(server: CouchServer) -> None:
        await _known(server, tenant)
        await CouchUsers(server).create(tenant, user, password)

    in_database("user add", access, work)
    out.print(
        f"{user.email} can sign in to {tenant} as {user.sub}", highlight=False, markup=False, soft_wrap=True
    )


@users.command("password")
def set_password(tenant: TenantId, email: Email, region: RegionFile = DEFAULT_FILE) -> None:
    """Give a user another password; who is signed in must sign in again once their token has expired."""
    from couchgrass.errors import BadRequest
    from couchgrass.identity import person
    from couchgrass.identity.store.users import CouchUsers

    _, access = region_access("user password", region)
    try:
        address, password = person.email(email), person.password(_password())
    except BadRequest as bad:
        misused("user password", bad.reason)

    async def work(server: CouchServer) -> None:
        await CouchUsers(server).set_password(tenant, address, password)

    in_database("user password", access, work)
    out.print(f"{address} has another password.", highlight=False, markup=False)


@users.command("list")
def list_users(tenant: TenantId, region: RegionFile = DEFAULT_FILE, as_json: Json = False) -> None:
    """Show the users of a tenant."""
    from couchgrass.identity.store.users import CouchUsers

    _, access = region_access("user list", region)

    async def work(server: CouchServer) -> list[User]:
        await _known(server, tenant)
        return await CouchUsers(server).list(tenant)

    found = in_database("user list", access, work)
    if as_json:
        _print_json([{"sub": one.sub, "email": one.email, "name": one.name} for one in found])
        return
    if not found:
        out.print("It has no users.")
        return
    rows = [(one.email, one.name, one.sub) for one in found]
    out.print(lines(("e-mail", "name", "sub"), rows, whole=("e-mail", "sub")))


@users.command("delete")
def delete_user(tenant: TenantId, email: Email, region: RegionFile = DEFAULT_FILE) -> None:
    """End an account."""
    from couchgrass.errors import BadRequest
    from couchgrass.identity import person
    from couchgrass.identity.store.users import CouchUsers

    _, access = region_access("user delete", region)
    try:
        address = person.email(email)
    except BadRequest as bad:
        misused("user delete", bad.reason)

    async def work(server: CouchServer) -> None:
        await CouchUsers(server).delete(tenant, address)

    in_database("user delete", access, work)
    out.print(f"{address} is gone.", highlight=False, markup=False)


async def _known(server: CouchServer, tenant: str) -> None:
    from couchgrass.errors import NotFound
    from couchgrass.identity.store import directory

    if tenant not in {one.id for one in await directory.list_tenants(server)}:
        raise NotFound(f"there is no tenant {tenant}: couchgrass tenant list shows them")


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
