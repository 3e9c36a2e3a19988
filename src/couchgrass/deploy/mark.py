"""The annotation `couchgrass` that a deployed entity has: whose it is, and what was deployed.

Pure. By it a deploy knows what is an app's and left its manifest, and whether code is still the one that was
deployed, without fetching it. `digest` is of the code, or of a feed and its inputs; `own` are the names of
the parameters that are the entity's own, since OpenWhisk tells them merged with its package's.

Whoever changes an action by other means moves its version, or writes it later than we did: then the mark says
nothing about the code, which is fetched and compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.deploy.code import executable

MARK: Final = "couchgrass"

NEAR_MS: Final = 300_000
"""How far apart the host's clock and that of whoever deployed may be for a mark that is trusted. With clocks
further apart code is fetched each time, and compared."""


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the annotation says; all of it empty where there is none."""

    app: str = ""
    digest: str = ""
    version: str = ""
    at: int = 0
    own: tuple[str, ...] = ()


def annotations_of(entity: Mapping[str, Any]) -> dict[str, Any]:
    """Annotations or parameters in OpenWhisk's form, as a mapping; the last of a key counts."""
    return mapping(entity.get("annotations") or ())


def mapping(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """[{"key", "value"}] as a mapping."""
    return {str(row.get("key")): row.get("value") for row in rows}


def rows(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A mapping in OpenWhisk's form."""
    return [{"key": key, "value": value} for key, value in values.items()]


def mark_of(entity: Mapping[str, Any] | None) -> Mark:
    """The mark of an entity as the host tells it."""
    try:
        return msgspec.convert(annotations_of(entity or {}).get(MARK, {}), Mark)
    except msgspec.ValidationError:
        return Mark()


def is_certain(action: Mapping[str, Any]) -> bool:
    """Is the code of this action what its mark says, as far as can be known without it?"""
    if "components" in action.get("exec", {}):
        return True
    mark = mark_of(action)
    updated = action.get("updated")
    return (
        bool(mark.digest)
        and mark.version == action.get("version")
        and isinstance(updated, int)
        and abs(updated - mark.at) <= NEAR_MS
    )


def code_digest(exec: Mapping[str, Any]) -> str:
    """The digest of an action's `exec` as it is sent or told."""
    return executable(
        str(exec.get("kind", "")),
        exec.get("code") or "",
        main=exec.get("main") or "",
        image=exec.get("image") or "",
        components=exec.get("components") or (),
    ).digest


def inputs_digest(feed: str, inputs: Mapping[str, Any]) -> str:
    """A hash of a feed and what it is told."""
    return hashlib.sha256(json.encode([feed, sorted(inputs.items())])).hexdigest()


def own_parameters(
    told: Iterable[Mapping[str, Any]], inherited: Iterable[Mapping[str, Any]], own: Iterable[str]
) -> list[dict[str, Any]]:
    """The rows of `told` that are an entity's own: not what it has from its package, but for names in
    `own`."""
    from_package, known = mapping(inherited), frozenset(own)
    return [
        dict(row)
        for row in told
        if row["key"] in known
        or row["key"] not in from_package
        or from_package[row["key"]] != row.get("value")
    ]
