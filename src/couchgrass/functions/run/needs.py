"""What invocations need of the parts around them, no more: entities, processes, records, feeds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from couchgrass.functions.activation import Activation
from couchgrass.functions.entity import Action, Entity, Identity, Package, Rule, Trigger
from couchgrass.functions.run.invoker import Job


class Lookup(Protocol):
    """The entities, from memory. Each look-up raises NotFound."""

    def action(self, namespace: str, package: str, name: str) -> Action: ...

    def package(self, namespace: str, name: str) -> Package: ...

    def trigger(self, namespace: str, name: str) -> Trigger: ...

    def rules_of(self, namespace: str, trigger: str) -> list[Rule]:
        """All rules of a trigger, active or not."""
        ...

    async def delete(self, entity: Entity) -> None: ...


class Runner(Protocol):
    """Runs one action in one process."""

    async def run(self, job: Job) -> Activation:
        """Its record, written. Raises ServiceUnavailable when too many wait."""
        ...


class Records(Protocol):
    """Where records are kept."""

    def begin(self, activation: Activation, *, durable: bool = False) -> None: ...

    def put(self, activation: Activation) -> None: ...


Accounts = Callable[[Mapping[str, Any]], tuple[str, ...]]
"""What `Runtimes.cell` is told of the Cloudant accounts that an action's own parameters name."""

Native = Callable[[Identity, str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""Answers a feed of whisk.system: (who asks, the feed's name, parameters) to a result. Raises the family's
errors, whose reason becomes the result's `error`."""
