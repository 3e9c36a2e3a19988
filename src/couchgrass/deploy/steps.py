"""A plan: what is done to a namespace so that it has what an app asks for, step by step, and why.

Pure. A step is about one entity and knows all that its request needs, and what was there before.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from couchgrass.errors import BadRequest

Entity = Mapping[str, Any]


class Kind(StrEnum):
    """What a step is about, in the order in which they are made."""

    PACKAGE = "package"
    BINDING = "binding"
    ACTION = "action"
    SEQUENCE = "sequence"
    TRIGGER = "trigger"
    FEED = "feed"
    RULE = "rule"
    API = "API"
    PAGES = "pages"


class Change(StrEnum):
    """What a step does. `left`: it is the app's and left the manifest, but nobody said to delete it."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    UNCHANGED = "unchanged"
    LEFT = "left"


COLLECTIONS: Mapping[Kind, str] = {
    Kind.PACKAGE: "packages",
    Kind.BINDING: "packages",
    Kind.ACTION: "actions",
    Kind.SEQUENCE: "actions",
    Kind.TRIGGER: "triggers",
    Kind.RULE: "rules",
}
"""The collection of OpenWhisk's API that a kind is in; feeds, APIs and pages are in none."""


class Step(msgspec.Struct, frozen=True):
    """`why` says in words what differs, without values that may be secret. `body` is what is sent: of an
    entity its PUT, of a feed {"feed", "inputs"}, of an API its document, of pages the document of their site.
    `before` is the entity that there was, as the host tells it, with the parameters that are its own; of a
    feed what its READ says."""

    kind: Kind
    change: Change
    name: str
    why: tuple[str, ...] = ()
    body: Entity = {}
    before: Entity | None = None

    def __repr__(self) -> str:
        return f"Step({self.change} {self.kind} {self.name!r}: {', '.join(self.why)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("change", self.change), ("kind", self.kind), ("name", self.name)]


class Plan(msgspec.Struct, frozen=True):
    """All steps in their order, those that do nothing among them."""

    steps: tuple[Step, ...] = ()

    @property
    def writes(self) -> tuple[Step, ...]:
        """Those that do something."""
        quiet = (Change.UNCHANGED, Change.LEFT)
        return tuple(step for step in self.steps if step.change not in quiet)

    @property
    def left(self) -> tuple[Step, ...]:
        """Those about what left the manifest and stays."""
        return tuple(step for step in self.steps if step.change is Change.LEFT)


class PlanRefused(BadRequest):
    """What is wanted can't be made of what is there."""


class Present(msgspec.Struct, frozen=True):
    """What a namespace has, by name. Entities are as the host tells them, but for `parameters`, which are
    those that are the entity's own, and `exec`, which has code only where somebody asked for it. `feeds`:
    what READ said, by trigger; None where the feed knows no such trigger, {} where it can't tell. `apis` are
    documents by base path, `urls` where they are served."""

    namespace: str
    packages: Mapping[str, Entity] = {}
    actions: Mapping[str, Entity] = {}
    triggers: Mapping[str, Entity] = {}
    rules: Mapping[str, Entity] = {}
    feeds: Mapping[str, Entity | None] = {}
    apis: Mapping[str, dict[str, Any]] = {}
    urls: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"Present({self.namespace!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("namespace", self.namespace)]
