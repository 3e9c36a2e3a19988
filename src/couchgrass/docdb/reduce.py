"""The built-in reduce functions of views, over the rows of one group.

    _sum                     numbers, arrays of numbers element by element, objects member by member
    _count                   how many rows
    _stats                   sum, count, min, max and sumsqr of numbers, or of arrays of numbers by place
    _approx_count_distinct   how many different keys; CouchDB estimates it, here it is exact
    _top_N, _bottom_N        the N highest or lowest different values, as views order them
    _first, _last            the value of the first or last row, as views order them

Values that a function can't take make `_sum` answer an object that says so, and `_stats` fail, as in CouchDB.
Specification: ``couch_query_servers`` of CouchDB 3.5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from couchgrass import json
from couchgrass.docdb.collation import sort_key
from couchgrass.errors import CouchgrassError

SUM_REFUSED: Final = (
    "The _sum function requires that map values be numbers, arrays of numbers, or objects. Objects cannot be "
    "mixed with other data structures. Objects can be arbitrarily nested, provided that the values for all "
    "fields are themselves numbers, arrays of numbers, or objects."
)

OVERFLOW_BYTES: Final = 5000
"""A reduction that is larger than this must be a small part of what it was made from."""

OVERFLOW_RATIO: Final = 2.0

_STATS: Final = ("sum", "count", "min", "max", "sumsqr")


class InvalidValue(CouchgrassError):
    """A value that ``_stats`` can't take."""

    error = "invalid_value"


class Emitted(NamedTuple):
    """A row of a view: its key's sort key, its document, its place among that one's rows, JSON of both."""

    sort: bytes
    id: str
    number: int
    key: bytes
    value: bytes


class Reduction(Protocol):
    """The rows of one group, one after the other."""

    def add(self, row: Emitted) -> None:
        """Takes a row in. Raises InvalidValue."""
        ...

    def result(self) -> Any:
        """What the rows come to, as a JSON value."""
        ...


def built_in(name: str) -> Callable[[], Reduction]:
    """What makes reductions for a function whose name starts with an underscore."""
    for prefix, kind in _PREFIXES:
        if name.startswith(prefix):
            return kind
    for prefix, descending in (("_top_", True), ("_bottom_", False)):
        if name.startswith(prefix):
            rank = int(name.removeprefix(prefix))
            return lambda: _Ranked(rank, descending=descending)
    raise InvalidValue(f"`{name}` is not a supported reduce function.")


def overflow(input_bytes: int, output_bytes: int) -> str | None:
    """CouchDB's complaint about a reduction that does not shrink; None when it does."""
    if output_bytes <= OVERFLOW_BYTES or output_bytes * OVERFLOW_RATIO <= input_bytes:
        return None
    return f"Reduce output must shrink more rapidly: input size: {input_bytes} output size: {output_bytes}"


class _Refused(Exception):
    """A value that can't be added up."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class _Sum:
    def __init__(self) -> None:
        self._total: Any = 0
        self._failed: dict[str, Any] | None = None
        self._input_bytes = 0

    def add(self, row: Emitted) -> None:
        self._input_bytes += len(row.key) + len(row.value)
        if self._failed is not None:
            return
        try:
            self._total = _added(self._total, json.decode(row.value))
        except _Refused as refused:
            self._failed = {
                "error": "builtin_reduce_error", "reason": SUM_REFUSED, "caused_by": refused.value
            }  # fmt: skip

    def result(self) -> Any:
        if self._failed is not None:
            return self._failed
        reason = overflow(self._input_bytes, len(json.encode(self._total)))
        return self._total if reason is None else {"error": "builtin_reduce_error", "reason": reason}


def _is_number(value: Any) -> bool:
    return type(value) is int or type(value) is float


def _added(total: Any, value: Any) -> Any:
    if _is_number(value) and _is_number(total):
        return total + value
    if type(value) is dict:
        if type(total) is dict:
            return _added_objects(total, value)
        if total == 0 and _is_number(total):
            return value
        raise _Refused(value)
    if all(type(one) is list or _is_number(one) for one in (value, total)):
        return _added_lists(_as_list(total), _as_list(value))
    raise _Refused(value)


def _as_list(value: Any) -> list[Any]:
    return value if type(value) is list else [value]


def _added_lists(total: list[Any], value: list[Any]) -> list[Any]:
    shared = min(len(total), len(value))
    for one in (*total[:shared], *value[:shared]):
        if not _is_number(one):
            raise _Refused(one)
    longer = total if len(total) > len(value) else value
    return [a + b for a, b in zip(total, value, strict=False)] + longer[shared:]


def _added_objects(total: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    names = sorted({*total, *value})
    return {
        name: _added(total[name], value[name]) if name in total and name in value
        else total[name] if name in total else value[name]
        for name in names
    }  # fmt: skip


class _Count:
    def __init__(self) -> None:
        self._count = 0

    def add(self, row: Emitted) -> None:
        self._count += 1

    def result(self) -> Any:
        return self._count


class _Stats:
    def __init__(self) -> None:
        self._stats: Any = None

    def add(self, row: Emitted) -> None:
        value = json.decode(row.value)
        self._stats = _stats_of(value) if self._stats is None else _with_stats(self._stats, value)

    def result(self) -> Any:
        return _packed(self._stats)


def _stats_of(value: Any) -> Any:
    """A number, or what was reduced before, as a tuple in the order of _STATS; of an array a list."""
    if type(value) is list:
        return [_stats_of(one) for one in value]
    if _is_number(value):
        return (value, 1, value, value, value * value)
    if type(value) is dict:
        for name in _STATS:
            if name not in value:
                raise InvalidValue(f"user _stats input missing required field {name}")
            if not _is_number(value[name]):
                raise InvalidValue(f"non-numeric _stats input received for {name}")
        return tuple(value[name] for name in _STATS)
    raise InvalidValue(
        f"The _stats function requires that map values be numbers or arrays of numbers, not {_shown(value)}"
    )


def _with_stats(stats: Any, value: Any) -> Any:
    if type(stats) is list and type(value) is list and len(stats) == len(value):
        return [_with_stats(old, new) for old, new in zip(stats, value, strict=True)]
    new = _stats_of(value)
    if type(stats) is list or type(new) is list:
        raise InvalidValue(
            "The _stats function can't put arrays and numbers together, or arrays of other lengths"
        )
    return (
        stats[0] + new[0], stats[1] + new[1], min(stats[2], new[2]), max(stats[3], new[3]), stats[4] + new[4]
    )  # fmt: skip


def _shown(value: Any) -> str:
    return json.encode(value).decode()


def _packed(stats: Any) -> Any:
    if type(stats) is list:
        return [_packed(one) for one in stats]
    return dict(zip(_STATS, stats or (0, 0, 0, 0, 0), strict=True))


class _Distinct:
    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def add(self, row: Emitted) -> None:
        self._seen.add(hashlib.blake2b(row.key, digest_size=16).digest())

    def result(self) -> Any:
        return len(self._seen)


class _Ranked:
    def __init__(self, rank: int, *, descending: bool) -> None:
        self._rank = rank
        self._descending = descending
        self._best: list[tuple[bytes, Any]] = []

    def add(self, row: Emitted) -> None:
        value = json.decode(row.value)
        sort = sort_key(value)
        if all(sort != held for held, _ in self._best):
            self._best.append((sort, value))
            self._best.sort(key=lambda one: one[0], reverse=self._descending)
            del self._best[self._rank :]

    def result(self) -> Any:
        return [value for _, value in self._best]


class _Outermost:
    """The first or the last row; rows come in either order."""

    def __init__(self, *, last: bool) -> None:
        self._last = last
        self._row: Emitted | None = None

    def add(self, row: Emitted) -> None:
        if self._row is None or (row[:3] > self._row[:3]) is self._last:
            self._row = row

    def result(self) -> Any:
        return None if self._row is None else json.decode(self._row.value)


_PREFIXES: Final[tuple[tuple[str, Callable[[], Reduction]], ...]] = (
    ("_sum", _Sum),
    ("_count", _Count),
    ("_stats", _Stats),
    ("_approx_count_distinct", _Distinct),
    ("_first", lambda: _Outermost(last=False)),
    ("_last", lambda: _Outermost(last=True)),
)
