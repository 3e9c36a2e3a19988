"""What an app's manifest asks for, as values: names resolved, inputs filled in, code packed.

Pure. `manifest.py` and its neighbours make them of files and environment, `diff.py` compares them with what a
namespace has (read into the same values), `apply/` makes the difference. Names are relative to the namespace:
"package/action", or "action" for the default package.
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


class Action(msgspec.Struct, frozen=True):
    """An action or a sequence. `limits`: timeout (ms), memory, logs (MB), concurrency; missing: default."""

    name: str
    exec: Exec
    parameters: dict[str, Any] = {}
    annotations: dict[str, Any] = {}
    limits: dict[str, int] = {}
    version: str = ""


class Package(msgspec.Struct, frozen=True):
    """A package, or with `binding` ("/namespace/package") a bound one."""

    name: str
    parameters: dict[str, Any] = {}
    annotations: dict[str, Any] = {}
    binding: str = ""
    publish: bool = False
    version: str = ""


class Trigger(msgspec.Struct, frozen=True):
    """A trigger. `feed` is the full name of the feed's action, whose `inputs` are its lifecycle's parameters;
    without a feed `parameters` are the trigger's own."""

    name: str
    parameters: dict[str, Any] = {}
    annotations: dict[str, Any] = {}
    feed: str = ""
    inputs: dict[str, Any] = {}


class Rule(msgspec.Struct, frozen=True):
    """Which action a trigger's events go to."""

    name: str
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
