"""What an app needs of its regions before its manifest can be read: key, account, databases, a tenant.

Pure. Read from the app's entry in the topology and from its env file, whose keys are those of IBM's reference
app: `PROVISION_INFRASTRUCTURE` (true unless it says false: an account and a tenant are made), `API_USE_APPID`
(the app's APIs are for people who are signed in), `API_APPID_TENANTID`, `CLOUDANT_USERNAME`,
`CLOUDANT_PASSWORD`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from couchgrass.errors import BadRequest

PROVISION: Final = "PROVISION_INFRASTRUCTURE"
SIGN_IN: Final = "API_USE_APPID"
TENANT: Final = "API_APPID_TENANTID"
USERNAME, PASSWORD, URL = "CLOUDANT_USERNAME", "CLOUDANT_PASSWORD", "CLOUDANT_URL"

_YES: Final = frozenset({"true", "yes", "1", "on"})
_NO: Final = frozenset({"false", "no", "0", "off", ""})


class Needs(msgspec.Struct, frozen=True):
    """`app` is the app's name, which marks what is deployed. `account` is the account's name, "" when the env
    file has one; `databases` are made for it. `tenant` names the tenant's entry in the credentials, "" without
    sign-in; `tenant_id` is what the env file says. `provision`: what is missing may be made."""

    app: str
    namespace: str
    account: str = ""
    databases: tuple[str, ...] = ()
    tenant: str = ""
    tenant_id: str = ""
    provision: bool = True


def needs_of(
    app: str, namespace: str, account: str, databases: Sequence[str], env: Mapping[str, str]
) -> Needs:
    """Raises BadRequest for an env file that makes no sense."""
    provision, signs_in = _switch(env, PROVISION, True), _switch(env, SIGN_IN, False)
    tenant_id = env.get(TENANT, "")
    if not provision:
        missing = [key for key in (USERNAME, PASSWORD, *((TENANT,) if signs_in else ())) if not env.get(key)]
        if missing:
            raise BadRequest(
                f"{PROVISION}=false, so the env file has to say {', '.join(missing)}; without it they are made"
            )
    return Needs(
        app=app,
        namespace=namespace,
        account=account_name(account or app) if provision else "",
        databases=tuple(databases) if provision else (),
        tenant=app if signs_in else "",
        tenant_id=tenant_id,
        provision=provision,
    )


def account_name(text: str) -> str:
    """A name as accounts have it: a part of a host's name."""
    name = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")[:63].strip("-")
    return name or "app"


def environment(env: Mapping[str, str], *, username: str, password: str, url: str) -> dict[str, str]:
    """What the manifest takes from the environment in one region. `username` "": what the env file has."""
    made = {USERNAME: username, PASSWORD: password} if username else {}
    return {**env, **made, URL: url if username else env.get(URL) or url}


def warnings_of(needs: Needs, env: Mapping[str, str]) -> list[str]:
    """What is in the env file and not used."""
    if needs.provision and any(env.get(key) for key in (USERNAME, PASSWORD)):
        return [
            f"{USERNAME} and {PASSWORD} of the env file are not used: the account {needs.account} is made; "
            f"{PROVISION}=false takes them"
        ]
    return []


def _switch(env: Mapping[str, str], key: str, otherwise: bool) -> bool:
    text = env.get(key)
    if text is None or (text == "" and otherwise):
        return otherwise
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise BadRequest(f"{key} is true or false, not {text!r}")
