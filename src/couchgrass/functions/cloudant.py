"""Which Cloudant accounts an action means, and where their hosts lead instead: to the region's database.

Pure. An account is what an action is bound to by its parameters, as Cloudant's packages, service credentials
and the apps of its time wrote them: a user name, an account, a host or a URL. It only says which host names
are led; who may do what is the database's to say, by the name and password that the action sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

DOMAINS: Final = ("cloudant.com", "cloudantnosqldb.appdomain.cloud")
"""Where Cloudant's accounts had their hosts, on IBM's old cloud and on its new one."""

ACCOUNTS_MAX: Final = 16
_DEPTH_MAX: Final = 8

_KEYS: Final = re.compile(r"(^|_)(username|user|account|cloudant)$", re.IGNORECASE)
_ACCOUNT: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SUFFIXES: Final = tuple(f".{domain}" for domain in DOMAINS)


class Target(msgspec.Struct, frozen=True):
    """Where connections go: plain HTTP, with the database at the root."""

    host: str
    port: int


def accounts_of(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The accounts in an action's own parameters, in order, at most ACCOUNTS_MAX.

    Names stand under keys such as `username`, `CLOUDANT_USERNAME` or `account`; hosts and URLs of Cloudant
    stand anywhere, also in service credentials below.
    """
    found: dict[str, None] = {}
    for key, text in _texts(parameters, "", 0):
        account = account_of(text) or (_in_name(text) if _KEYS.search(key) else None)
        if account is not None:
            found.setdefault(account)
        if len(found) == ACCOUNTS_MAX:
            break
    return tuple(found)


def is_account(name: str) -> bool:
    """Can it be an account's name, and so a part of its host's?"""
    return _ACCOUNT.fullmatch(name) is not None


def hosts_of(accounts: Sequence[str]) -> list[str]:
    """The host names of accounts."""
    return [account + suffix for account in accounts for suffix in _SUFFIXES]


def led(accounts: Sequence[str], target: Target) -> tuple[str, ...]:
    """What the preloads of `runtimes/preload` are told, as JSON in COUCHGRASS_ACCOUNTS: the `accounts` of a
    cell."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    return tuple(f"{name}={host}:{target.port}" for name in hosts_of(accounts))


def direct_target(database_url: str) -> Target | None:
    """The database itself, when it speaks plain HTTP at the root of its host; None: it needs a door."""
    parts = urlsplit(database_url)
    if parts.scheme != "http" or parts.path.strip("/") or parts.query or not parts.hostname:
        return None
    return Target(parts.hostname, parts.port or 80)


def _texts(value: Any, key: str, depth: int) -> Iterator[tuple[str, str]]:
    """(key, text) of each text in a value, however deep; in a list, with the list's own key."""
    if isinstance(value, str):
        yield key, value
    elif depth < _DEPTH_MAX:
        if isinstance(value, Mapping):
            for inner, below in value.items():
                yield from _texts(below, str(inner), depth + 1)
        elif isinstance(value, list | tuple):
            for below in value:
                yield from _texts(below, key, depth + 1)


def _in_name(text: str) -> str | None:
    """An account's name. The name of an API key may be taken for one: its host leads nowhere else either."""
    name = text.lower()
    return name if _ACCOUNT.fullmatch(name) else None


def account_of(text: str) -> str | None:
    """The account of a URL or a host name of Cloudant's; None for any other text."""
    if not any(domain in text.lower() for domain in DOMAINS):
        return None
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
    except ValueError:
        return None
    for suffix in _SUFFIXES:
        account = host.removesuffix(".").removesuffix(suffix)
        if account != host.removesuffix(".") and _ACCOUNT.fullmatch(account):
            return account
    return None
