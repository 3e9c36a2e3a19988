"""From a name to what is run: through a binding, with the parameters of package, binding and action merged.

Source: OpenWhisk's ``WhiskPackage.resolveBinding`` and ``WhiskAction.resolveActionAndMergeParameters``.
"""

from __future__ import annotations

import msgspec

from couchgrass.errors import NotFound
from couchgrass.functions.entity import Action, Identity, Package, Parameter
from couchgrass.functions.parameters import fixed_keys, merged
from couchgrass.functions.rights import is_shared
from couchgrass.functions.run.needs import Lookup


class Resolved(msgspec.Struct, frozen=True):
    """An action as it is run. `binding` is set when it was named through one; then `package` is the one that
    the binding is to. `fixed`: the keys that a caller must not give."""

    action: Action
    package: Package | None = None
    binding: Package | None = None
    parameters: tuple[Parameter, ...] = ()
    fixed: frozenset[str] = frozenset()


def resolve(entities: Lookup, namespace: str, package: str, name: str) -> Resolved:
    """Raises NotFound. `package` is "" for an action in none."""
    if not package:
        action = entities.action(namespace, "", name)
        return _resolved(action, None, None)
    named = entities.package(namespace, package)
    if named.binding is None:
        return _resolved(entities.action(namespace, package, name), named, None)
    bound = entities.package(*named.binding)
    if bound.binding is not None:  # a binding to a binding can't be made, but a replicated one may come
        raise NotFound("The requested resource does not exist.")
    return _resolved(entities.action(bound.namespace, bound.name, name), bound, named)


def named(resolved: Resolved) -> str:
    """ "ns/name" or "ns/pkg/name" as it was named, through the binding if there is one."""
    if resolved.binding is None:
        return resolved.action.path
    return f"{resolved.binding.namespace}/{resolved.binding.name}/{resolved.action.name}"


def _resolved(action: Action, package: Package | None, binding: Package | None) -> Resolved:
    layers = [each.parameters for each in (package, binding) if each is not None]
    parameters = merged(*layers, action.parameters)
    return Resolved(action, package, binding, parameters, fixed_keys(parameters, action.annotations))


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
