"""The Cloudant accounts that an action is bound to: found among its bound parameters' values.

An app of old opens ``https://ACCOUNT.cloudant.com`` (or the account's later name under
``cloudantnosqldb.appdomain.cloud``) with the credentials bound to it. Its process may reach the region's own
database under the names of these accounts, and under no others. What a caller sends does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from couchgrass.functions.entity import Parameter

HOST_SUFFIXES: Final = (".cloudant.com", ".cloudantnosqldb.appdomain.cloud")
ACCOUNT_KEYS: Final = frozenset({"username", "user", "account", "cloudant_username", "cloudant_account"})
DEPTH_MAX: Final = 6
"""Service credentials lie three deep: ``__bx_creds``, the service, its members."""

_ACCOUNT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def accounts_of(parameters: Iterable[Parameter]) -> tuple[str, ...]:
    """The accounts' names, such as ``acme-bluemix``, each once, in order."""
    found = {account for each in parameters for account in _within(each.key, each.value, 0)}
    return tuple(sorted(found))


def account_of_host(host: str) -> str | None:
    """The account of a host name of Cloudant's, None for any other host."""
    lowered = host.lower().rstrip(".")
    for suffix in HOST_SUFFIXES:
        if lowered.endswith(suffix):
            account = lowered.removesuffix(suffix)
            return account if _ACCOUNT.fullmatch(account) else None
    return None


def _within(key: str, value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        account = _account_of(key, value)
        if account is not None:
            yield account
    elif depth < DEPTH_MAX and isinstance(value, dict):
        for name, inner in value.items():
            yield from _within(name, inner, depth + 1)
    elif depth < DEPTH_MAX and isinstance(value, list):
        for inner in value:
            yield from _within(key, inner, depth + 1)


def _account_of(key: str, value: str) -> str | None:
    """The account that a string names: by its URL, by its host, or as a name under one of the known keys."""
    text = value.strip()
    try:
        host = urlsplit(text if "://" in text else f"//{text}").hostname
    except ValueError:
        host = None
    if host and (account := account_of_host(host)) is not None:
        return account
    if key.lower() in ACCOUNT_KEYS and _ACCOUNT.fullmatch(text.lower()):
        return text.lower()
    return None
