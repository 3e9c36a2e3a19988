"""What a namespace has now, as far as a plan needs it.

Lists are read whole; single entities only where the app asks for them or they have its mark. Code is fetched
only where neither version nor time tell that it is the one that was deployed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from couchgrass.deploy.bodies import BINDING, FEED
from couchgrass.deploy.mark import annotations_of, is_certain, mark_of, own_parameters
from couchgrass.deploy.steps import Present
from couchgrass.deploy.wanted import App
from couchgrass.errors import Forbidden, NotFound
from couchgrass.whisk.host import Refused
from couchgrass.whisk.namespace import Namespace, is_missing

Row = dict[str, Any]


async def read_present(namespace: Namespace, wanted: App, app: str) -> Present:
    """Raises what the host refuses, and PeerLost."""
    package_rows, action_rows, trigger_rows, rule_rows, apis = await asyncio.gather(
        namespace.rows("packages"),
        namespace.rows("actions"),
        namespace.rows("triggers"),
        namespace.rows("rules"),
        namespace.apis(),
    )
    named = {row["name"]: row for row in package_rows}
    inside = {_action_name(row): row for row in action_rows}
    packages = await _each(
        named,
        {*(one.name for one in wanted.packages), *(name.partition("/")[0] for name in inside if "/" in name)},
        app,
        lambda name: _package(namespace, named[name]),
    )
    actions = await _each(
        inside,
        {one.name for one in wanted.actions},
        app,
        lambda name: _action(namespace, name, packages.get(name.partition("/")[0] if "/" in name else "")),
    )
    triggers = await _each(
        {row["name"]: row for row in trigger_rows},
        {one.name for one in wanted.triggers},
        app,
        lambda name: namespace.get("triggers", name),
    )
    rules = await _each(
        {row["name"]: row for row in rule_rows},
        {one.name for one in wanted.rules},
        app,
        lambda name: namespace.get("rules", name),
    )
    return Present(
        namespace=namespace.name,
        packages=packages,
        actions=actions,
        triggers=triggers,
        rules=rules,
        feeds=await _feeds(namespace, triggers.values()),
        apis={api["apidoc"]["basePath"]: api["apidoc"] for api in apis if "basePath" in api["apidoc"]},
        urls={api["apidoc"]["basePath"]: api["gwApiUrl"] for api in apis if "basePath" in api["apidoc"]},
    )


async def with_code(namespace: Namespace, name: str, action: Row) -> Row:
    """The action with its code, so that it can be put back."""
    found = await namespace.get("actions", name)
    exec = dict(found.get("exec", {}))
    if "components" not in exec:
        exec.setdefault("code", "")
    return {**action, "exec": exec}


async def _each(
    rows: dict[str, Row], asked: Iterable[str], app: str, read: Callable[[str], Awaitable[Row]]
) -> dict[str, Row]:
    """All rows; those that are asked for or are the app's, read whole. One that went meanwhile is not
    there."""
    asked = set(asked)
    whole = [name for name, row in rows.items() if name in asked or mark_of(row).app == app]

    async def found(name: str) -> Row | None:
        try:
            return await read(name)
        except NotFound:
            return None

    read_ones = dict(zip(whole, await asyncio.gather(*map(found, whole)), strict=True))
    merged = {name: read_ones.get(name, row) for name, row in rows.items()}
    return {name: row for name, row in merged.items() if row is not None}


async def _package(namespace: Namespace, row: Row) -> Row:
    """A binding is told as the package behind it, with its parameters: its own are found by comparing."""
    found = await namespace.get("packages", row["name"])
    bound = row.get(BINDING) or {}
    if not bound:
        return {**found, BINDING: {}}
    try:
        provider = await namespace.package_of(bound["namespace"], bound["name"])
    except (NotFound, Forbidden):
        provider = {}
    own = own_parameters(found.get("parameters", ()), provider.get("parameters", ()), mark_of(row).own)
    return {**row, "parameters": own}


async def _action(namespace: Namespace, name: str, package: Row | None) -> Row:
    found = await namespace.get("actions", name, code="false")
    inherited = () if package is None else package.get("parameters", ())
    own = own_parameters(found.get("parameters", ()), inherited, mark_of(found).own)
    action = {**found, "parameters": own}
    return action if is_certain(action) else await with_code(namespace, name, action)


async def _feeds(namespace: Namespace, triggers: Iterable[Row]) -> dict[str, Row | None]:
    """What feeds say of the triggers that were read whole."""

    async def read(trigger: Row, feed: str) -> Row | None:
        try:
            return await namespace.feed(feed, "READ", trigger["name"], {})
        except NotFound:
            return None
        except Refused as refused:
            # Not every feed knows READ: nobody can tell then.
            return None if is_missing(refused) else {}

    fed = [
        (one, str(feed))
        for one in triggers
        if (feed := annotations_of(one).get(FEED)) and "parameters" in one
    ]
    answers = await asyncio.gather(*(read(one, feed) for one, feed in fed))
    return {one["name"]: answer for (one, _), answer in zip(fed, answers, strict=True)}


def _action_name(row: Row) -> str:
    _, _, package = str(row["namespace"]).partition("/")
    return f"{package}/{row['name']}" if package else str(row["name"])
