"""What a database may be called. Specification: CouchDB 3.5 ``fabric:validate_dbname``."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from couchgrass.errors import CouchgrassError, IllegalDatabaseName

NAME_BYTES_MAX: Final = 238
"""CouchDB's limit on a database's name; the folder's own name may be three times as long."""

SYSTEM_DATABASES: Final = frozenset({"_users", "_replicator", "_global_changes"})

_NAME: Final = re.compile(r"[a-z][a-z0-9_$()+/-]*")


class NameTooLong(CouchgrassError):
    """The name, percent-encoded, is over NAME_BYTES_MAX."""

    status = 400
    error = "database_name_too_long"


def is_name(name: str) -> bool:
    """Whether a database may have this name, were it short enough."""
    return name in SYSTEM_DATABASES or _NAME.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Raises IllegalDatabaseName or NameTooLong unless a database may have this name."""
    if not is_name(name):
        raise IllegalDatabaseName(name)
    if len(quote(name, safe="")) > NAME_BYTES_MAX:
        raise NameTooLong(f"At least one path segment of `{name}` is too long.")
