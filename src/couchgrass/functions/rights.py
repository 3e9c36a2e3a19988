"""Who may read which package, and so read and invoke the actions in it.

The owner may do all to what is in their namespace. Others may read what is in a public package, and nothing
else; whether a package is there at all they are not told. A binding is its owner's alone, and is of use while
what it binds to is public or theirs. Source: OpenWhisk's PackageCollection and ActionCollection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from couchgrass.errors import Conflict, Forbidden, NotFound
from couchgrass.functions.entity import Identity, Package

Lookup = Callable[[str, str], Package]
"""(namespace, name) to the package. Raises NotFound, or Conflict when it is something else."""


def readable(identity: Identity, namespace: str, name: str, lookup: Lookup) -> tuple[Package, Package | None]:
    """The package, and for a binding the package that it is bound to.

    Raises Forbidden; to the owner NotFound, or Conflict when the name is something else's.
    """
    is_owner = identity.namespace == namespace
    try:
        package = lookup(namespace, name)
    except (NotFound, Conflict):
        if is_owner:
            raise
        forbid(f"{namespace}/{name}")
    if package.binding is None:
        if not is_shared(package, identity.namespace):
            forbid(f"{namespace}/{name}")
        return package, None
    if not is_owner:
        forbid(f"{namespace}/{name}")
    return package, _bound(identity, package, package.binding, lookup)


def check_action(identity: Identity, namespace: str, package: str, name: str, lookup: Lookup) -> None:
    """May the identity read and invoke this action? Raises as `readable` does. `package` is "" for none."""
    if package:
        readable(identity, namespace, package, lookup)
    elif identity.namespace != namespace:
        forbid(f"{namespace}/{name}")


def is_shared(package: Package, namespace: str) -> bool:
    """May the owner of `namespace` use what is in this package, which is no binding?"""
    return package.namespace == namespace or package.publish


def forbid(path: str) -> NoReturn:
    """Raises the refusal of "ns/name"."""
    raise Forbidden(f"The supplied authentication is not authorized to access '{path}'.")


def _bound(identity: Identity, package: Package, binding: tuple[str, str], lookup: Lookup) -> Package:
    owned = binding[0] == identity.namespace
    try:
        provider = lookup(*binding)
    except (NotFound, Conflict):
        if owned:
            raise
        forbid(f"{package.namespace}/{package.name}")
    if provider.binding is not None or not is_shared(provider, identity.namespace):
        forbid(f"{package.namespace}/{package.name}")
    return provider
