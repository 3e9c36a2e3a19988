"""A sequence's components: they exist, they are not too many, and none leads back to the sequence.

Source: OpenWhisk's ``checkSequenceActionLimits``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from couchgrass.errors import BadRequest, Conflict, NotFound
from couchgrass.functions.entity import SEQUENCE, Action
from couchgrass.functions.names import FullName, parse_full_name

Lookup = Callable[[FullName], Action]
"""The action behind a name, through a binding. Raises NotFound, or Forbidden for somebody else's."""

TOO_MANY: Final = "Too many actions in the sequence."
CYCLIC: Final = "Sequence may not refer to itself."


def check_components(sequence: FullName, components: Sequence[str], lookup: Lookup, *, most: int) -> None:
    """Raises BadRequest in OpenWhisk's words, and what `lookup` raises but NotFound.

    `most` bounds the actions, those in sequences counted, and how deep sequences lie in one another.
    """
    if not components:
        raise BadRequest("No component specified for the sequence.")
    _Walk(sequence, lookup, most).count(components, 0)


class _Walk:
    """Counts each sequence once, however often it is named: sequences of sequences grow fast."""

    def __init__(self, sequence: FullName, lookup: Lookup, most: int) -> None:
        self._sequence = sequence
        self._lookup = lookup
        self._most = most
        self._counts: dict[str, int] = {}
        self._above = {str(sequence)}

    def count(self, components: Sequence[str], depth: int) -> int:
        if len(components) > self._most or depth > self._most:
            raise BadRequest(TOO_MANY)
        total = 0
        for component in components:
            total += self._atoms(component, depth)
            if total > self._most:
                raise BadRequest(TOO_MANY)
        return total

    def _atoms(self, component: str, depth: int) -> int:
        name = parse_full_name(component, self._sequence.namespace)
        if name == self._sequence:
            raise BadRequest(CYCLIC)  # it may not be there yet
        try:
            action = self._lookup(name)
        except (NotFound, Conflict) as missing:
            raise BadRequest("Sequence component does not exist.") from missing
        path = f"/{action.path}"
        if path in self._above:
            raise BadRequest(CYCLIC)
        if action.exec.kind != SEQUENCE:
            return 1
        if path not in self._counts:
            self._above.add(path)
            self._counts[path] = self.count(action.exec.components, depth + 1)
            self._above.discard(path)
        return self._counts[path]
