"""What an app needs before it can be deployed: a namespace with a key, an account, its databases, a tenant.

All regions get the same. First it is looked for, and nothing written; then what is missing is made. What is
there already and is another is never replaced: whoever uses it would be locked out.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from couchgrass.clock import Clock
from couchgrass.couch.server import CouchServer, path
from couchgrass.deploy.apply.credentials import (
    Account,
    Credentials,
    NamespaceKey,
    SignIn,
    new_account,
    new_key,
    new_sign_in,
)
from couchgrass.deploy.apply.place import Place
from couchgrass.deploy.needs import PAGES_CLIENT, Needs
from couchgrass.docdb.access import ACCOUNT_ROLE
from couchgrass.errors import BadRequest, Conflict, CouchgrassError, FileExists, NotFound, Unauthorized
from couchgrass.functions import keys
from couchgrass.identity import tenant as tenants
from couchgrass.whisk.host import WhiskHost

KEY_COUNTS_S: Final = 20.0
"""How long a functions host may take to hear of a new key."""

POLL_S: Final = 0.05

NO_SIGN_IN: Final = "API_USE_APPID=true needs the sign-in service: write enabled = true below {}"
"""Said with the tables of the regions that have none."""


class Missing(msgspec.Struct, frozen=True):
    """Something that a region lacks. `kind` is "namespace", "account", "database", "right", "tenant" or
    "client"."""

    kind: str
    name: str


class Provisioned(msgspec.Struct, frozen=True):
    """What a region is to have."""

    needs: Needs
    key: NamespaceKey
    account: Account | None = None
    sign_in: SignIn | None = None


def settled(credentials: Credentials, needs: Needs, places: Sequence[Place], clock: Clock) -> Credentials:
    """The credentials with what the app needs: what is in the file, else what this machine made for one of
    the regions, else new. Nothing is written."""
    namespaces, accounts = dict(credentials.namespaces), dict(credentials.accounts)
    sign_ins = dict(credentials.tenants)
    if needs.namespace not in namespaces and any(place.key is None for place in places):
        known = next(filter(None, (place.known_key() for place in places)), None)
        namespaces[needs.namespace] = known or new_key(needs.namespace, clock)
    if needs.account and needs.account not in accounts:
        had = next(filter(None, (place.known_account() for place in places)), None)
        accounts[needs.account] = had or new_account(needs.account)
    if needs.tenant and needs.tenant not in sign_ins:
        sign_ins[needs.tenant] = new_sign_in(needs.tenant_id) if needs.provision else SignIn(needs.tenant_id)
    return Credentials(namespaces, accounts, sign_ins)


def provisioned(place: Place, needs: Needs, credentials: Credentials) -> Provisioned:
    """What this region is to have; the key of an OpenWhisk elsewhere is its own."""
    return Provisioned(
        needs,
        place.key or credentials.namespaces[needs.namespace],
        credentials.accounts.get(needs.account),
        credentials.tenants.get(needs.tenant),
    )


async def look(place: Place, wanted: Provisioned) -> list[Missing]:
    """What it lacks. Raises Conflict for what is there and is another's."""
    needs, found = wanted.needs, []
    if place.key is None and not await _has_key(place, needs.namespace, wanted.key):
        found.append(Missing("namespace", needs.namespace))
    if wanted.account is not None and not await _has_account(place, wanted.account):
        found.append(Missing("account", wanted.account.username))
    for name in needs.databases:
        assert wanted.account is not None, "databases are an account's"
        found += await _of_database(place.couch, name, wanted.account)
    if wanted.sign_in is not None and needs.provision:
        if not place.signs_in:
            raise BadRequest(NO_SIGN_IN.format(f"[regions.{place.name}.identity]"))
        document = await _document(place.couch, tenants.DATABASE, f"tenant:{wanted.sign_in.tenant_id}")
        if document is None:
            found.append(Missing("tenant", wanted.sign_in.tenant_id))
        if needs.redirects and _with_pages(document or {}, wanted) != document:
            found.append(Missing("client", PAGES_CLIENT))
    return found


async def make(place: Place, wanted: Provisioned, missing: Sequence[Missing]) -> None:
    """Makes it, and waits until the functions take the key. Safe to do again."""
    for one in missing:
        match one.kind:
            case "namespace":
                await _make_key(place, wanted)
            case "account":
                await _make_account(place, wanted.account)
            case "database" | "right":
                await _make_database(place, one.name, wanted.account)
            case "client":
                await _make_client(place, wanted)
            case _:
                await _make_tenant(place, wanted)


async def _make_key(place: Place, wanted: Provisioned) -> None:
    namespace, key = wanted.needs.namespace, wanted.key
    secret = key.key.partition(":")[2]
    subject = keys.Subject(namespace, key.uuid, keys.secret_hash(secret), "")
    await _put(place.couch, keys.DATABASE, namespace, keys.document(subject))
    await _has_key(place, namespace, key)
    async with WhiskHost(place.functions_url, key.key) as host:
        try:
            async with asyncio.timeout(KEY_COUNTS_S):
                while not await _counts(host):
                    await asyncio.sleep(POLL_S)
        except TimeoutError as late:
            raise CouchgrassError(
                f"{place.functions_url} does not know the new key of {namespace} after {KEY_COUNTS_S:.0f} s: "
                "do its functions use this region's database?"
            ) from late


async def _counts(host: WhiskHost) -> bool:
    try:
        await host.ask("GET", "/api/v1/namespaces")
    except Unauthorized:
        return False
    return True


async def _has_key(place: Place, namespace: str, key: NamespaceKey) -> bool:
    doc = await _document(place.couch, keys.DATABASE, namespace)
    if doc is None:
        return False
    secret = key.key.partition(":")[2]
    if (doc.get("uuid"), doc.get("hash")) == (key.uuid, keys.secret_hash(secret)):
        return True
    raise Conflict(
        f"the namespace {namespace} has another key there, which would be worth nothing then: put that key "
        f"into the file of credentials, or end it with couchgrass key delete {namespace}"
    )


async def _has_account(place: Place, account: Account) -> bool:
    if place.is_embedded and await _document(place.couch, "_users", _user(account)) is None:
        return False  # not even asked: an attempt without a user is slow, and counts as one that failed
    try:
        await place.couch.ask("GET", "/_session", user=(account.username, account.password))
        return True
    except Unauthorized:
        pass
    if await _document(place.couch, "_users", _user(account)) is None:
        return False
    raise Conflict(
        f"there is an account {account.username} with another password: put that one into the file of "
        f"credentials, end it with couchgrass account delete {account.username}, or name another account"
    )


async def _make_account(place: Place, account: Account | None) -> None:
    assert account is not None, "only one that is wanted is missing"
    doc = {"name": account.username, "type": "user", "roles": [ACCOUNT_ROLE], "password": account.password}
    try:
        await place.couch.ask("PUT", path("_users", _user(account)), doc)
    except Conflict:
        if not await _has_account(place, account):
            raise
    except CouchgrassError as refused:
        if place.is_embedded:
            raise
        refused.add_note(
            "a database without _users can't be given an account: write CLOUDANT_USERNAME and "
            "CLOUDANT_PASSWORD into the env file, and PROVISION_INFRASTRUCTURE=false"
        )
        raise


def _user(account: Account) -> str:
    return f"org.couchdb.user:{account.username}"


async def _of_database(couch: CouchServer, name: str, account: Account) -> Iterable[Missing]:
    try:
        security = await couch.ask("GET", path(name, "_security"))
    except NotFound:
        return (Missing("database", name),)
    return () if _may_use(security, account) else (Missing("right", name),)


def _may_use(security: Any, account: Account) -> bool:
    """Is the account one of its admins?"""
    return account.username in _names(security, "admins")


def _names(security: Any, group: str) -> list[str]:
    found = security.get(group) if isinstance(security, dict) else None
    names = found.get("names") if isinstance(found, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


async def _make_database(place: Place, name: str, account: Account | None) -> None:
    """As the account's own. Ours makes it so at once; another one is told who owns it."""
    assert account is not None, "databases are an account's"
    user = (account.username, account.password) if place.is_embedded else None
    try:
        await place.couch.ask("PUT", path(name), user=user)
    except FileExists:
        pass
    security = await place.couch.ask("GET", path(name, "_security"))
    if _may_use(security, account):
        return
    changed = dict(security) if isinstance(security, dict) else {}
    for group in ("admins", "members"):
        before = changed.get(group) if isinstance(changed.get(group), dict) else {}
        names = [*_names(changed, group), account.username]
        changed[group] = {"roles": [], **(before or {}), "names": list(dict.fromkeys(names))}
    await place.couch.ask("PUT", path(name, "_security"), changed)


async def _make_tenant(place: Place, wanted: Provisioned) -> None:
    assert wanted.sign_in is not None, "only one that is wanted is missing"
    digest = hashlib.sha256(wanted.sign_in.secret.encode()).hexdigest()
    client = tenants.Client(wanted.sign_in.client_id, wanted.needs.app, digest)
    tenant = tenants.check(tenants.Tenant(wanted.sign_in.tenant_id, wanted.needs.app, (client,)))
    await _put(place.couch, tenants.DATABASE, f"tenant:{tenant.id}", tenants.to_doc(tenant))


def _with_pages(document: dict[str, Any], wanted: Provisioned) -> dict[str, Any]:
    """A tenant's document with the client that the app's pages are, who may take their codes where they are.
    Others' redirect URIs stay."""
    needed = wanted.needs.redirects
    clients = [one for one in document.get("clients", []) if one.get("client_id") != PAGES_CLIENT]
    had = [one for one in document.get("clients", []) if one.get("client_id") == PAGES_CLIENT]
    uris = [uri for one in had for uri in one.get("redirect_uris", [])]
    if not needed or set(needed) <= set(uris):
        return document
    whole = list(dict.fromkeys([*needed, *uris]))[: tenants.REDIRECTS_MAX]
    client = tenants.Client(PAGES_CLIENT, wanted.needs.app, redirect_uris=tuple(whole))
    return {**document, "clients": [*clients, msgspec.to_builtins(client)]}


async def _make_client(place: Place, wanted: Provisioned) -> None:
    """Writes it into the tenant's document. Another region may have been faster, with the very same."""
    assert wanted.sign_in is not None, "only one that is wanted is missing"
    doc_id = f"tenant:{wanted.sign_in.tenant_id}"
    for last in (False, True):
        document = await _document(place.couch, tenants.DATABASE, doc_id)
        if document is None:
            raise NotFound(f"the tenant {wanted.sign_in.tenant_id} went away meanwhile")
        if (changed := _with_pages(document, wanted)) == document:
            return
        try:
            await place.couch.ask("PUT", path(tenants.DATABASE, doc_id), changed)
            return
        except Conflict:
            if last:
                raise


async def _document(couch: CouchServer, database: str, doc_id: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = await couch.ask("GET", path(database, doc_id))
    except NotFound:
        return None
    return found


async def _put(couch: CouchServer, database: str, doc_id: str, doc: dict[str, Any]) -> None:
    """Makes the document; one that came from another region meanwhile is as good."""
    try:
        await couch.ask("PUT", path(database))
    except FileExists:
        pass
    try:
        await couch.ask("PUT", path(database, doc_id), doc)
    except Conflict:
        pass
