"""The file CREDENTIALS beside `couchgrass.toml`: keys and accounts that deploys made, the same in all
regions.

    {"namespaces": {"guest": {"uuid": …, "key": …}},
     "accounts": {"todo": {"username": …, "password": …}},
     "tenants": {"todo": {"tenantId": …, "clientId": …, "secret": …}}}

Readable by its owner alone. What is in it goes into requests and nowhere else.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from couchgrass.clock import Clock
from couchgrass.errors import CouchgrassError
from couchgrass.functions import keys
from couchgrass.serving.files import put_file

PASSWORD_BYTES = 24


class _Secret(msgspec.Struct, frozen=True):
    """Keeps its values out of logs and tracebacks."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class NamespaceKey(_Secret, frozen=True):
    """`key` is "uuid:secret", what wsk calls AUTH."""

    uuid: str
    key: str


class Account(_Secret, frozen=True):
    """An account of the regions' databases."""

    username: str
    password: str


class SignIn(_Secret, frozen=True, rename="camel"):
    """A tenant of the sign-in service, and its client."""

    tenant_id: str
    client_id: str = ""
    secret: str = ""


class Credentials(_Secret, frozen=True):
    """All of the file."""

    namespaces: dict[str, NamespaceKey] = {}
    accounts: dict[str, Account] = {}
    tenants: dict[str, SignIn] = {}


def read_credentials(file: Path) -> Credentials:
    """Empty ones where there is no file. Raises CouchgrassError, which never shows what is in it."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Credentials)
    except FileNotFoundError:
        return Credentials()
    except OSError as refused:
        raise CouchgrassError(f"{file} can't be read: {refused.strerror}") from refused
    except msgspec.DecodeError:
        raise CouchgrassError(f"{file} is not a file of credentials: move it away, or put it right") from None


def keep(file: Path, added: Credentials) -> Credentials:
    """Writes what is new into the file; what others wrote there meanwhile counts. What is in it now. Raises
    CouchgrassError."""
    try:
        with _locked(file):
            there = read_credentials(file)
            whole = Credentials(
                {**added.namespaces, **there.namespaces},
                {**added.accounts, **there.accounts},
                {**added.tenants, **there.tenants},
            )
            if whole != there:
                put_file(file, msgspec.json.format(msgspec.json.encode(whole)) + b"\n")
            return whole
    except OSError as refused:
        raise CouchgrassError(f"{file} can't be written: {refused.strerror}") from refused


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Two deploys at the same time make one key between them. The folder is what is locked."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def new_key(namespace: str, clock: Clock) -> NamespaceKey:
    """A key that nobody has."""
    created_at = datetime.fromtimestamp(clock.now(), UTC).isoformat(timespec="seconds")
    key, _ = keys.new_key(namespace, random=secrets.token_bytes(keys.RANDOM_BYTES), created_at=created_at)
    return NamespaceKey(key.uuid, key.apikey)


def new_account(name: str) -> Account:
    """An account with a password that nobody has."""
    return Account(name, secrets.token_urlsafe(PASSWORD_BYTES))


def new_sign_in(tenant: str) -> SignIn:
    """A tenant, with this id if there is one, and a client of it."""
    return SignIn(tenant or str(uuid.uuid4()), str(uuid.uuid4()), secrets.token_urlsafe(32))


class _KeyFile(msgspec.Struct):
    apikey: str


class _AccountFile(msgspec.Struct):
    username: str
    password: str


def key_of_file(file: Path) -> NamespaceKey | None:
    """The key in a file: of `couchgrass key create`, or "uuid:secret" alone. None where there is none."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    try:
        key = msgspec.json.decode(text, type=_KeyFile).apikey
    except msgspec.DecodeError:
        key = text.strip()
    own, colon, secret = key.partition(":")
    return NamespaceKey(own, key) if colon and secret and not key.startswith("{") else None


def account_of_file(file: Path) -> Account | None:
    """The account in a file of `couchgrass account create`; None where there is none."""
    try:
        found = msgspec.json.decode(file.read_bytes(), type=_AccountFile)
    except (OSError, msgspec.DecodeError):
        return None
    return Account(found.username, found.password)
