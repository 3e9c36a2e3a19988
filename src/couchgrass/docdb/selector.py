"""Mango selectors: which documents does a query, a filter or a partial index take.

`compile_selector` turns the JSON once into closures, so that testing a document allocates nothing. Rules:
CouchDB 3.5's ``mango_selector`` (its ``normalize`` and ``match``) and ``mango_util:parse_field``.

A selector is first made into a tree in which every leaf knows its whole field path:

* an object with several members is their ``$and``; a value that is no object is its ``$eq``;
* a member without ``$`` is a field; nested fields join with ``.``, and ``\\.`` is a dot in a name;
* ``$not`` and ``$nor`` move down by De Morgan's laws to the leaves, and a negated leaf still asks for its
  field: ``{"$not": {"a": 1}}`` is ``{"a": {"$ne": 1}}`` and does not take a document without ``a``.
  Inside ``$elemMatch``, ``$allMatch`` and ``$keyMapMatch`` negation stays where it is and does take it.

A path steps through objects by name and through arrays by index. Only ``$exists: false`` accepts a missing
member, and even that does not accept a path that goes through a scalar or past an array's end. An empty
``$and``, ``$or`` or ``$nor`` accepts everything.

Where this differs from CouchDB: ``$text`` is refused, for there is no text index; ``$nor`` works inside
``$elemMatch`` and its kin, where CouchDB's never matches; ``$mod`` refuses divisor 0; a wrong field name is
refused at once and not at the first document; ``$regex`` is RE2 (see selector_regex).
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

import msgspec

from couchgrass.docdb.erlang_term import erlang_term
from couchgrass.docdb.selector_ops import Predicate, bad_argument, compile_operator
from couchgrass.errors import BadRequest

SELECTOR_DEPTH_MAX: Final = 50
"""Nested conditions. Testing a document takes a few stack frames for each."""

SELECTOR_CONDITIONS_MAX: Final = 10_000
"""Operators and fields in one selector; a list of values counts as one."""

_UNSUPPORTED: Final = frozenset({"$where", "$geoWithin", "$geoIntersects", "$near", "$nearSphere", "$text"})
_ELEMENT_OPERATORS: Final = frozenset({"$elemMatch", "$allMatch", "$keyMapMatch"})
_UNESCAPED_DOT: Final = re.compile(r"(?<!\\)\.")
_ARRAY_INDEX: Final = re.compile(r"[+-]?[0-9]+")
_ABSENT: Final = object()


class _Every(msgspec.Struct, frozen=True):
    nodes: tuple[_Node, ...]


class _Some(msgspec.Struct, frozen=True):
    nodes: tuple[_Node, ...]


class _Not(msgspec.Struct, frozen=True):
    node: _Node


class _Leaf(msgspec.Struct, frozen=True):
    """There is a value at `path` and it satisfies `operator`, or when `negated` it does not.

    The path "" is the value itself. `argument` is a `_Node` for the operators that look into elements.
    """

    path: str
    operator: str
    argument: Any
    negated: bool


_Node: TypeAlias = "_Every | _Some | _Not | _Leaf"


def compile_selector(selector: Any) -> Predicate:
    """A predicate over documents as decoded JSON objects, ``_id`` and ``_rev`` among their members.

    Raises BadRequest with Mango's own error and reason for what is no selector, such as "bad_arg",
    "invalid_operator", "invalid_selector", "invalid_field_name" or "invalid_selector_json".
    """
    node = _parse_selector(selector)
    if node is None:
        return _always
    predicate = _compile(node, raw=False)
    if isinstance(node, _Leaf) and not node.path:
        raise BadRequest("One or more conditions is missing a field name.", error="invalid_selector")
    return predicate


def compile_changes_selector(selector: Any) -> Predicate:
    """The same for ``_changes?filter=_selector``, where CouchDB gives every error as "bad_request"."""
    if type(selector) is not dict:
        raise BadRequest("Selector error: expected a JSON object")
    try:
        return compile_selector(selector)
    except BadRequest as bad:
        raise BadRequest(bad.reason) from bad


def fields_of(selector: Any) -> list[str]:
    """The field paths that a selector tests, in its order, with repetitions; none inside elements.

    The selector is one that `compile_selector` takes.
    """
    node = _parse_selector(selector)
    return [] if node is None else _fields(node)


def parse_field(path: str) -> list[str]:
    """The names of a dotted field path. Raises BadRequest "invalid_field_name" when one is empty."""
    names = path.split(".") if "\\" not in path else _UNESCAPED_DOT.split(path)
    if "" in names:
        raise BadRequest(f"Invalid field name: {path}", error="invalid_field_name")
    return [name.replace("\\", "") for name in names]


def _parse_selector(selector: Any) -> _Node | None:
    """The tree, None for the empty selector, which takes every document."""
    if type(selector) is not dict:
        term = erlang_term(selector)
        raise BadRequest(f"Selector must be a JSON object, not: {term}", error="invalid_selector_json")
    if not selector:
        return None
    return _Parser().node(selector, "", negated=False, depth=0)


class _Parser:
    """One pass over a selector; counts its conditions on the way. `in_element` leaves negation in place."""

    def __init__(self) -> None:
        self._conditions = 0

    def node(
        self, condition: Any, path: str, *, negated: bool, depth: int, in_element: bool = False
    ) -> _Node:
        self._count(depth)
        if type(condition) is not dict or not condition:
            return _leaf(path, "$eq", condition, negated=negated)

        def below(condition: Any, path: str, negated: bool) -> _Node:
            return self.node(condition, path, negated=negated, depth=depth + 1, in_element=in_element)

        if len(condition) > 1:
            members = [{name: argument} for name, argument in condition.items()]
            return _joined("$and", [below(member, path, negated) for member in members], negated)
        ((name, argument),) = condition.items()
        if name in ("$and", "$or"):
            return _joined(name, [below(arg, path, negated) for arg in _list(name, argument)], negated)
        if name == "$not" and in_element:
            return _Not(below(_object(name, argument), path, False))
        if name == "$not":
            return below(_object(name, argument), path, not negated)
        if name == "$nor" and in_element:
            return _Every(tuple(_Not(below(arg, path, False)) for arg in _list(name, argument)))
        if name == "$nor":
            nodes = [below(arg, path, not negated) for arg in _list(name, argument)]
            return _joined("$or", nodes, not negated)
        if name in _ELEMENT_OPERATORS:
            inner = self.node(_object(name, argument), "", negated=False, depth=depth + 1, in_element=True)
            return _Leaf(path, name, inner, negated)
        if name.startswith("$"):
            return _leaf(path, name, argument, negated=negated)
        return below(argument, f"{path}.{name}" if path else name, negated)

    def _count(self, depth: int) -> None:
        self._conditions += 1
        if depth > SELECTOR_DEPTH_MAX:
            reason = f"Selector is nested deeper than {SELECTOR_DEPTH_MAX} levels."
            raise BadRequest(reason, error="invalid_selector")
        if self._conditions > SELECTOR_CONDITIONS_MAX:
            reason = f"Selector has more than {SELECTOR_CONDITIONS_MAX} conditions."
            raise BadRequest(reason, error="invalid_selector")


def _joined(operator: str, nodes: list[_Node], negated: bool) -> _Node:
    """De Morgan: the members of a negated operator are negated already."""
    return _Every(tuple(nodes)) if (operator == "$and") is not negated else _Some(tuple(nodes))


def _leaf(path: str, operator: str, argument: Any, *, negated: bool) -> _Leaf:
    if operator in _UNSUPPORTED:
        raise BadRequest(f"Unsupported operator: {operator}", error="not_supported")
    return _Leaf(path, operator, argument, negated)


def _list(operator: str, argument: Any) -> list[Any]:
    if type(argument) is not list:
        raise bad_argument(operator, argument)
    return argument


def _object(operator: str, argument: Any) -> dict[str, Any]:
    if type(argument) is not dict:
        raise bad_argument(operator, argument)
    return argument


def _fields(node: _Node) -> list[str]:
    match node:
        case _Every(nodes) | _Some(nodes):
            return [path for child in nodes for path in _fields(child)]
        case _Not(child):
            return _fields(child)
        case _Leaf(path):
            return [path] if path else []


def _compile(node: _Node, *, raw: bool) -> Predicate:
    match node:
        case _Every(nodes):
            return _every([_compile(child, raw=raw) for child in nodes])
        case _Some(nodes):
            return _some([_compile(child, raw=raw) for child in nodes])
        case _Not(child):
            return _not(_compile(child, raw=raw))
        case _Leaf(path, operator, argument, negated):
            raw = raw or path == "_id"
            if operator in _ELEMENT_OPERATORS:
                test = _elements(operator, _compile(argument, raw=raw))
            else:
                test = compile_operator(operator, argument, raw=raw)
            if negated:
                test = _not(test)
            accepts_missing = operator == "$exists" and argument is negated
            return _at(path, test, accepts_missing) if path else test


def _always(value: Any) -> bool:
    return True


def _not(test: Predicate) -> Predicate:
    return lambda value: not test(value)


def _every(tests: list[Predicate]) -> Predicate:
    if len(tests) == 1:
        return tests[0]

    def accepts(value: Any) -> bool:
        for test in tests:  # noqa: SIM110  a loop is twice as fast as all() over a generator
            if not test(value):
                return False
        return True

    return accepts


def _some(tests: list[Predicate]) -> Predicate:
    if not tests:
        return _always
    if len(tests) == 1:
        return tests[0]

    def accepts(value: Any) -> bool:
        for test in tests:  # noqa: SIM110
            if test(value):
                return True
        return False

    return accepts


def _elements(operator: str, test: Predicate) -> Predicate:
    """Any element, all of at least one element, or any key of an object."""
    if operator == "$elemMatch":
        return lambda value: type(value) is list and any(map(test, value))
    if operator == "$allMatch":
        return lambda value: type(value) is list and bool(value) and all(map(test, value))
    return lambda value: type(value) is dict and any(map(test, value))


def _at(path: str, test: Predicate, accepts_missing: bool) -> Predicate:
    """Looks the path up and tests what is there."""
    steps = [(name, _index(name)) for name in parse_field(path)]
    first_name = steps[0][0]

    def accepts_deep(value: Any) -> bool:
        for name, index in steps:
            if type(value) is dict:
                value = value.get(name, _ABSENT)
                if value is _ABSENT:
                    return accepts_missing
            elif type(value) is list and 0 <= index < len(value):
                value = value[index]
            else:
                return False
        return test(value)

    def accepts(value: Any) -> bool:
        if type(value) is not dict:
            return accepts_deep(value)
        value = value.get(first_name, _ABSENT)
        return accepts_missing if value is _ABSENT else test(value)

    return accepts if len(steps) == 1 else accepts_deep


def _index(name: str) -> int:
    """A path step as an array index, -1 when it can't be one."""
    return int(name) if len(name) < 20 and _ARRAY_INDEX.fullmatch(name) else -1
