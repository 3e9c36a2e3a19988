"""The names and patterns by which `couchgrass.toml` means databases.

Pure. A pattern is a database's name in which `*` stands for any characters, none included. What belongs to
the platform is no pattern's business: `_users` and the like are each server's own, and `whisk_*` and
`couchgrass_*` are kept in step as they need it, or never.
"""

from __future__ import annotations

import re
from typing import Final

RESERVED: Final = ("_", "whisk_", "couchgrass_")
"""How the names of the platform's databases begin."""

_PATTERN: Final = re.compile(r"[a-z*][a-z0-9_$()+/*-]*")


def problem_of(pattern: str) -> str:
    """What is wrong with a pattern, in words; "" when nothing is."""
    for prefix in RESERVED:
        if pattern.startswith(prefix):
            return f"databases that begin with {prefix} are the platform's, which sees to them itself"
    if not _PATTERN.fullmatch(pattern):
        return "no name of a database: small letters, digits and _$()+-/ with a letter first, or * for any"
    if "**" in pattern:
        return "one * stands for any characters already"
    return ""
