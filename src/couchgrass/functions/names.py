"""Names of entities, namespaces and activations, as they stand in URLs and inside of bodies.

Rule (OpenWhisk's EntityName): a word character, then word characters and ``@ .&-``, no space at the end, at
most 256. Words are ASCII. ``_`` as the namespace of a path is the caller's own.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from couchgrass.errors import BadRequest

NAME_LENGTH_MAX: Final = 256
ACTIVATION_ID_LENGTH: Final = 32

OWN_NAMESPACE: Final = "_"
"""Stands for the caller's namespace."""

NO_PACKAGE: Final = "default"
"""In URLs of web actions: the action is in no package. No package may have this name."""

NAMESPACE_HEADER: Final = b"x-couchgrass-namespace"
"""The namespace in whose name one of the region's own processes asks, which shows the region's secret."""

NOT_QUALIFIED: Final = (
    "The fully qualified name of the entity must contain at least the namespace and the name of the entity."
)

_NAME: Final = re.compile(r"\w(?:[\w@ .&-]{0,254}[\w@.&-])?", re.ASCII)
_ACTIVATION_ID: Final = re.compile(r"[0-9a-f]{32}")


class FullName(msgspec.Struct, frozen=True):
    """Where an entity is. `package` is "" for what is in none. Its text is ``/ns/pkg/name``."""

    namespace: str
    package: str
    name: str

    def __str__(self) -> str:
        return "/" + "/".join(part for part in (self.namespace, self.package, self.name) if part)


def is_name(text: str) -> bool:
    """May an entity or a namespace be called so?"""
    return _NAME.fullmatch(text) is not None


def check_name(segment: str) -> str:
    """The segment of a URL, when it can be an entity's name. Raises BadRequest."""
    if is_name(segment):
        return segment
    if len(segment) > NAME_LENGTH_MAX:
        raise BadRequest(f"Name segment longer than allowed: {len(segment)} > {NAME_LENGTH_MAX}.")
    raise BadRequest("The name of the entity contains illegal characters.")


def check_namespace(text: str) -> str:
    """The name of a namespace that is to be. Raises BadRequest.

    It begins with no ``_``: alone that is the caller's own, and no document's id may begin so.
    """
    if text.startswith(OWN_NAMESPACE) or not is_name(text):
        raise BadRequest("The namespace contains illegal characters.")
    return text


def check_package(segment: str) -> str:
    """The name of a package that is to be. Raises BadRequest."""
    if segment == NO_PACKAGE:
        raise BadRequest(f"Package name '{NO_PACKAGE}' is reserved.")
    return check_name(segment)


def check_activation_id(text: str) -> str:
    """An activation's id. Raises BadRequest."""
    if len(text) != ACTIVATION_ID_LENGTH:
        raise BadRequest(f"Activation id length is {len(text)} but must be {ACTIVATION_ID_LENGTH}.")
    if _ACTIVATION_ID.fullmatch(text) is None:
        raise BadRequest("The activation id is not valid.")
    return text


def parse_full_name(text: str, namespace: str) -> FullName:
    """ "/ns/pkg/name", "ns/pkg/name", "/_/name": an entity named in a body by somebody of `namespace`.

    The leading slash means nothing here, so a name without a namespace can't be told. Raises ValueError with
    OpenWhisk's words.
    """
    parts = _segments(text)
    if len(parts) < 2:
        raise ValueError(NOT_QUALIFIED)
    if len(parts) > 3:
        raise ValueError(
            "The fully qualified name of the entity has more parts than namespace, package, name."
        )
    return _full(parts, namespace)


def resolve_name(text: str, namespace: str) -> FullName | None:
    """An action as a conductor names it: "name" and "pkg/name" are in `namespace`. None: it is no name.

    With a leading slash, or with three parts, the first part is the namespace.
    """
    try:
        parts = _segments(text)
    except ValueError:
        return None
    is_rooted = text.startswith("/")
    if not 1 <= len(parts) <= 3 or (is_rooted and len(parts) == 1):
        return None
    if not is_rooted and len(parts) < 3:
        parts = [namespace, *parts]
    return _full(parts, namespace)


def is_path(text: str) -> bool:
    """Are all its parts names? So is a trigger's annotation `feed` looked at."""
    try:
        return bool(_segments(text))
    except ValueError:
        return False


def _segments(text: str) -> list[str]:
    parts = [part for part in text.split("/") if part]
    for part in parts:
        if not is_name(part):
            raise ValueError("fully qualified name malformed")
    return parts


def _full(parts: list[str], namespace: str) -> FullName:
    owner = namespace if parts[0] == OWN_NAMESPACE else parts[0]
    return FullName(owner, parts[1] if len(parts) == 3 else "", parts[-1])
