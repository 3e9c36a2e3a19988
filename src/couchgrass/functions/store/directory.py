"""All that can be named in a region: its entities, and in front of them the packages of whisk.system.

The latter come with the program; nothing of that namespace is read from the database or written to it.
"""

from __future__ import annotations

from typing import TypeVar

from couchgrass.errors import Forbidden, NotFound
from couchgrass.functions.catalog import NOT_THERE, Catalog
from couchgrass.functions.entity import Action, Entity, Package, Rule, Trigger
from couchgrass.functions.runtimes.cell import Code
from couchgrass.functions.store.entities import Entities
from couchgrass.functions.system_packages import NAMESPACE, SystemPackages

E = TypeVar("E", Action, Package, Trigger, Rule)


class Directory:
    """Reads as `Entities` does, without waiting. Raises as it does."""

    def __init__(self, entities: Entities, system: SystemPackages) -> None:
        self._entities = entities
        self._code = system.code
        self._system = Catalog()
        for package in system.packages:
            self._system.put(package)
        for action in system.actions:
            self._system.put(action)

    def _of(self, namespace: str) -> Catalog | Entities:
        return self._system if namespace == NAMESPACE else self._entities

    def action(self, namespace: str, package: str, name: str) -> Action:
        """`package` "" for an action in none. Bindings are not followed."""
        return self._of(namespace).action(namespace, package, name)

    def package(self, namespace: str, name: str) -> Package:
        """A package or a binding."""
        return self._of(namespace).package(namespace, name)

    def trigger(self, namespace: str, name: str) -> Trigger:
        """A trigger."""
        return self._of(namespace).trigger(namespace, name)

    def rule(self, namespace: str, name: str) -> Rule:
        """A rule."""
        return self._of(namespace).rule(namespace, name)

    def actions(self, namespace: str, package: str | None = None) -> list[Action]:
        """Newest first. `package` "" for those in none, None for all."""
        return self._of(namespace).actions(namespace, package)

    def packages(self, namespace: str) -> list[Package]:
        """Newest first, bindings too."""
        return self._of(namespace).packages(namespace)

    def triggers(self, namespace: str) -> list[Trigger]:
        """Newest first."""
        return self._of(namespace).triggers(namespace)

    def rules(self, namespace: str) -> list[Rule]:
        """Newest first."""
        return self._of(namespace).rules(namespace)

    def rules_of(self, namespace: str, trigger: str) -> list[Rule]:
        """The rules of a trigger, active or not."""
        return self._of(namespace).rules_of(namespace, trigger)

    async def code(self, action: Action) -> Code:
        """Raises NotFound, ServiceUnavailable."""
        if action.namespace != NAMESPACE:
            return await self._entities.code(action)
        exec, text = action.exec, self._code.get(action.exec.digest)
        if text is None:
            raise NotFound(NOT_THERE)
        return Code(action.name, exec.main or "main", text, exec.binary, exec.digest)

    async def put(self, entity: E, code: bytes | None = None) -> E:
        """Raises as `Entities.put` does, and Forbidden in whisk.system."""
        _refuse_system(entity)
        return await self._entities.put(entity, code)

    async def delete(self, entity: Entity) -> None:
        """Raises as `Entities.delete` does, and Forbidden in whisk.system."""
        _refuse_system(entity)
        await self._entities.delete(entity)


def _refuse_system(entity: Entity) -> None:
    if entity.namespace == NAMESPACE:
        raise Forbidden(f"Nothing can be changed in {NAMESPACE}.")
