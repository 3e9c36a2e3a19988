"""A served API as values: what each of its operations demands and where it leads. Made by `compile.py`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from enum import Enum
from typing import Final

import msgspec

from couchgrass.gateway.ratelimit import Limit
from couchgrass.gateway.security import Demand

METHODS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
"""The operations that an API may have; upstream's list."""

MANAGEMENT: Final = b"/api/v1/web/whisk.system/apimgmt/"
"""Where functions serve the calls by which APIs are made and seen."""

_PLAIN_TENANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")


class Cors(Enum):
    """What the gateway does about CORS: answers preflights and sets the headers, takes them away, or leaves
    all to the action."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    UNTOUCHED = "untouched"


class Target(msgspec.Struct, frozen=True):
    """Where an operation leads: `path` is that of a web action with its extension, percent-encoded. What of
    the request's path follows it: all below the tenant (`takes_path`), or what comes after the route."""

    path: bytes
    takes_path: bool


class Operation(msgspec.Struct, frozen=True):
    """One verb of one path. `verb` is sent instead of the caller's, unless it is empty; `sets` are headers,
    names in lower case. Of `demands`, one has to be met; without any the operation is open. `target` None:
    it leads to no web action, so it can only be refused."""

    target: Target | None
    verb: bytes = b""
    sets: tuple[tuple[bytes, bytes], ...] = ()
    demands: tuple[Demand, ...] = ()


class Api(msgspec.Struct, frozen=True):
    """An API. `resources`: path below the base path, to verb, to operation. `key` is unique in a region."""

    key: str
    namespace: str
    base_path: str
    resources: Mapping[str, Mapping[str, Operation]]
    cors: Cors = Cors.UNTOUCHED
    limits: tuple[Limit, ...] = ()


def tenant_of(namespace: str) -> str:
    """The segment after /api/ in the URLs of a namespace's APIs.

    It is the namespace's name where that can stand in a URL as it is, else made from it, so that an API has
    the same path in every region that the namespace is in.
    """
    if _PLAIN_TENANT.fullmatch(namespace):
        return namespace
    return hashlib.sha256(b"tenant\0" + namespace.encode()).hexdigest()[:32]


def normal_base_path(path: str) -> str:
    """A base path with a slash in front and none behind; "/" for the root."""
    return "/" + path.strip("/")
