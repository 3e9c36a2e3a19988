"""The packages of whisk.system: in every region, public, in no database, changed with a new version only.

Pure: what is in them, as values; the code comes in as text. The actions run as anybody's actions do, but the
feeds of alarms and changes, which are answered by this process itself (`is_native`). Source: OpenWhisk's
catalog, alarms and Cloudant packages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from couchgrass.functions.entity import Action, Exec, Limits, Package, Parameter
from couchgrass.functions.parameters import PROVIDE_API_KEY

NAMESPACE: Final = "whisk.system"
KIND: Final = "python:3"
VERSION: Final = "1.0.0"

MODULES: Final = {
    "utils": "couchgrass.functions.system.utils",
    "samples": "couchgrass.functions.system.samples",
    "cloudant": "couchgrass.functions.system.cloudant",
}
"""Package to the module whose text is its actions' code."""

FEEDS: Final = {"alarms": ("alarm", "interval", "once"), "cloudant": ("changes",)}

_UTILS: Final = {
    "echo": "Returns the input",
    "cat": "Concatenates input into a string",
    "sort": "Sorts an array",
    "head": "Extract prefix of an array",
    "split": "Split a string into an array",
    "smash": "Nests all properties under given property.",
    "date": "Current date and time",
    "namespace": "Returns namespace for the authorization key used to invoke this action",
    "hosturl": "Returns the URL to activate an action or trigger",
}
_SAMPLES: Final = {
    "greeting": "Returns a friendly greeting",
    "helloWorld": "Demonstrates logging facilities",
    "wordCount": "Count words in a string",
    "curl": "Curl a host url",
}
_CLOUDANT: Final = {
    "read": "Read document from database",
    "write": "Write document in database",
    "read-document": "Read document from database",
    "create-document": "Create document in database",
    "update-document": "Update document in database",
    "delete-document": "Delete document from database",
    "list-documents": "List all docs from database",
    "list-design-documents": "List design documents from database",
    "manage-bulk-documents": "Create, Update, and Delete documents in bulk",
    "exec-query-find": "Execute query against Cloudant Query index",
    "exec-query-view": "Call view in design document from database",
    "create-query-index": "Create a Cloudant Query index into database",
    "list-query-indexes": "List Cloudant Query indexes from database",
    "read-changes-feed": "Read Cloudant database changes feed (non-continuous)",
    "read-database": "Read Cloudant database",
    "create-database": "Create Cloudant database",
    "delete-database": "Delete Cloudant database",
    "list-all-databases": "List all Cloudant databases",
}
_FEED_TEXTS: Final = {
    "alarm": "Fire trigger when alarm occurs",
    "interval": "Fire trigger at specified interval",
    "once": "Fire trigger once when alarm occurs",
    "changes": "Database change feed",
}
_TAKES: Final = {
    "utils/cat": "lines!",
    "utils/head": "lines! num",
    "utils/smash": "$fieldName!",
    "utils/sort": "lines!",
    "utils/split": "payload! separator",
    "utils/hosturl": "ext path trigger web",
    "samples/curl": "payload!",
    "samples/greeting": "name place",
    "samples/helloWorld": "payload!",
    "samples/wordCount": "payload!",
    "alarms/alarm": "cron! maxTriggers startDate stopDate timezone trigger_payload",
    "alarms/interval": "minutes! startDate stopDate trigger_payload",
    "alarms/once": "date! deleteAfterFire trigger_payload",
    "cloudant/changes": "dbname! filter query_params",
    "cloudant/create-document": "dbname! doc! params",
    "cloudant/delete-document": "dbname! docid! docrev!",
    "cloudant/exec-query-find": "dbname! query!",
    "cloudant/exec-query-view": "dbname! docid! viewname! params",
    "cloudant/list-documents": "dbname! params",
    "cloudant/read": "dbname! id! params",
    "cloudant/read-document": "dbname! docid! params",
    "cloudant/update-document": "dbname! doc! params",
    "cloudant/write": "dbname! doc! overwrite",
}
"""What actions take, for `wsk package get --summary`; with ! what they need."""


class SystemPackages(msgspec.Struct, frozen=True):
    """`code` is by its digest."""

    packages: tuple[Package, ...]
    actions: tuple[Action, ...]
    code: Mapping[str, bytes]


def is_native(action: Action) -> bool:
    """Is it one that this process answers itself?"""
    return action.namespace == NAMESPACE and action.name in FEEDS.get(action.package, ())


def system_packages(texts: Mapping[str, bytes]) -> SystemPackages:
    """All of it. `texts`: the source texts of MODULES, by package."""
    empty = _parameters("host", "username", "password", "dbname")
    packages = (
        _package("utils", "Building blocks that format and assemble data"),
        _package("samples", "A suite of simple actions to help you get started with OpenWhisk"),
        _package("alarms", "Alarms and periodic utility", _parameters("trigger_payload")),
        _package("cloudant", "Cloudant database service", empty),
    )
    actions: list[Action] = []
    for package, named in (("utils", _UTILS), ("samples", _SAMPLES), ("cloudant", _CLOUDANT)):
        actions += [_action(package, name, text, texts[package]) for name, text in named.items()]
    for package, names in FEEDS.items():
        actions += [_action(package, name, _FEED_TEXTS[name], b"", feed=True) for name in names]
    code = {_digest(text): text for text in (*texts.values(), b"")}
    return SystemPackages(packages, tuple(actions), code)


def _parameters(*names: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, "") for name in names)


def _package(name: str, text: str, parameters: Sequence[Parameter] = ()) -> Package:
    return Package(
        NAMESPACE,
        name,
        version=VERSION,
        publish=True,
        parameters=tuple(parameters),
        annotations={"description": text},
    )


def _action(package: str, name: str, text: str, code: bytes, *, feed: bool = False) -> Action:
    annotations: dict[str, Any] = {"description": text, "exec": KIND, PROVIDE_API_KEY: False}
    if takes := _TAKES.get(f"{package}/{name}"):
        annotations["parameters"] = [
            {"name": one.removesuffix("!"), "required": one.endswith("!")} for one in takes.split()
        ]
    if feed:
        annotations["feed"] = True
    main = "" if feed else name.replace("-", "_")
    return Action(
        NAMESPACE,
        package,
        name,
        Exec(KIND, main=main, digest=_digest(code), size=len(code)),
        version=VERSION,
        publish=True,
        limits=Limits(),
        annotations=annotations,
    )


def _digest(code: bytes) -> str:
    return hashlib.sha256(code).hexdigest()
