"""The values of inputs: of packages, actions, triggers and bindings.

Pure. Precedence: what the user gave, the deployment file, the manifest. A bare type name as a value stands
for that type's zero value, as does a type without a value. Source: wskdeploy's parameters.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.deploy import interpolate
from couchgrass.deploy.manifest import Input
from couchgrass.deploy.scope import Scope
from couchgrass.errors import BadRequest

ZEROS: Final[Mapping[str, Any]] = {"string": "", "integer": 0, "float": 0.0, "boolean": False, "json": {}}
"""By type. `slice` has none: such an input is left out."""


class Value(msgspec.Struct, frozen=True):
    """An input's value as one file gives it. `is_given`: it is not just its type's zero. `unset`: the
    variables in it that the environment has not. `alone`: the one variable that is all of it, or ""."""

    value: Any
    type: str
    is_given: bool
    unset: tuple[str, ...] = ()
    alone: str = ""

    def __repr__(self) -> str:
        return f"Value({self.type!r}, is_given={self.is_given})"

    @property
    def is_empty(self) -> bool:
        """Would wskdeploy look elsewhere for it?"""
        return not self.is_given or (self.type == "string" and self.value == "")


def declared(one: Input, scope: Scope) -> Value:
    """The value that a manifest declares. Raises ManifestRefused."""
    if one.odd_key:
        scope.doubt(one.line, f"{one.name}: taken as JSON, since {one.odd_key} is no key of a declaration")
    value: Any = one.value
    type = one.type
    if one.is_declared:
        value = one.default if value is None else value
        type = type or type_of(value)
        if value is not None and not _fits(value, type):
            scope.doubt(one.line, f"{one.name}: is declared as {type} and its value is not")
    else:
        type = type_of(value)
        if isinstance(value, str) and value in ZEROS:
            type, value = value, None
    if value is None:
        return Value(ZEROS.get(type), type, is_given=False)
    return _filled(one, value, type, scope)


def _filled(one: Input, value: Any, type: str, scope: Scope) -> Value:
    """The variables that are not set are told by those who know of no other source."""
    if type == "string" and isinstance(value, str):
        found = interpolate.interpolate(value, scope.env)
        alone = interpolate.variable(value)
        return Value(found.text, type, is_given=True, unset=found.unset, alone=alone)
    if type == "json" and isinstance(value, str):
        try:
            return Value(json.decode(value), type, is_given=True)
        except BadRequest:
            raise scope.refusal(
                one.line, f"{one.name}: is declared as json and its text is no JSON"
            ) from None
    if type == "json" and isinstance(value, dict):
        filled, unset = interpolate.deep(value, scope.env)
        return Value(filled, type, is_given=True, unset=unset)
    return Value(value, type, is_given=True)


def type_of(value: Any) -> str:
    """The type that a value has by itself."""
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "float"
        case dict():
            return "json"
        case list():
            return "slice"
        case _:
            return "string"


def _fits(value: Any, type: str) -> bool:
    own = type_of(value)
    return own == type or (type, own) in {("float", "integer"), ("json", "slice"), ("json", "string")}


def project_values(given: Iterable[Input], scope: Scope) -> dict[str, Any]:
    """Of a project: only looked up by its packages, so what is missing is told there."""
    found: dict[str, Any] = {}
    for one in given:
        value = declared(one, scope)
        found[one.name] = scope.param(one.name) if one.name in scope.params else value.value
    return found


def package_values(
    given: Iterable[Input], project: Mapping[str, Any], above: Mapping[str, Any], scope: Scope
) -> dict[str, Any]:
    """A package's own inputs. One without a value is looked up as a variable by its own name, then, when it
    is one variable, as an input of the project. `above`: those of the deployment file."""

    def look(one: Input, value: Value) -> Any:
        if scope.env.get(one.name):
            return scope.env[one.name]
        return project.get(value.alone)

    return _values(given, above, look, scope)


def values(
    given: Iterable[Input], package: Mapping[str, Any], above: Mapping[str, Any], scope: Scope
) -> dict[str, Any]:
    """The inputs of an action, trigger or binding. One that is one variable which the environment has not
    is looked up in the package's and project's inputs, `package`."""
    return _values(given, above, lambda _, value: package.get(value.alone), scope)


def _values(given: Iterable[Input], above: Mapping[str, Any], look: Any, scope: Scope) -> dict[str, Any]:
    found: dict[str, Any] = {}
    missing: list[Input] = []
    for one in given:
        if one.name in scope.params:
            found[one.name] = scope.param(one.name)
        elif one.name in above:
            found[one.name] = above[one.name]
        else:
            value = declared(one, scope)
            other = look(one, value) if value.is_empty else None
            if other is None:
                scope.not_set(value.unset, one.line)
            found[one.name] = value.value if other is None else other
            if one.required and (found[one.name] in ("", None) or (not value.is_given and other is None)):
                missing.append(one)
    if missing:
        listed = ", ".join(one.name for one in missing)
        raise scope.refusal(missing[0].line, f"inputs that are required have no value: {listed}")
    for name, value in above.items():
        if name not in found:
            found[name] = scope.param(name) if name in scope.params else value
    return {name: value for name, value in found.items() if value is not None}
