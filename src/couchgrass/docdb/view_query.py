"""The options of a view, and the ranges of its rows that they ask for.

The options are those of a list (`list_query`) with rules of their own for reduce. A range is told by sort
keys (`collation`), so that who holds the rows compares only bytes.

Specification: ``couch_mrview_util:validate_args`` and ``key_opts`` of CouchDB 3.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from couchgrass.docdb import list_query
from couchgrass.docdb.list_query import ListQuery
from couchgrass.errors import BadRequest, QueryParseError

SortKey = Callable[[Any], bytes]


class KeyRange(msgspec.Struct, frozen=True):
    """Rows between two places; None is no bound, an id of None is all of that key's documents."""

    low: bytes | None = None
    low_id: str | None = None
    low_open: bool = False
    high: bytes | None = None
    high_id: str | None = None
    high_open: bool = False
    descending: bool = False


class ViewQuery(msgspec.Struct, frozen=True):
    """What a view was asked for. `group_level` None: each key is a group; 0: all rows are one."""

    options: ListQuery
    is_reduced: bool
    group_level: int | None = 0


def of_request(options: Mapping[str, str], body: Mapping[str, Any] | None, *, has_reduce: bool) -> ViewQuery:
    """The query of GET, or of POST with its `body`. Raises BadRequest or QueryParseError."""
    if body is not None and "queries" in body:
        raise BadRequest("The `queries` parameter is no longer supported at this endpoint")
    return _checked(_single_key(list_query.read_request(options, body)), has_reduce)


def of_queries(options: Mapping[str, str], body: Mapping[str, Any], *, has_reduce: bool) -> list[ViewQuery]:
    """The queries of ``POST …/queries``. Raises BadRequest or QueryParseError."""
    return [_checked(query, has_reduce) for query in list_query.read_queries(options, body)]


def _single_key(query: ListQuery) -> ListQuery:
    """A list of one key is the same as `key`, which keeps the rows of a reduce in one group."""
    if type(query.keys) is list and len(query.keys) == 1:
        key = query.keys[0]
        unset = query.start_key is UNSET and query.end_key is UNSET
        changes = {"start_key": key, "end_key": key} if unset else {}
        return msgspec.structs.replace(query, keys=None, **changes)
    return query


def _checked(query: ListQuery, has_reduce: bool) -> ViewQuery:
    if query.reduce and not has_reduce:
        raise QueryParseError("Reduce is invalid for map-only views.")
    is_reduced = has_reduce and query.reduce is not False
    level = _group_level(query)
    if is_reduced and query.keys is not None and level is not None:
        raise QueryParseError("Multi-key fetches for reduce views must use `group=true`")
    list_query.check_keys(query)
    if not is_reduced and level != 0:
        raise QueryParseError("Invalid use of grouping on a map view.")
    if is_reduced and query.include_docs:
        raise QueryParseError("`include_docs` is invalid for reduce")
    if is_reduced and query.conflicts:
        raise QueryParseError("`conflicts` is invalid for reduce views.")
    if query.partition is not None:
        raise QueryParseError("`partition` parameter is not supported in this design doc")
    return ViewQuery(query, is_reduced, level)


def _group_level(query: ListQuery) -> int | None:
    if query.group_level is None:
        return None if query.group else 0
    if query.group is False and query.group_level > 0:
        raise QueryParseError("Can't specify group=false and group_level>0 at the same time")
    return query.group_level


def ranges(query: ListQuery, sort_key: SortKey) -> Sequence[KeyRange]:
    """The ranges in the order of their rows: one, or one for each of the keys. Raises QueryParseError."""
    if query.keys is None:
        return (_range(query, sort_key),)
    keys = query.keys[::-1] if query.descending else query.keys
    return [
        _range(msgspec.structs.replace(query, keys=None, start_key=key, end_key=key), sort_key)
        for key in keys
    ]


def _range(query: ListQuery, sort_key: SortKey) -> KeyRange:
    start = start_id = end = end_id = None
    if query.start_key is not UNSET:
        start = sort_key(query.start_key)
        start_id = None if query.start_key_docid is UNSET else query.start_key_docid
    if query.end_key is not UNSET:
        end = sort_key(query.end_key)
        end_id = None if query.end_key_docid is UNSET else query.end_key_docid
    is_open = not query.inclusive_end and end is not None
    if start is not None and end is not None and query.start_key != query.end_key:
        _check_order((start, start_id), (end, end_id), query.descending)
    if query.descending:
        return KeyRange(end, end_id, is_open, start, start_id, False, True)
    return KeyRange(start, start_id, False, end, end_id, is_open)


def _check_order(start: tuple[bytes, str | None], end: tuple[bytes, str | None], descending: bool) -> None:
    if start[0] == end[0]:
        return
    if (start[0] > end[0]) is not descending:
        raise QueryParseError(
            "No rows can match your key range, reverse your start_key and end_key or set "
            f"descending={'false' if descending else 'true'}"
        )
