"""A deployment file: inputs and annotations over those of the manifest, and nothing else.

Pure. It has the manifest's form. What it names and the manifest has not, and what it says besides, is told.
Source: wskdeploy's deploymentreader.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from couchgrass.deploy.manifest import Action, Input, Manifest, Package, Trigger
from couchgrass.deploy.scope import Scope

_COUNTS: Final = frozenset({"name", "line", "inputs", "annotations", "ignored"})


class Over(msgspec.Struct, frozen=True):
    """What goes over an entity's own."""

    inputs: Mapping[str, Any] = {}
    annotations: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        return f"Over({sorted(self.inputs)})"


Place = tuple[str, str, str]
"""("package", name, ""), ("action", package, name), ("trigger", name, "")."""


class Overlay:
    """All of a deployment file, and which of it was taken."""

    def __init__(self, places: Mapping[Place, tuple[int, Over]], scope: Scope) -> None:
        self._places = places
        self._scope = scope
        self._taken: set[Place] = set()

    def package(self, name: str) -> Over:
        """Over a package."""
        return self._take(("package", name, ""))

    def action(self, package: str, name: str) -> Over:
        """Over an action, by its names in the manifest."""
        return self._take(("action", package, name))

    def trigger(self, name: str, written: str) -> Over:
        """Over a trigger, by its name or by what stands for it in the manifest."""
        own = ("trigger", name, "")
        return self._take(own if own in self._places else ("trigger", written, ""))

    def tell_what_is_left(self) -> None:
        """A doubt for each entity that the manifest has not."""
        for place, (line, _) in self._places.items():
            if place not in self._taken:
                kind, *names = place
                name = "/".join(one for one in names if one)
                self._scope.doubt(line, f"the manifest has no {kind} {name}")

    def _take(self, place: Place) -> Over:
        self._taken.add(place)
        return self._places[place][1] if place in self._places else Over()


def overlay(deployed: Manifest, manifest: Manifest, scope: Scope) -> Overlay:
    """`scope` is of the deployment file. Raises ManifestRefused when it is of another project."""
    if (
        deployed.has_project_packages
        and manifest.has_project_packages
        and deployed.project != manifest.project
    ):
        raise scope.refusal(1, f"is of the project {deployed.project}, the manifest of {manifest.project}")
    places: dict[Place, tuple[int, Over]] = {}
    for package in deployed.packages:
        name = scope.text(package.name, package.line)
        if package.inputs or package.annotations or not (package.actions or package.triggers):
            places["package", name, ""] = package.line, _over(package, scope)
        for action in package.actions:
            places["action", name, action.name] = action.line, _over(action, scope)
        for trigger in package.triggers:
            places["trigger", scope.text(trigger.name, trigger.line), ""] = (
                trigger.line,
                _over(trigger, scope),
            )
        _tell(package, {*_COUNTS, "actions", "triggers"}, scope)
    return Overlay(places, scope)


def _over(entity: Package | Action | Trigger, scope: Scope) -> Over:
    if not isinstance(entity, Package):
        _tell(entity, _COUNTS, scope)
    return Over(
        {one.name: value for one, value in _values(entity.inputs, scope)},
        scope.annotations(entity.annotations, entity.line),
    )


def _values(given: Iterable[Input], scope: Scope) -> Iterable[tuple[Input, Any]]:
    for one in given:
        value = one.default if one.is_declared and one.value is None else one.value
        if value is not None:
            yield one, scope.deep(value, one.line)


def _tell(entity: Package | Action | Trigger, counts: Iterable[str], scope: Scope) -> None:
    for field in msgspec.structs.fields(entity):
        if field.name not in counts and getattr(entity, field.name) != _default(field):
            key = {"endpoints": "apis", "web_export": "web-export"}.get(field.name, field.name)
            scope.warn(entity.line, f"{entity.name}: {key} has no effect in a deployment file")


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default_factory() if field.default is msgspec.NODEFAULT else field.default
