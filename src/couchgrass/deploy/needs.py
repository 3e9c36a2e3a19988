"""What an app needs of its regions before its manifest can be read: key, account, databases, a tenant.

Pure. Read from the app's entry in the topology and from its env file's switches.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from couchgrass.deploy.envfile import PASSWORD, PROVISION, TENANT, URL, USE_APPID, USERNAME, Switches
from couchgrass.errors import BadRequest

PAGES_CLIENT = "pages"
"""The id that an app's pages have at its tenant. They have no secret: whoever reads them would have it."""


class Needs(msgspec.Struct, frozen=True):
    """`app` is the app's name, which marks what is deployed. `account` is the account's name, "" when the env
    file has one; `databases` are made for it. `tenant` names the tenant's entry in the credentials, ""
    without sign-in; `tenant_id` is what the env file says. `provision`: what is missing may be made.
    `redirects` are where the app's pages take their codes when somebody has signed in."""

    app: str
    namespace: str
    account: str = ""
    databases: tuple[str, ...] = ()
    tenant: str = ""
    tenant_id: str = ""
    provision: bool = True
    redirects: tuple[str, ...] = ()


def needs_of(app: str, namespace: str, account: str, databases: Sequence[str], said: Switches) -> Needs:
    """Raises BadRequest for an env file that makes no sense."""
    if said.sign_in and not said.provision and not said.tenant:
        raise BadRequest(f"{PROVISION} is false and {USE_APPID} is true, so {TENANT} must be set")
    return Needs(
        app=app,
        namespace=namespace,
        account=account_name(account or app) if said.provision else "",
        databases=tuple(databases) if said.provision else (),
        tenant=app if said.sign_in else "",
        tenant_id=said.tenant,
        provision=said.provision,
    )


def account_name(text: str) -> str:
    """A name as accounts have it: a part of a host's name."""
    name = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")[:63].strip("-")
    return name or "app"


def environment(env: Mapping[str, str], *, username: str, password: str, url: str) -> dict[str, str]:
    """What the manifest takes from the environment in one region. `username` "": what the env file has."""
    made = {USERNAME: username, PASSWORD: password} if username else {}
    return {**env, **made, URL: env.get(URL) or url}


def warnings_of(needs: Needs, env: Mapping[str, str]) -> list[str]:
    """What is in the env file and not used."""
    if needs.provision and any(env.get(key) for key in (USERNAME, PASSWORD)):
        return [
            f"{USERNAME} and {PASSWORD} of the env file are not used: the account {needs.account} is made; "
            f"{PROVISION}=false takes them"
        ]
    return []
