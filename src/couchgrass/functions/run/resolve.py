"""From a name to what is run: through a binding, with the parameters of package, binding and action merged.

Source: OpenWhisk's ``WhiskPackage.resolveBinding`` and ``WhiskAction.resolveActionAndMergeParameters``.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from couchgrass.errors import NotFound
from couchgrass.functions.entity import Action, Identity, Package, Parameter
from couchgrass.functions.parameters import (
    PROVIDE_API_KEY,
    bound_values,
    fixed_keys,
    init_env,
    is_truthy,
    merged,
)
from couchgrass.functions.rights import is_shared
from couchgrass.functions.run.needs import Accounts, Lookup

KNOWN_MAX: Final = 10_000
"""Actions that are remembered as they were found."""


class Resolved(msgspec.Struct, frozen=True):
    """An action as it is run. `binding` is set when it was named through one; then `package` is the one that
    the binding is to. `fixed`: the keys that a caller must not give. What follows from the parameters:
    `bound`, which are handed to each run, `init_env` and `accounts` (see `Job`). `has_key`: it is given the
    key of its namespace."""

    action: Action
    package: Package | None = None
    binding: Package | None = None
    parameters: tuple[Parameter, ...] = ()
    fixed: frozenset[str] = frozenset()
    bound: dict[str, Any] = {}
    init_env: dict[str, str] = {}
    accounts: tuple[str, ...] = ()
    has_key: bool = True


class Resolver:
    """Finds actions, and remembers what it worked out for as long as nothing of it was changed."""

    def __init__(self, entities: Lookup, accounts: Accounts = lambda _: ()) -> None:
        self._entities = entities
        self._accounts = accounts
        self._known: dict[tuple[str, str, str], Resolved] = {}

    def resolve(self, namespace: str, package: str, name: str) -> Resolved:
        """Raises NotFound. `package` is "" for an action in none."""
        found = _found(self._entities, namespace, package, name)
        action, within, binding = found
        known = self._known.get((namespace, package, name))
        if (
            known is not None
            and known.action is action
            and known.package is within
            and known.binding is binding
        ):
            return known
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        resolved = self._known[namespace, package, name] = _resolved(*found, self._accounts)
        return resolved


def _found(
    entities: Lookup, namespace: str, package: str, name: str
) -> tuple[Action, Package | None, Package | None]:
    """The action, its package, and the binding that it was named through."""
    if not package:
        return entities.action(namespace, "", name), None, None
    named = entities.package(namespace, package)
    if named.binding is None:
        return entities.action(namespace, package, name), named, None
    target = entities.package(*named.binding)
    if target.binding is not None:  # a binding to a binding can't be made, but a replicated one may come
        raise NotFound("The requested resource does not exist.")
    return entities.action(target.namespace, target.name, name), target, named


def named(resolved: Resolved) -> str:
    """ "ns/name" or "ns/pkg/name" as it was named, through the binding if there is one."""
    if resolved.binding is None:
        return resolved.action.path
    return f"{resolved.binding.namespace}/{resolved.binding.name}/{resolved.action.name}"


def _resolved(
    action: Action, package: Package | None, binding: Package | None, accounts: Accounts
) -> Resolved:
    layers = [each.parameters for each in (package, binding) if each is not None]
    parameters = merged(*layers, action.parameters)
    return Resolved(
        action,
        package,
        binding,
        parameters,
        fixed_keys(parameters, action.annotations),
        bound_values(parameters),
        init_env(parameters),
        accounts({each.key: each.value for each in parameters}),
        is_truthy(action.annotations, PROVIDE_API_KEY, absent=True),
    )


def may_run(identity: Identity, resolved: Resolved) -> bool:
    """May this subject run it? All of its own namespace, and what is in public packages of others; through
    bindings of its own only. See ``rights.py``."""
    if resolved.binding is not None and resolved.binding.namespace != identity.namespace:
        return False
    if resolved.package is None:
        return resolved.action.namespace == identity.namespace
    return is_shared(resolved.package, identity.namespace)


def component(name: str, namespace: str) -> tuple[str, str, str]:
    """(namespace, package or "", name) of "/ns/[pkg/]name"; "_" stands for `namespace`."""
    parts = name.removeprefix("/").split("/")
    owner = namespace if parts[0] == "_" else parts[0]
    return owner, parts[1] if len(parts) > 2 else "", parts[-1]
