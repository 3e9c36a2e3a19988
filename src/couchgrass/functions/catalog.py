"""All entities of a region, by name and in lists. Values in memory; nothing here waits.

A name that another kind of entity has is a Conflict, as upstream.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from couchgrass.errors import Conflict, NotFound
from couchgrass.functions.documents import entity_id
from couchgrass.functions.entity import Action, Entity, Package, Rule, Trigger

NOT_THERE: Final = "The requested resource does not exist."
ANOTHER_KIND: Final = "Resource by this name exists but is not in this collection."

E = TypeVar("E", Action, Package, Trigger, Rule)


class Catalog:
    """Each entity is there once, under its document's id."""

    def __init__(self) -> None:
        self._all: dict[str, Entity] = {}
        self._lists: dict[tuple[type[Entity], str], dict[str, Entity]] = {}
        self._rules: dict[tuple[str, str], dict[str, Rule]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Entity]:
        return iter(list(self._all.values()))

    def get(self, id: str) -> Entity | None:
        """The entity with this document id."""
        return self._all.get(id)

    def put(self, entity: Entity) -> None:
        """It takes the place of the one with its name."""
        id = entity_id(entity)
        self.remove(id)
        self._all[id] = entity
        self._lists.setdefault((type(entity), entity.namespace), {})[id] = entity
        if isinstance(entity, Rule):
            self._rules.setdefault(entity.trigger, {})[id] = entity

    def remove(self, id: str) -> None:
        """Nothing happens when it is not there."""
        was = self._all.pop(id, None)
        if was is None:
            return
        listed = self._lists[type(was), was.namespace]
        del listed[id]
        if not listed:
            del self._lists[type(was), was.namespace]
        if isinstance(was, Rule):
            del self._rules[was.trigger][id]
            if not self._rules[was.trigger]:
                del self._rules[was.trigger]

    def action(self, namespace: str, package: str, name: str) -> Action:
        """Raises NotFound, Conflict. `package` "" for an action in none. Bindings are not followed."""
        return self._found(Action, f"{namespace}/{package}/{name}" if package else f"{namespace}/{name}")

    def package(self, namespace: str, name: str) -> Package:
        """Raises NotFound, Conflict."""
        return self._found(Package, f"{namespace}/{name}")

    def trigger(self, namespace: str, name: str) -> Trigger:
        """Raises NotFound, Conflict."""
        return self._found(Trigger, f"{namespace}/{name}")

    def rule(self, namespace: str, name: str) -> Rule:
        """Raises NotFound, Conflict."""
        return self._found(Rule, f"{namespace}/{name}")

    def actions(self, namespace: str, package: str | None = None) -> list[Action]:
        """Newest first. `package` "" for those in none, None for all."""
        found = self._listed(Action, namespace)
        return found if package is None else [one for one in found if one.package == package]

    def packages(self, namespace: str) -> list[Package]:
        """Newest first, bindings too."""
        return self._listed(Package, namespace)

    def triggers(self, namespace: str) -> list[Trigger]:
        """Newest first."""
        return self._listed(Trigger, namespace)

    def rules(self, namespace: str) -> list[Rule]:
        """Newest first."""
        return self._listed(Rule, namespace)

    def rules_of(self, namespace: str, trigger: str) -> list[Rule]:
        """The rules of a trigger, active or not, in the order of their names."""
        found = self._rules.get((namespace, trigger), {})
        return [found[id] for id in sorted(found)]

    def _found(self, kind: type[E], id: str) -> E:
        entity = self._all.get(id)
        if entity is None:
            raise NotFound(NOT_THERE)
        if not isinstance(entity, kind):
            raise Conflict(ANOTHER_KIND)
        return entity

    def _listed(self, kind: type[E], namespace: str) -> list[E]:
        listed: Iterable[Entity] = self._lists.get((kind, namespace), {}).values()
        found = [entity for entity in listed if isinstance(entity, kind)]
        return sorted(found, key=lambda entity: (-entity.updated, entity.name))
