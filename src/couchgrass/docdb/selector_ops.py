"""Mango's operators that look at one value: what argument each takes and what it accepts.

An operator is compiled with its argument into a predicate over a value. Rules: ``mango_selector:norm_ops``
(arguments) and ``mango_selector:match`` (values). Comparisons follow view collation, so they hold across
types: ``{"$gt": null}`` accepts every value but null, and 1 equals 1.0. Under the field ``_id`` they
follow raw collation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from couchgrass.docdb.collation import VIEW_RANKS, compare, compare_raw, compare_strings
from couchgrass.docdb.erlang_term import erlang_term
from couchgrass.docdb.selector_regex import compile_regex
from couchgrass.errors import BadRequest

Predicate: TypeAlias = Callable[[Any], bool]
Compare: TypeAlias = Callable[[Any, Any], int]


def bad_argument(operator: str, argument: Any) -> BadRequest:
    """The error for an operator whose argument is of the wrong kind."""
    return BadRequest(f"Bad argument for operator {operator}: {erlang_term(argument)}", error="bad_arg")


def invalid_operator(operator: str) -> BadRequest:
    """The error for an operator that Mango does not have."""
    return BadRequest(f"Invalid operator: {operator}", error="invalid_operator")


_ORDERED: Final[dict[str, Callable[[int], bool]]] = {
    "$lt": lambda order: order < 0,
    "$lte": lambda order: order <= 0,
    "$gte": lambda order: order >= 0,
    "$gt": lambda order: order > 0,
}
_TYPE_NAMES: Final = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def compile_operator(operator: str, argument: Any, *, raw: bool) -> Predicate:
    """The predicate of one leaf operator; `raw` compares as under ``_id``.

    Raises BadRequest, error "bad_arg" for an argument that it does not take, "invalid_operator" for an
    operator that there is not.
    """
    if operator in _ORDERED:
        return _ordered(operator, argument, raw=raw)
    if operator in _EQUALS:
        return _EQUALS[operator](argument, raw)
    if operator in _PLAIN:
        return _PLAIN[operator](argument)
    raise invalid_operator(operator)


def _compare_for(raw: bool) -> Compare:
    return compare_raw if raw else compare


def _ordered(operator: str, argument: Any, *, raw: bool) -> Predicate:
    accepts = _ORDERED[operator]
    kind_of_argument = type(argument)
    if raw or kind_of_argument not in (int, float, str):
        order_of = _compare_for(raw)
        return lambda value: accepts(order_of(value, argument))
    rank_of_argument = VIEW_RANKS[kind_of_argument]
    by_type = {kind: accepts(rank - rank_of_argument) for kind, rank in VIEW_RANKS.items()}
    if kind_of_argument is str:
        return lambda value: (
            accepts(compare_strings(value, argument)) if type(value) is str else by_type[type(value)]
        )
    below, equal, above = accepts(-1), accepts(0), accepts(1)

    def number_accepts(value: Any) -> bool:
        kind = type(value)
        if kind is int or kind is float:
            return above if value > argument else below if value < argument else equal
        return by_type[kind]

    return number_accepts


def _equal(argument: Any, raw: bool) -> Predicate:
    kinds = [kind for kind, rank in VIEW_RANKS.items() if rank == VIEW_RANKS[type(argument)]]
    order_of = _compare_for(raw)
    if argument is None or type(argument) is bool:
        return lambda value: value is argument
    if type(argument) in (int, float):
        return lambda value: type(value) in kinds and bool(value == argument)
    if type(argument) is not str:
        return lambda value: type(value) in kinds and order_of(value, argument) == 0
    if raw:
        return lambda value: type(value) is str and value == argument
    plain = _is_plain(argument)

    def string_equals(value: Any) -> bool:
        if type(value) is not str:
            return False
        if value == argument:
            return True
        return not (plain and _is_plain(value)) and compare_strings(value, argument) == 0

    return string_equals


def _is_plain(text: str) -> bool:
    """Two different strings of printable ASCII never collate as equal, so ICU need not be asked."""
    return text.isascii() and text.isprintable()


def _not_equal(argument: Any, raw: bool) -> Predicate:
    equals = _equal(argument, raw)
    return lambda value: not equals(value)


def _in(argument: Any, raw: bool) -> Predicate:
    """An array is accepted for any of its elements; it is not compared as a whole."""
    if type(argument) is not list:
        raise bad_argument("$in", argument)
    one_of = _one_of(argument, raw)

    def accepts(value: Any) -> bool:
        if type(value) is list:
            return any(map(one_of, value))
        return one_of(value)

    return accepts


def _one_of(arguments: list[Any], raw: bool) -> Predicate:
    """A set answers for plain strings, so a long list of ids costs no more than a short one."""
    plain = {argument for argument in arguments if type(argument) is str and (raw or _is_plain(argument))}
    all_plain = all(type(argument) is str and argument in plain for argument in arguments)
    tests = [_equal(argument, raw) for argument in arguments]

    def accepts(value: Any) -> bool:
        if type(value) is str:
            if value in plain:
                return True
            if all_plain and (raw or _is_plain(value)):
                return False
        return any(test(value) for test in tests)

    return accepts


def _not_in(argument: Any, raw: bool) -> Predicate:
    if type(argument) is not list:
        raise bad_argument("$nin", argument)
    accepts = _in(argument, raw)
    return lambda value: not accepts(value)


def _exists(argument: Any) -> Predicate:
    """The value is there; that a missing field satisfies False is the field's rule."""
    if type(argument) is not bool:
        raise bad_argument("$exists", argument)
    return lambda value: argument


def _type(argument: Any) -> Predicate:
    if type(argument) is not str:
        raise bad_argument("$type", argument)
    return lambda value: _TYPE_NAMES[type(value)] == argument


def _size(argument: Any) -> Predicate:
    if type(argument) is not int or argument < 0:
        raise bad_argument("$size", argument)
    return lambda value: type(value) is list and len(value) == argument


def _mod(argument: Any) -> Predicate:
    """The remainder has the dividend's sign, as in Erlang. CouchDB takes divisor 0 and fails on a match."""
    match argument:
        case [int(divisor), int(remainder)] if bool not in map(type, argument) and divisor != 0:
            pass
        case _:
            raise bad_argument("$mod", argument)
    divisor = abs(divisor)

    def accepts(value: Any) -> bool:
        if type(value) is not int:
            return False
        rest = abs(value) % divisor
        return (rest if value >= 0 else -rest) == remainder

    return accepts


def _regex(argument: Any) -> Predicate:
    if type(argument) is not str:
        raise invalid_operator("$regex")
    try:
        matches = compile_regex(argument)
    except ValueError as bad:
        raise bad_argument("$regex", argument) from bad
    return lambda value: type(value) is str and matches(value)


def _begins_with(argument: Any) -> Predicate:
    if type(argument) is not str:
        raise invalid_operator("$beginsWith")
    return lambda value: type(value) is str and value.startswith(argument)


def _all(argument: Any) -> Predicate:
    """Here equality is Erlang's ``=:=``: 1 is not 1.0, strings byte for byte, objects in key order."""
    if type(argument) is not list:
        raise bad_argument("$all", argument)
    wanted = {_term(item) for item in argument}
    whole = argument[0] if len(argument) == 1 and type(argument[0]) is list else None

    def accepts(value: Any) -> bool:
        if type(value) is not list or not wanted:
            return False
        if wanted.issubset(map(_term, value)):
            return True
        return whole is not None and compare_raw(whole, value) == 0

    return accepts


def _term(value: Any) -> tuple[type, Any]:
    """Hashable, and equal exactly for identical JSON values."""
    kind = type(value)
    return (kind, erlang_term(value)) if kind is list or kind is dict else (kind, value)


_EQUALS: Final[dict[str, Callable[[Any, bool], Predicate]]] = {
    "$eq": _equal,
    "$ne": _not_equal,
    "$in": _in,
    "$nin": _not_in,
}
_PLAIN: Final[dict[str, Callable[[Any], Predicate]]] = {
    "$exists": _exists,
    "$type": _type,
    "$size": _size,
    "$mod": _mod,
    "$regex": _regex,
    "$beginsWith": _begins_with,
    "$all": _all,
}
