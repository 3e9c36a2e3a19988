"""The entities: actions, packages, triggers, rules. Values; what may become of them is decided elsewhere.

Source: OpenWhisk's REST API. `updated` is in milliseconds since the epoch; `rev` is the revision of the
document that holds the entity, "" when it is not stored yet. Annotations are a map here and a list of
{key, value} on the wire; of a key that is there twice, the last counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

SEQUENCE: Final = "sequence"
BLACKBOX: Final = "blackbox"
FIRST_VERSION: Final = "0.0.1"

TIMEOUT_MS: Final = 60_000
MEMORY_MB: Final = 256
LOGS_MB: Final = 10


class Parameter(msgspec.Struct, frozen=True):
    """A parameter with its value, any JSON. `init`: handed to the process when it starts, not to each run."""

    key: str
    value: Any = None
    init: bool = False


class Limits(msgspec.Struct, frozen=True):
    """An action's limits: `timeout` in ms, `memory` and `logs` in MB, `concurrency` in runs a process."""

    timeout: int = TIMEOUT_MS
    memory: int = MEMORY_MB
    logs: int = LOGS_MB
    concurrency: int = 1


class Exec(msgspec.Struct, frozen=True):
    """What an action runs. Its code is kept apart, found by `digest` (SHA-256 of the code's text, hex; "" for
    a sequence). `binary`: the text is base64. `size`: of the text in bytes. `components`: "/ns/pkg/name"."""

    kind: str
    main: str = ""
    binary: bool = False
    digest: str = ""
    size: int = 0
    image: str = ""
    components: tuple[str, ...] = ()


class Package(msgspec.Struct, frozen=True):
    """A package, or a binding to one: then `binding` is (namespace, name)."""

    namespace: str
    name: str
    version: str = FIRST_VERSION
    publish: bool = False
    binding: tuple[str, str] | None = None
    parameters: tuple[Parameter, ...] = ()
    annotations: Mapping[str, Any] = {}
    updated: int = 0
    rev: str = ""


class Action(msgspec.Struct, frozen=True):
    """An action. `package` is "" for one that is in none."""

    namespace: str
    package: str
    name: str
    exec: Exec
    version: str = FIRST_VERSION
    publish: bool = False
    parameters: tuple[Parameter, ...] = ()
    limits: Limits = Limits()
    annotations: Mapping[str, Any] = {}
    updated: int = 0
    rev: str = ""

    @property
    def path(self) -> str:
        """ "ns/pkg/name" or "ns/name": the value of an activation's annotation `path`."""
        if self.package:
            return f"{self.namespace}/{self.package}/{self.name}"
        return f"{self.namespace}/{self.name}"


class Trigger(msgspec.Struct, frozen=True):
    """A trigger. Which rules it has is found from the rules."""

    namespace: str
    name: str
    version: str = FIRST_VERSION
    publish: bool = False
    parameters: tuple[Parameter, ...] = ()
    annotations: Mapping[str, Any] = {}
    updated: int = 0
    rev: str = ""


class Rule(msgspec.Struct, frozen=True):
    """`trigger` is (namespace, name); `action` is (namespace, package or "", name)."""

    namespace: str
    name: str
    trigger: tuple[str, str]
    action: tuple[str, str, str]
    active: bool = True
    version: str = FIRST_VERSION
    publish: bool = False
    annotations: Mapping[str, Any] = {}
    updated: int = 0
    rev: str = ""


Entity = Action | Package | Trigger | Rule


class Identity(msgspec.Struct, frozen=True):
    """Who asks: a subject with the right to all of one namespace. `uuid` is its key's public half."""

    subject: str
    namespace: str
    uuid: str
