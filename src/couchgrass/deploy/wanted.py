"""What an app's manifest asks for, as values: names resolved, inputs filled in, code packed.

Pure. `manifest.py` and its neighbours make them of files and environment, `diff.py` compares them with what a
namespace has (read into the same values), `apply/` makes the difference. Names are relative to the namespace:
"package/action", or "action" for the default package.

Parameters, inputs and annotations may be passwords: no `repr` shows them.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Exec(msgspec.Struct, frozen=True):
    """An action's code. `code` is text, or base64 of a zip when `binary`; `image` is that of `blackbox`;
    `components` are of a sequence, as "/_/package/action" or "/namespace/package/action". `digest` tells
    whether two are equal without their code: a hash of all of it."""

    kind: str
    code: str = ""
    binary: bool = False
    main: str = ""
    image: str = ""
    components: tuple[str, ...] = ()
    digest: str = ""

    def __repr__(self) -> str:
        return f"Exec({self.kind!r}, {self.digest[:12]!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("kind", self.kind), ("digest", self.digest[:12])]


class _Named(msgspec.Struct, frozen=True):
    """Something with a name, which is all that is shown of it."""

    name: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("name", self.name)]


class Action(_Named, frozen=True):
    """An action or a sequence. `limits`: timeout (ms), memory, logs (MB), concurrency; missing: default."""

    exec: Exec
    parameters: dict[str, Any] = {}
    annotations: dict[str, Any] = {}
    limits: dict[str, int] = {}
    version: str = ""


class Package(_Named, frozen=True):
    """A package, or with `binding` ("/namespace/package") a bound one."""

    parameters: dict[str, Any] = {}
    annotations: dict[str, Any] = {}
    binding: str = ""
    publish: bool = False
    version: str = ""


class Trigger(_Named, frozen=True):
    """A trigger. `feed` is the full name of the feed's action, whose `inputs` are its lifecycle's parameters;
    without a feed `parameters` are the trigger's own."""

    parameters: dict[str, Any] = {}
    annotations: dict[str, Any] = {}
    feed: str = ""
    inputs: dict[str, Any] = {}


class Rule(_Named, frozen=True):
    """Which action a trigger's events go to."""

    trigger: str
    action: str
    annotations: dict[str, Any] = {}


class Route(msgspec.Struct, frozen=True):
    """One operation of an API: `verb` in upper case, `base` and `path` with their leading slash, `action` as
    in `Action.name`, `response` is http, json, text, html or svg."""

    api: str
    base: str
    path: str
    verb: str
    action: str
    response: str = "json"


class App(msgspec.Struct, frozen=True):
    """All of an app. Order is the manifest's. `swaggers` are whole APIs, given as OpenAPI 2 documents;
    `project` is the manifest's project name, "" without one."""

    packages: tuple[Package, ...] = ()
    actions: tuple[Action, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    rules: tuple[Rule, ...] = ()
    routes: tuple[Route, ...] = ()
    swaggers: tuple[dict[str, Any], ...] = ()
    project: str = ""
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        names = [one.name for one in (*self.packages, *self.actions, *self.triggers, *self.rules)]
        return f"App({self.project!r}, {names})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("project", self.project)]
