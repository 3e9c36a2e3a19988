"""PUT of a package or a binding: its body, and the package that becomes of it.

Parameters and annotations that are given replace what was there. The annotation `binding` is ours alone.
Source: OpenWhisk's Packages.scala.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from couchgrass.errors import BadRequest, Conflict, NotFound
from couchgrass.functions.bodies import Parts, members, next_version, read_parts, reading
from couchgrass.functions.entity import FIRST_VERSION, Package
from couchgrass.functions.names import OWN_NAMESPACE, is_name
from couchgrass.functions.rights import Lookup, forbid, is_shared

BINDING: Final = "binding"


class PackagePut(msgspec.Struct, frozen=True):
    """A body, read. `binding` is (namespace, name)."""

    parts: Parts
    binding: tuple[str, str] | None = None


def read(body: Any, *, namespace: str) -> PackagePut:
    """`namespace` is the package's own, which `_` in a binding stands for. Raises BadRequest, TooLarge."""
    with reading():
        given = members(body)
        return PackagePut(read_parts(given), _binding(given.get("binding", {}), namespace))


def created(put: PackagePut, namespace: str, name: str, lookup: Lookup, *, now_ms: int) -> Package:
    """A new package. Raises BadRequest, Forbidden or Conflict for what can't be bound to."""
    _check_binding(put, namespace, lookup)
    return Package(
        namespace=namespace,
        name=name,
        version=put.parts.version or FIRST_VERSION,
        publish=bool(put.parts.publish),
        binding=put.binding,
        parameters=put.parts.parameters or (),
        annotations=_annotations(put.parts.annotations or {}, put.binding),
        updated=now_ms,
    )


def updated(put: PackagePut, package: Package, lookup: Lookup, *, now_ms: int) -> Package:
    """The package after the update. Raises as `created` does, and Conflict for a package that is to bind."""
    parts = put.parts
    if put.binding is not None and package.binding is None:
        raise Conflict("Resource is a package and cannot be converted into a binding.")
    _check_binding(put, package.namespace, lookup)
    binding = put.binding or package.binding
    annotations = package.annotations if parts.annotations is None else parts.annotations
    return msgspec.structs.replace(
        package,
        version=parts.version or next_version(package.version),
        publish=package.publish if parts.publish is None else parts.publish,
        binding=binding,
        parameters=package.parameters if parts.parameters is None else parts.parameters,
        annotations=_annotations(annotations, binding),
        updated=now_ms,
    )


def _check_binding(put: PackagePut, namespace: str, lookup: Lookup) -> None:
    if put.binding is None:
        return
    try:
        provider = lookup(*put.binding)
    except NotFound as missing:
        raise BadRequest("Binding references a package that does not exist.") from missing
    except Conflict as other:
        raise Conflict("Cannot bind to a resource that is not a package.") from other
    if not is_shared(provider, namespace):
        forbid(f"{provider.namespace}/{provider.name}")
    if provider.binding is not None:
        raise BadRequest("Cannot bind to another package binding.")


def _binding(value: Any, namespace: str) -> tuple[str, str] | None:
    if not isinstance(value, dict):
        raise ValueError("Object expected")
    if not value:
        return None
    owner, name = value.get("namespace"), value.get("name")
    if not isinstance(owner, str) or not is_name(owner):
        raise ValueError("namespace malformed")
    if not isinstance(name, str) or not is_name(name):
        raise ValueError("entity name malformed")
    return (namespace if owner == OWN_NAMESPACE else owner, name)


def _annotations(given: Any, binding: tuple[str, str] | None) -> dict[str, Any]:
    kept = {key: value for key, value in given.items() if key != BINDING}
    if binding is not None:
        kept[BINDING] = {"namespace": binding[0], "name": binding[1]}
    return kept
