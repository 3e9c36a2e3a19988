"""Actions by name, for somebody: through bindings, and only those that they may read and invoke."""

from __future__ import annotations

from collections.abc import Callable

from couchgrass.functions.entity import Action, Identity
from couchgrass.functions.names import FullName
from couchgrass.functions.rights import check_action
from couchgrass.functions.run.controller import Controller
from couchgrass.functions.run.resolve import Resolved
from couchgrass.functions.store.directory import Directory


class Lookup:
    """Finds actions."""

    def __init__(self, directory: Directory, controller: Controller) -> None:
        self._directory = directory
        self._controller = controller

    def resolved(self, identity: Identity, name: FullName) -> Resolved:
        """The action with what it inherits. Raises NotFound, Forbidden, Conflict."""
        check_action(identity, name.namespace, name.package, name.name, self._directory.package)
        return self._controller.resolve(name.namespace, name.package, name.name)

    def action_for(self, identity: Identity) -> Callable[[FullName], Action]:
        """The same as a function, for the rules that look up names in bodies."""
        return lambda name: self.resolved(identity, name).action
