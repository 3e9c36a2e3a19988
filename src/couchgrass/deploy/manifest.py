"""A manifest or deployment file as values: what is declared, before anything is filled in.

Pure. Strict, as wskdeploy is: a key that it does not know is refused, with the line and the key that may have
been meant. Keys and texts are taken as they are written, so `version: 1.0` is "1.0" and the key `on` is "on".
Source: the structs of wskdeploy's yamlparser.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from couchgrass.deploy import yamltree
from couchgrass.deploy.refused import ManifestRefused, meant
from couchgrass.deploy.yamltree import Items, Member, Node, Scalar, Table

T = TypeVar("T")


class Text(msgspec.Struct, frozen=True):
    """A text and its line; "" and 0 when it is not given."""

    text: str = ""
    line: int = 0

    def __bool__(self) -> bool:
        return bool(self.text)


class Input(msgspec.Struct, frozen=True):
    """One of `inputs`. `is_declared`: written as {type, value, …}, not as the value alone. `value` and
    `default` None: not given."""

    name: str
    line: int
    value: Any = None
    is_declared: bool = False
    type: str = ""
    default: Any = None
    required: bool = False
    odd_key: str = ""
    """The key that keeps what looks like a declaration from being one."""

    def __repr__(self) -> str:
        return f"Input({self.name!r}, line {self.line})"


class Limit(msgspec.Struct, frozen=True):
    """One of `limits`, by wskdeploy's name."""

    name: str
    value: int
    line: int


class Action(msgspec.Struct, frozen=True):
    """An action as declared. `include` and `exclude` have their lines."""

    name: str
    line: int
    function: Text = Text()
    location: Text = Text()
    code: Text = Text()
    runtime: Text = Text()
    main: Text = Text()
    docker: Text = Text()
    native: bool = False
    conductor: bool = False
    web: Text = Text()
    web_export: Text = Text()
    version: Text = Text()
    limits: tuple[Limit, ...] = ()
    inputs: tuple[Input, ...] = ()
    annotations: Mapping[str, Any] = {}
    include: tuple[tuple[int, tuple[str, ...]], ...] = ()
    exclude: tuple[Text, ...] = ()
    ignored: tuple[Text, ...] = ()


class Sequence(msgspec.Struct, frozen=True):
    """A sequence as declared; `actions` are separated by commas."""

    name: str
    line: int
    actions: Text = Text()
    web: Text = Text()
    annotations: Mapping[str, Any] = {}


class Trigger(msgspec.Struct, frozen=True):
    """A trigger as declared. `source` is the old name of `feed`."""

    name: str
    line: int
    feed: Text = Text()
    source: Text = Text()
    inputs: tuple[Input, ...] = ()
    annotations: Mapping[str, Any] = {}
    ignored: tuple[Text, ...] = ()


class Rule(msgspec.Struct, frozen=True):
    """A rule as declared."""

    name: str
    line: int
    trigger: Text = Text()
    action: Text = Text()
    annotations: Mapping[str, Any] = {}


class Dependency(msgspec.Struct, frozen=True):
    """Another package that a package uses, by its label."""

    name: str
    line: int
    location: Text = Text()
    version: Text = Text()
    inputs: tuple[Input, ...] = ()
    annotations: Mapping[str, Any] = {}


class Endpoint(msgspec.Struct, frozen=True):
    """A leaf of `apis`."""

    api: str
    base: str
    path: str
    action: str
    line: int
    method: Text = Text()
    response: Text = Text()


class Package(msgspec.Struct, frozen=True):
    """A package as declared. `ignored` are keys that mean something to wskdeploy and nothing here."""

    name: str
    line: int
    version: Text = Text()
    public: bool = False
    inputs: tuple[Input, ...] = ()
    annotations: Mapping[str, Any] = {}
    actions: tuple[Action, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    rules: tuple[Rule, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    ignored: tuple[Text, ...] = ()


class Manifest(msgspec.Struct, frozen=True):
    """A whole file. `packages` are those that count: at the root, else those of the project."""

    source: str
    packages: tuple[Package, ...] = ()
    project: str = ""
    inputs: tuple[Input, ...] = ()
    config: Text = Text()
    has_project_packages: bool = False
    ignored: tuple[Text, ...] = ()


Read = Callable[["_Reader", Member], Any]
Keys = Mapping[str, Read | None]
"""By key: what reads it. None: the key is known and says nothing that is deployed."""


def parse(text: str, source: str) -> Manifest:
    """The manifest, or deployment file, of a text. Raises ManifestRefused."""
    reader = _Reader(source)
    root = yamltree.parse(text, source)
    given = reader.fields(Member("", 1, root), _ROOT)
    project = given.get("project", {})
    at_root = given.get("packages", ())
    of_project = project.pop("packages", ())
    ignored = project.pop("ignored", ())
    if at_root and of_project:
        ignored = (
            *ignored,
            Text("packages of the project, as there are packages at the root", of_project[0].line),
        )
    name = project.pop("name", Text()).text
    return Manifest(
        source,
        at_root or of_project,
        project=name,
        has_project_packages=bool(of_project),
        ignored=ignored,
        **project,
    )


class _Reader:
    """Reads nodes by tables of keys. `source` is for refusals."""

    def __init__(self, source: str) -> None:
        self._source = source

    def refusal(self, line: int, reason: str) -> ManifestRefused:
        return ManifestRefused(reason, source=self._source, line=line)

    def fields(self, member: Member, keys: Keys) -> dict[str, Any]:
        """The fields of a struct, by their names there; only those that are given."""
        found: dict[str, Any] = {}
        ignored: list[Text] = []
        for one in self.members(member):
            if one.key not in keys:
                raise self.refusal(
                    one.line, f"there is no key {_of(one.key, member.key)}{meant(one.key, keys)}"
                )
            read = keys[one.key]
            if read is _ignored:
                ignored.append(Text(one.key, one.line))
            elif read is not None and not _is_null(one.node):
                found[_FIELDS.get(one.key, one.key)] = read(self, one)
        if ignored:
            found["ignored"] = tuple(ignored)
        return found

    def members(self, member: Member) -> tuple[Member, ...]:
        """Of a mapping; nothing counts as an empty one."""
        node = member.node
        if isinstance(node, Table):
            return node.members
        if _is_null(node):
            return ()
        what = f"{member.key}: " if member.key else ""
        raise self.refusal(node.line, f"{what}must be a mapping of keys to values")

    def text(self, member: Member) -> Text:
        if not isinstance(member.node, Scalar):
            raise self.refusal(member.line, f"{member.key}: must be text")
        return Text("" if _is_null(member.node) else member.node.text, member.line)

    def flag(self, member: Member) -> bool:
        value = member.node.value if isinstance(member.node, Scalar) else None
        if not isinstance(value, bool):
            raise self.refusal(member.line, f"{member.key}: must be true or false")
        return value

    def annotations(self, member: Member) -> Mapping[str, Any]:
        return {one.key: yamltree.plain(one.node) for one in self.members(member)}

    def limits(self, member: Member) -> tuple[Limit, ...]:
        return tuple(
            Limit(one.key, self._whole(one), one.line)
            for one in self.members(member)
            if self._known(one, _LIMITS, member.key)
        )

    def _known(self, one: Member, keys: Keys, within: str) -> bool:
        if one.key not in keys:
            raise self.refusal(one.line, f"there is no key {_of(one.key, within)}{meant(one.key, keys)}")
        return not _is_null(one.node)

    def _whole(self, member: Member) -> int:
        value = member.node.value if isinstance(member.node, Scalar) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise self.refusal(member.line, f"{member.key}: must be a whole number")
        return int(value)

    def includes(self, member: Member) -> tuple[tuple[int, tuple[str, ...]], ...]:
        return tuple(self._include(node) for node in self._items(member))

    def _include(self, node: Node) -> tuple[int, tuple[str, ...]]:
        if not isinstance(node, Items):
            raise self.refusal(node.line, "include: each must be a list, [source] or [source, destination]")
        return node.line, tuple(one.text for one in self._texts("include", node))

    def excludes(self, member: Member) -> tuple[Text, ...]:
        return self._texts(member.key, member.node) if self._items(member) else ()

    def _texts(self, key: str, node: Node) -> tuple[Text, ...]:
        found = []
        for one in node.nodes if isinstance(node, Items) else ():
            if not isinstance(one, Scalar) or not one.text:
                raise self.refusal(one.line, f"{key}: must be a path")
            found.append(Text(one.text, one.line))
        return tuple(found)

    def _items(self, member: Member) -> tuple[Node, ...]:
        if not isinstance(member.node, Items):
            raise self.refusal(member.line, f"{member.key}: must be a list")
        return member.node.nodes

    def inputs(self, member: Member) -> tuple[Input, ...]:
        return tuple(self._input(one) for one in self.members(member))

    def _input(self, member: Member) -> Input:
        node = member.node
        keys = [one.key for one in node.members] if isinstance(node, Table) else []
        odd = next((key for key in keys if key not in _INPUT), "")
        if not isinstance(node, Table) or not keys or odd:
            value = yamltree.plain(node)
            looks_so = isinstance(value, dict) and value.get("type") in TYPES
            return Input(member.key, member.line, value, odd_key=odd if looks_so else "")
        return Input(member.key, member.line, is_declared=True, **self.fields(member, _INPUT))

    def value(self, member: Member) -> Any:
        return yamltree.plain(member.node)

    def type(self, member: Member) -> str:
        text = self.text(member).text
        if text not in TYPES:
            raise self.refusal(member.line, f"type: there is no type {text}{meant(text, TYPES)}")
        return TYPES[text]

    def endpoints(self, member: Member) -> tuple[Endpoint, ...]:
        return tuple(
            Endpoint(api.key, base.key, path.key, leaf.key, leaf.line, **self.fields(leaf, _ENDPOINT))
            for api in self.members(member)
            for base in self.members(api)
            for path in self.members(base)
            for leaf in self.members(path)
        )


def _named(kind: Callable[..., T], keys: Keys) -> Callable[[_Reader, Member], tuple[T, ...]]:
    """Reads a mapping of names to structs."""

    def read(reader: _Reader, member: Member) -> tuple[T, ...]:
        return tuple(kind(one.key, one.line, **reader.fields(one, keys)) for one in reader.members(member))

    return read


def _ignored(_reader: _Reader, _member: Member) -> None:
    """Marks a key of which the user is told that it has no effect."""


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _of(key: str, within: str) -> str:
    return f"{key} in {within}" if within else key


TYPES: Final[Mapping[str, str]] = (
    {
        "string": "string",
        "integer": "integer",
        "float": "float",
        "boolean": "boolean",
        "json": "json",
        "int": "integer",
        "bool": "boolean",
        "map": "json",
        "slice": "slice",
    }
    | {f"int{bits}": "integer" for bits in (8, 16, 32, 64)}
    | {f"float{bits}": "float" for bits in (32, 64)}
)
"""The types of inputs by all their names."""

_FIELDS: Final = {"web-export": "web_export", "apis": "endpoints"}
"""Fields that are called otherwise than their keys."""

_INPUT: Final[Keys] = {
    "type": _Reader.type,
    "description": None,
    "value": _Reader.value,
    "required": _Reader.flag,
    "default": _Reader.value,
    "status": None,
    "schema": None,
}
_LIMITS: Final[Keys] = dict.fromkeys(
    (
        "timeout",
        "memorySize",
        "logSize",
        "concurrentActivations",
        "userInvocationRate",
        "codeSize",
        "parameterSize",
    )
)
_ACTION: Final[Keys] = {
    "function": _Reader.text,
    "location": _Reader.text,
    "code": _Reader.text,
    "runtime": _Reader.text,
    "main": _Reader.text,
    "docker": _Reader.text,
    "native": _Reader.flag,
    "conductor": _Reader.flag,
    "web": _Reader.text,
    "web-export": _Reader.text,
    "version": _Reader.text,
    "limits": _Reader.limits,
    "inputs": _Reader.inputs,
    "outputs": None,
    "annotations": _Reader.annotations,
    "include": _Reader.includes,
    "exclude": _Reader.excludes,
    "description": None,
    "name": None,
    "namespace": _ignored,
    "credential": _ignored,
    "exposedUrl": _ignored,
}
_SEQUENCE: Final[Keys] = {"actions": _Reader.text, "web": _Reader.text, "annotations": _Reader.annotations}
_TRIGGER: Final[Keys] = {
    "feed": _Reader.text,
    "source": _Reader.text,
    "inputs": _Reader.inputs,
    "annotations": _Reader.annotations,
    "description": None,
    "name": None,
    "namespace": _ignored,
    "credential": _ignored,
}
_RULE: Final[Keys] = {
    "trigger": _Reader.text,
    "action": _Reader.text,
    "annotations": _Reader.annotations,
    "description": None,
    "rule": None,
    "name": None,
}
_DEPENDENCY: Final[Keys] = {
    "location": _Reader.text,
    "version": _Reader.text,
    "inputs": _Reader.inputs,
    "annotations": _Reader.annotations,
}
_ENDPOINT: Final[Keys] = {"method": _Reader.text, "response": _Reader.text}
_PACKAGE: Final[Keys] = {
    "name": None,
    "version": _Reader.text,
    "license": None,
    "public": _Reader.flag,
    "repositories": None,
    "dependencies": _named(Dependency, _DEPENDENCY),
    "namespace": _ignored,
    "credential": _ignored,
    "apiHost": _ignored,
    "apigwAccessToken": _ignored,
    "actions": _named(Action, _ACTION),
    "triggers": _named(Trigger, _TRIGGER),
    "feeds": _ignored,
    "rules": _named(Rule, _RULE),
    "inputs": _Reader.inputs,
    "sequences": _named(Sequence, _SEQUENCE),
    "description": None,
    "annotations": _Reader.annotations,
    "apis": _Reader.endpoints,
}
_PROJECT: Final[Keys] = {
    "name": _Reader.text,
    "namespace": _ignored,
    "credential": _ignored,
    "apiHost": _ignored,
    "apigwAccessToken": _ignored,
    "version": None,
    "packages": _named(Package, _PACKAGE),
    "inputs": _Reader.inputs,
    "config": _Reader.text,
}


def _project(reader: _Reader, member: Member) -> dict[str, Any]:
    return reader.fields(member, _PROJECT)


_ROOT: Final[Keys] = {"project": _project, "packages": _named(Package, _PACKAGE)}
