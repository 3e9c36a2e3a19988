"""Where a region keeps what in its data folder.

Pure: names only.

    DATA/region.json      what runs now; DATA/region.lock is held while it runs
    DATA/database/        the embedded database, with the admin that its first start made
    DATA/functions.json   the account with which functions and the gateway use the database
    DATA/functions/       activations, code and whatever else the functions process keeps
    DATA/runtimes/        packages for actions, a folder for each kind or family of kinds
    DATA/keys/            namespaces' keys that were made here
    DATA/accounts/        credentials of the database's accounts that were made here
    DATA/tenants/         credentials of apps whose users sign in
    DATA/gateway/         what the gateway keeps for a start without the database, and its signing key
    DATA/agent/           the agent's; the secret that the region's processes share
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

STATE: Final = "region.json"
LOCK: Final = "region.lock"
DATABASE: Final = "database"
ADMIN: Final = "database/admin.json"
ACCOUNT: Final = "functions.json"
FUNCTIONS: Final = "functions"
RUNTIMES: Final = "runtimes"
KEYS: Final = "keys"
ACCOUNTS: Final = "accounts"
TENANTS: Final = "tenants"
GATEWAY: Final = "gateway"
AGENT: Final = "agent"
SHARED: Final = "agent/secret"

ACCOUNT_NAME: Final = "couchgrass-functions"


def key_file(data: str, namespace: str) -> str:
    """Where a namespace's key is kept. Its name is one segment of a path, or was refused before."""
    return str(PurePath(data) / KEYS / f"{namespace}.json")


def account_file(data: str, account: str) -> str:
    """Where the credentials of an account are kept."""
    return str(PurePath(data) / ACCOUNTS / f"{account}.json")
