"""``couchgrass tenant``: apps whose users sign in; ``couchgrass user``: their users."""

from __future__ import annotations

import hashlib
import secrets
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from couchgrass.cli.paper import FAILED, complain, flowing, misused, out, print_whole
from couchgrass.cli.reached import in_database, region_access
from couchgrass.cli.region import DEFAULT_FILE, RegionFile

if TYPE_CHECKING:
    from couchgrass.couch.server import CouchServer
    from couchgrass.identity.claims import User
    from couchgrass.identity.tenant import Tenant
    from couchgrass.region.config import Region

TENANT_EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass tenant create Todo --redirect-uri http://localhost:3000/callback[/]
  [cyan]couchgrass tenant create Todo --public --redirect-uri https://x.example/cb[/]
  [cyan]couchgrass tenant list[/]
  [cyan]couchgrass user add TENANT ada@example.org[/]

The sign-in service runs in the gateway when the region's file says [cyan]\\[identity] enabled = true[/]."""

USER_EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass user add TENANT ada@example.org --name Ada[/]
  [cyan]couchgrass user add TENANT ada@example.org < password.txt[/]
  [cyan]couchgrass user list TENANT[/]

TENANT is the id that [cyan]couchgrass tenant list[/] shows."""

PASSWORD_BYTES_MAX = 4096

tenants = typer.Typer(
    help="Apps whose users sign in: their tenants and clients.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    epilog=flowing(TENANT_EXAMPLES),
)
users = typer.Typer(
    help="The users of a tenant.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    epilog=flowing(USER_EXAMPLES),
)

Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
TenantId = Annotated[str, typer.Argument(help="The tenant's id.", metavar="TENANT", show_default=False)]
Email = Annotated[str, typer.Argument(help="The user's e-mail address.", metavar="EMAIL", show_default=False)]


def _fail(command: str, reason: str) -> NoReturn:
    complain(command, reason)
    raise typer.Exit(FAILED)


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
    from couchgrass.errors import BadRequest, CouchgrassError
    from couchgrass.identity.store import directory

    found, access = region_access("tenant create", region)
    secret = "" if public else secrets.token_urlsafe(32)
    try:
        made = _new_tenant(name, tenant, redirect_uri or [], secret, sign_up=sign_up)
    except BadRequest as bad:
        misused("tenant create", bad.reason)
    file = _credentials_file(found, made.id)
    if file.exists():
        _fail("tenant create", f"{file} is there already: move it away or take another --id")

    async def work(server: CouchServer) -> None:
        await directory.create_tenant(server, made)
        try:
            _write_credentials(file, found, made, secret)
        except OSError as refused:
            # A client whose secret nobody has would only keep the id from being used.
            await directory.delete_tenant(server, made.id)
            raise CouchgrassError(f"{file} can't be written: {refused.strerror}") from refused

    in_database("tenant create", access, work)
    _tell(f"tenant  {made.id}\nclient  {made.clients[0].client_id}\nissuer  {issuer(found, made.id)}")
    _tell(f"The app's credentials are in {file}")
    if not found.identity.enabled:
        _tell(f"Nobody can sign in yet: write enabled = true below [identity] in {region}")


def _new_tenant(name: str, tenant: str, uris: list[str], secret: str, *, sign_up: bool) -> Tenant:
    """Raises BadRequest."""
    from couchgrass.identity.tenant import Client, Tenant, check

    digest = hashlib.sha256(secret.encode()).hexdigest() if secret else ""
    client = Client(str(uuid.uuid4()), name.strip(), digest, tuple(uris))
    return check(Tenant(tenant or str(uuid.uuid4()), name.strip(), (client,), may_sign_up=sign_up))


def _credentials_file(region: Region, tenant: str) -> Path:
    from couchgrass.region.places import TENANTS

    return Path(region.data) / TENANTS / f"{tenant}.json"


def _write_credentials(file: Path, region: Region, tenant: Tenant, secret: str) -> None:
    """In the form of App ID's. Raises OSError."""
    from couchgrass import json
    from couchgrass.serving.files import put_file

    credentials = {
        "tenantId": tenant.id,
        "clientId": tenant.clients[0].client_id,
        "secret": secret,
        "name": tenant.name,
        "oauthServerUrl": issuer(region, tenant.id),
        "discoveryEndpoint": issuer(region, tenant.id) + "/.well-known/openid-configuration",
    }
    put_file(file, json.encode(credentials) + b"\n")


def issuer(region: Region, tenant: str) -> str:
    """What a tenant's tokens name as their issuer: the same in all regions, when their files say so."""
    from couchgrass.region.run.account import gateway_url

    base = region.identity.issuer or gateway_url(region)
    return f"{base.rstrip('/')}/oauth/v4/{tenant}"


@tenants.command("list")
def list_tenants(region: RegionFile = DEFAULT_FILE, as_json: Json = False) -> None:
    """Show all tenants with their clients."""
    from couchgrass.identity.store import directory

    found, access = region_access("tenant list", region)

    async def work(server: CouchServer) -> list[Tenant]:
        return await directory.list_tenants(server)

    tenants = in_database("tenant list", access, work)
    if as_json:
        _print_json([{"id": one.id, "name": one.name, "clients": _clients(one)} for one in tenants])
    elif tenants:
        _show_tenants(found, tenants)
    else:
        _tell("There are no tenants.")


@tenants.command("delete")
def delete_tenant(tenant: TenantId, region: RegionFile = DEFAULT_FILE) -> None:
    """End a tenant: nobody signs in there any longer. Its users stay in the database.

    The file with the app's credentials goes too.
    """
    from couchgrass.identity.store import directory
    from couchgrass.identity.tenant import TENANT_ID

    found, access = region_access("tenant delete", region)

    async def work(server: CouchServer) -> None:
        await directory.delete_tenant(server, tenant)

    in_database("tenant delete", access, work)
    if TENANT_ID.fullmatch(tenant):
        _credentials_file(found, tenant).unlink(missing_ok=True)
    _tell(f"Tenant {tenant} is gone.")


@users.command("add")
def add_user(
    tenant: TenantId,
    email: Email,
    name: Annotated[str, typer.Option(help="The user's name.", show_default=False, metavar="NAME")] = "",
    region: RegionFile = DEFAULT_FILE,
) -> None:
    """Make an account. The password is asked for; without a terminal it is the first line of stdin."""
    from couchgrass.identity.claims import User
    from couchgrass.identity.store import directory
    from couchgrass.identity.store.users import CouchUsers

    _, access = region_access("user add", region)
    user = User(str(uuid.uuid4()), _address("user add", email), name)

    async def look(server: CouchServer) -> None:
        await directory.find_tenant(server, tenant)
        if await CouchUsers(server).find(tenant, user.email) is not None:
            _fail("user add", f"{user.email} has an account at {tenant} already")

    async def work(server: CouchServer) -> None:
        await CouchUsers(server).create(tenant, user, password)

    in_database("user add", access, look)
    password = _password("user add")
    in_database("user add", access, work)
    _tell(f"{user.email} can sign in to {tenant} as {user.sub}")


@users.command("password")
def set_password(tenant: TenantId, email: Email, region: RegionFile = DEFAULT_FILE) -> None:
    """Give a user another password; who is signed in must sign in again once their token has expired."""
    from couchgrass.identity.store.users import CouchUsers

    _, access = region_access("user password", region)
    address = _address("user password", email)

    async def look(server: CouchServer) -> None:
        if await CouchUsers(server).find(tenant, address) is None:
            _fail("user password", f"{address} has no account at {tenant}")

    async def work(server: CouchServer) -> None:
        await CouchUsers(server).set_password(tenant, address, password)

    in_database("user password", access, look)
    password = _password("user password")
    in_database("user password", access, work)
    _tell(f"{address} has another password.")


@users.command("list")
def list_users(tenant: TenantId, region: RegionFile = DEFAULT_FILE, as_json: Json = False) -> None:
    """Show the users of a tenant, also of one that was deleted."""
    from couchgrass.identity.store import directory
    from couchgrass.identity.store.users import CouchUsers

    _, access = region_access("user list", region)

    async def work(server: CouchServer) -> list[User]:
        found = await CouchUsers(server).list(tenant)
        if not found:
            await directory.find_tenant(server, tenant)
        return found

    found = in_database("user list", access, work)
    if as_json:
        _print_json([{"sub": one.sub, "email": one.email, "name": one.name} for one in found])
    elif found:
        rows = [(one.email, one.name, one.sub) for one in found]
        print_whole(("e-mail", "name", "sub"), rows)
    else:
        _tell(f"{tenant} has no users.")


@users.command("delete")
def delete_user(tenant: TenantId, email: Email, region: RegionFile = DEFAULT_FILE) -> None:
    """End an account. Tokens that the user has are good until they expire, refresh tokens are not."""
    from couchgrass.identity.store.users import CouchUsers

    _, access = region_access("user delete", region)
    address = _address("user delete", email)

    async def work(server: CouchServer) -> None:
        await CouchUsers(server).delete(tenant, address)

    in_database("user delete", access, work)
    _tell(f"{address} is gone.")


def _address(command: str, email: str) -> str:
    from couchgrass.errors import BadRequest
    from couchgrass.identity import person

    try:
        return person.email(email)
    except BadRequest as bad:
        misused(command, f"{email!r}: {bad.reason}")


def _password(command: str) -> str:
    from couchgrass.errors import BadRequest
    from couchgrass.identity import person

    try:
        if sys.stdin.isatty():
            typed = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
            return person.password(str(typed))
        line = sys.stdin.buffer.readline(PASSWORD_BYTES_MAX).decode().rstrip("\r\n")
        if not line:
            misused(command, "no password: type it at a terminal, or let it be the first line of stdin")
        return person.password(line)
    except UnicodeDecodeError:
        misused(command, "the password is not UTF-8 text")
    except BadRequest as bad:
        misused(command, bad.reason)


def _show_tenants(region: Region, tenants: list[Tenant]) -> None:
    rows = [(one.id, client.client_id, one.name) for one in tenants for client in one.clients]
    print_whole(("tenant", "client", "name"), rows)
    _tell(f"The issuer of their tokens is {issuer(region, 'TENANT')}")


def _tell(text: str) -> None:
    out.print(text, highlight=False, markup=False, soft_wrap=True)


def _clients(tenant: Tenant) -> list[dict[str, object]]:
    return [
        {"clientId": one.client_id, "name": one.name, "redirectUris": one.redirect_uris}
        for one in tenant.clients
    ]


def _print_json(told: object) -> None:
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(told)))
