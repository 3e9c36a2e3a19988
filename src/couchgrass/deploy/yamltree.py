"""YAML text as a tree that knows its lines, with the values that wskdeploy's reader gives to scalars.

Pure. The library only takes the text apart; what a scalar means is decided here, as Go's yaml.v2 does: `yes`
and `on` are true, `010` is eight, `1:30` is text. A scalar keeps its text too, since keys and all that is
declared as text take that: the version `1.0` stays "1.0". Size, depth and the nodes that aliases may multiply
are bounded. Source: yaml.org/spec/1.1, and yaml.v2's resolve.go for what it reads otherwise.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import yaml

from couchgrass.deploy.refused import ManifestRefused

TEXT_BYTES_MAX: Final = 512 * 1024
"""Of a file: the largest manifests that are known have some ten thousand bytes."""

DEPTH_MAX: Final = 50
NODES_MAX: Final = 50_000
"""With what aliases repeat counted as often as it is repeated."""

_TRUE: Final = frozenset({"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
_FALSE: Final = frozenset({"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_INTEGER: Final = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_ENDLESS: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MERGE: Final = "<<"
_TOO_DEEP: Final = f"nested deeper than {DEPTH_MAX} levels"
_TAGS: Final = frozenset({"str", "int", "float", "bool", "null", "seq", "map"})


class Scalar(msgspec.Struct, frozen=True):
    """`text` is as it stands there, `value` what it means. `line` counts from 1."""

    text: str
    value: str | int | float | bool | None
    line: int
    size: int = 1
    depth: int = 0


class Items(msgspec.Struct, frozen=True):
    """A sequence. `size` is the number of nodes in it, itself counted, `depth` the levels below it."""

    nodes: tuple[Node, ...]
    line: int
    size: int
    depth: int


class Member(msgspec.Struct, frozen=True):
    """A key, its line, and its value."""

    key: str
    line: int
    node: Node


class Table(msgspec.Struct, frozen=True):
    """A mapping in the text's order; no key is there twice."""

    members: tuple[Member, ...]
    line: int
    size: int
    depth: int


Node = Scalar | Items | Table


def parse(text: str, source: str) -> Node:
    """The one document of a text. Raises ManifestRefused."""
    if len(text.encode("utf-8", "surrogatepass")) > TEXT_BYTES_MAX:
        raise ManifestRefused(f"the file has more than {TEXT_BYTES_MAX // 1024} kB", source=source, line=1)
    try:
        return _Builder(source).build(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as bad:
        mark = bad.problem_mark or bad.context_mark
        raise ManifestRefused(_told(bad), source=source, line=1 if mark is None else mark.line + 1) from None
    except yaml.YAMLError as bad:
        line = text.count("\n", 0, getattr(bad, "position", 0)) + 1
        raise ManifestRefused("has a character that YAML does not allow", source=source, line=line) from None


def plain(node: Node) -> Any:
    """The value of a node, whatever is in it."""
    match node:
        case Scalar():
            return node.value
        case Items():
            return [plain(one) for one in node.nodes]
        case Table():
            return {member.key: plain(member.node) for member in node.members}


def _told(bad: yaml.MarkedYAMLError) -> str:
    """In one line: what was read, and what was wrong with it."""
    told = ", ".join(part for part in (bad.context, bad.problem) if part)
    if "cannot start any token" in told and "\\t" in told:
        return "a tab can't indent: YAML takes spaces only"
    if "mapping values are not allowed here" in told:
        return "a colon where no key can be: look at the indentation, and put text that has ': ' into quotes"
    return f"no YAML: {told}"


class _Open(msgspec.Struct):
    """A collection whose end is not read yet. `is_table`: its nodes are keys and values in turn."""

    is_table: bool
    anchor: str | None
    line: int
    nodes: list[Node]


class _Builder:
    """Makes the tree of the library's events, without recursion."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._anchors: dict[str, Node | None] = {}
        self._open: list[_Open] = []
        self._whole: Node | None = None

    def build(self, events: Iterator[yaml.Event]) -> Node:
        documents = 0
        for event in events:
            line = 1 if event.start_mark is None else event.start_mark.line + 1
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        raise self._refusal("a second document begins here: one is all there can be", line)
                case yaml.ScalarEvent():
                    self._put(self._scalar(event, line), event.anchor)
                case yaml.AliasEvent():
                    self._put(self._aliased(event.anchor, line), None)
                case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                    self._begin(event, line)
                case yaml.CollectionEndEvent():
                    self._end()
        return Scalar("", None, 1) if self._whole is None else self._whole

    def _begin(self, event: yaml.CollectionStartEvent, line: int) -> None:
        if len(self._open) == DEPTH_MAX:
            raise self._refusal(_TOO_DEEP, line)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._tag(event.tag, line)
        self._open.append(_Open(isinstance(event, yaml.MappingStartEvent), event.anchor, line, []))

    def _end(self) -> None:
        ended = self._open.pop()
        size = 1 + sum(node.size for node in ended.nodes)
        if size > NODES_MAX:
            raise self._refusal(f"has more than {NODES_MAX} values, repeated ones counted", ended.line)
        depth = 1 + max((node.depth for node in ended.nodes), default=0)
        if depth > DEPTH_MAX:
            raise self._refusal(_TOO_DEEP, ended.line)
        if ended.is_table:
            self._put(Table(self._members(ended.nodes), ended.line, size, depth), ended.anchor)
        else:
            self._put(Items(tuple(ended.nodes), ended.line, size, depth), ended.anchor)

    def _put(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1].nodes.append(node)
        else:
            self._whole = node

    def _aliased(self, anchor: str | None, line: int) -> Node:
        if anchor is None or anchor not in self._anchors:
            raise self._refusal(f"the alias *{anchor} has no anchor above it", line)
        found = self._anchors[anchor]
        if found is None:
            raise self._refusal(f"the alias *{anchor} stands inside of what it means", line)
        return found

    def _members(self, nodes: list[Node]) -> tuple[Member, ...]:
        found: dict[str, Member] = {}
        merged: dict[str, Member] = {}
        for key, node in zip(nodes[::2], nodes[1::2], strict=True):
            if not isinstance(key, Scalar):
                raise self._refusal("a key must be plain text", key.line)
            if key.text == _MERGE:
                for member in self._merged(node):
                    merged.setdefault(member.key, member)
            elif key.text in found:
                above = found[key.text].line
                raise self._refusal(f"the key {key.text} stands here twice, first in line {above}", key.line)
            else:
                found[key.text] = Member(key.text, key.line, node)
        return tuple({**merged, **found}.values())

    def _merged(self, node: Node) -> Iterator[Member]:
        tables = node.nodes if isinstance(node, Items) else (node,)
        for table in tables:
            if not isinstance(table, Table):
                raise self._refusal("<< takes a mapping or a list of mappings", node.line)
            yield from table.members

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> Scalar:
        text: str = event.value
        tag = self._tag(event.tag, line)
        if tag == "str" or (tag is None and not event.implicit[0]):
            return Scalar(text, text, line)
        value = self._value(text, line)
        if tag is not None and not _is_of(value, tag):
            raise self._refusal(f"this is no !!{tag}", line)
        return Scalar(text, float(value) if tag == "float" and isinstance(value, int) else value, line)

    def _value(self, text: str, line: int) -> str | int | float | bool | None:
        if text in _NULL:
            return None
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        if _ENDLESS.fullmatch(text):
            raise self._refusal("infinity and not-a-number can't be sent as JSON", line)
        number = text.replace("_", "") if text[0] in "+-.0123456789" else ""
        if _INTEGER.fullmatch(number):
            return self._in_range(_whole(number), line)
        if _FLOAT.fullmatch(number):
            found = float(number)
            if not math.isfinite(found):
                raise self._refusal("a number that is too large", line)
            return found
        return text

    def _in_range(self, number: int, line: int) -> int:
        if not -(2**63) <= number < 2**64:
            raise self._refusal("a number that is too large: put it into quotes", line)
        return number

    def _tag(self, tag: str | None, line: int) -> str | None:
        """The last part of one of YAML's own tags."""
        if tag is None or tag == "!":
            return "str" if tag == "!" else None
        name = tag.removeprefix("tag:yaml.org,2002:")
        if name not in _TAGS:
            raise self._refusal(f"the tag {tag} means nothing here", line)
        return name

    def _refusal(self, reason: str, line: int) -> ManifestRefused:
        return ManifestRefused(reason, source=self._source, line=line)


def _whole(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-").lower()
    if digits[:2] in ("0x", "0b", "0o"):
        return sign * int(digits[2:], {"x": 16, "b": 2, "o": 8}[digits[1]])
    return sign * int(digits, 8 if digits.startswith("0") else 10)


def _is_of(value: Any, tag: str) -> bool:
    match tag:
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "bool":
            return isinstance(value, bool)
        case _:
            return value is None
