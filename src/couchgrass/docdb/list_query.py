"""The options of a list (``_all_docs`` and its kin), from a query string or a JSON body, as one value.

Specification: ``couch_mrview_http:parse_params`` and ``couch_mrview_util:validate_all_docs_args`` of
CouchDB 3.5. Rules that are easy to miss:

* A body is read first, the query string over it. In ``queries`` it is the other way round: the query
  string is what each of the queries starts from.
* A list of one key in the options is the same as ``key``; only one that the caller took out of the request
  before (`of_request`) makes rows for keys that are not there.
* Ids are compared as bytes, and as Erlang orders terms any other JSON value comes before all strings, so
  ``endkey={}`` lists nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from couchgrass import json
from couchgrass.errors import BadRequest, QueryParseError

LIMIT_MAX = 0x0FFFFFFF
"""CouchDB's own highest `limit`, and its default."""

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_NUMBER_MAX = 2**62
_DIGITS_MAX = 4000
"""Digits of a number in a query string; Python refuses to read over 4,300."""


class Space(Enum):
    """Which ids a list is about, by the last segment of its path."""

    ALL = "_all_docs"
    DESIGN = "_design_docs"
    LOCAL = "_local_docs"


class ListQuery(msgspec.Struct, frozen=True):
    """All options. A key that is UNSET was not given; None is JSON's null.

    `update` is for views: "true" to take in all changes first, "false" not to, "lazy" to do it afterwards.
    """

    keys: Any = None
    start_key: Any = UNSET
    end_key: Any = UNSET
    start_key_docid: str | UnsetType = UNSET
    end_key_docid: str | UnsetType = UNSET
    inclusive_end: bool = True
    descending: bool = False
    skip: int = 0
    limit: int = LIMIT_MAX
    include_docs: bool = False
    conflicts: bool = False
    attachments: bool = False
    att_encoding_info: bool = False
    update_seq: bool = False
    sorted: bool = True
    reduce: bool | None = None
    group: bool | None = None
    group_level: int | None = None
    partition: str | None = None
    update: str = "true"


class Bounds(msgspec.Struct, frozen=True):
    """A range of ids by their bytes, each end inclusive unless it is open; None is no bound."""

    low: str | None = None
    high: str | None = None
    low_open: bool = False
    high_open: bool = False


NOTHING = Bounds(high="", high_open=True)
"""No id is below the empty text."""


def of_request(options: Mapping[str, str], body: Mapping[str, Any] | None = None) -> ListQuery:
    """The query of GET, or of POST with its `body`. Raises BadRequest or QueryParseError."""
    return _checked(read_request(options, body))


def read_request(options: Mapping[str, str], body: Mapping[str, Any] | None = None) -> ListQuery:
    """The same, with options that may not go together."""
    if body is None:
        keys = json.decode(options["keys"]) if "keys" in options else None
        if "keys" in options and type(keys) is not list:
            raise BadRequest("`keys` parameter must be an array.")
        query = ListQuery(keys=keys)
    else:
        if "keys" in body and type(body["keys"]) is not list:
            raise BadRequest("`keys` body member must be an array.")
        query = _with(ListQuery(keys=body.get("keys")), body, decoded=True)
    return _with(query, options, decoded=False)


def of_queries(options: Mapping[str, str], body: Mapping[str, Any]) -> list[ListQuery]:
    """The queries of ``POST …/queries``. Raises BadRequest or QueryParseError."""
    return [_checked(query) for query in read_queries(options, body)]


def read_queries(options: Mapping[str, str], body: Mapping[str, Any]) -> list[ListQuery]:
    """The same, with options that may not go together."""
    queries = body.get("queries")
    if "queries" not in body:
        raise BadRequest("POST body must include `queries` parameter.")
    if type(queries) is not list:
        raise BadRequest("`queries` member must be an array.")
    common = _with(ListQuery(), options, decoded=False)
    common = msgspec.structs.replace(common, keys=None, group=None, group_level=None)
    found = []
    for query in queries:
        if type(query) is not dict:
            raise BadRequest("Each of `queries` must be a JSON object.")
        found.append(_with(common, query, decoded=True))
    return found


def bounds(query: ListQuery, space: Space) -> Bounds:
    """The ids between the query's start and end, within `space`."""
    start = query.start_key_docid if query.start_key is UNSET else query.start_key
    end = query.end_key_docid if query.end_key is UNSET else query.end_key
    first, last = (end, start) if query.descending else (start, end)
    is_open = not query.inclusive_end
    low = first if type(first) is str and first else None
    low_open = is_open and query.descending and low is not None
    high, high_open = None if last is UNSET else NOTHING.high, last is not UNSET
    if type(last) is str:
        high, high_open = last, is_open and not query.descending
    if space is Space.DESIGN:
        if low is None or low < "_design/":
            low, low_open = "_design/", False
        if high is None or high > "_design0":
            high, high_open = "_design0", True
    return Bounds(low, high, low_open, high_open)


def _with(query: ListQuery, options: Mapping[str, Any], *, decoded: bool) -> ListQuery:
    """The query with these options over its own. `decoded`: the values are JSON's, not texts."""
    changes: dict[str, Any] = {}
    for name, value in options.items():
        if name == "keys":
            keys = _json(value, decoded)
            if type(keys) is list and len(keys) == 1:
                changes["start_key"] = changes["end_key"] = keys[0]
            else:
                changes["keys"] = keys
        elif name in _OPTIONS:
            fields, read = _OPTIONS[name]
            found = read(value, decoded)
            for field in fields:
                changes[field] = found
        elif name in _CHOICES:
            if value not in _CHOICES[name]:
                raise QueryParseError(f"Invalid value for `{name}`.")
            if name != "stable":
                changes["update"] = _UPDATES.get(value, "true")
    return msgspec.structs.replace(query, **changes) if changes else query


def _checked(query: ListQuery) -> ListQuery:
    """The query itself. Raises QueryParseError if its options don't go together."""
    if query.reduce:
        raise QueryParseError("Reduce is invalid for map-only views.")
    if query.group is False and query.group_level:
        raise QueryParseError("Can't specify group=false and group_level>0 at the same time")
    if query.group_level or (query.group and query.group_level is None):
        raise QueryParseError("Invalid use of grouping on a map view.")
    check_keys(query)
    if query.partition is not None:
        raise QueryParseError("`partition` parameter is not supported on this db")
    return query


def check_keys(query: ListQuery) -> None:
    """Raises QueryParseError if the keys, or the limit, can't be."""
    keys = query.keys
    if keys is not None and type(keys) is not list:
        raise QueryParseError("`keys` must be an array of strings.")
    ends = (query.start_key, query.end_key)
    if keys and ends != (UNSET, UNSET) and (len(keys) > 1 or ends != (keys[0], keys[0])):
        raise QueryParseError("`keys` is incompatible with `key`, `start_key` and `end_key`")
    if query.limit > LIMIT_MAX:
        raise QueryParseError(f"Limit is too large, must not exceed {LIMIT_MAX}")


def _json(value: Any, decoded: bool) -> Any:
    return value if decoded else json.decode(value)


def _text(value: Any, decoded: bool) -> str:
    return value if type(value) is str else json.encode(value).decode()


def _boolean(value: Any, decoded: bool) -> bool:
    if type(value) is bool:
        return value
    if type(value) is str and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise QueryParseError(f"Invalid boolean parameter: {_text_of(value)}")


def _number(value: Any, decoded: bool) -> int:
    """A number that is not negative. A body must hold it as a number, as CouchDB has it."""
    number: int | None = None
    if type(value) is int:
        number = value
    elif type(value) is str and not decoded and len(value) < _DIGITS_MAX and _INTEGER.fullmatch(value):
        number = int(value)
    if number is None:
        shown = f"<<{_text_of(value)}>>" if decoded and type(value) is str else _text_of(value)
        raise QueryParseError(f"Invalid value for integer: {shown}")
    if number < 0:
        raise QueryParseError(f"Invalid value for positive integer: {_text_of(value)}")
    return min(number, _NUMBER_MAX)


def _text_of(value: Any) -> str:
    return json.encode(value).decode()


_Reader = Callable[[Any, bool], Any]

_OPTIONS: Mapping[str, tuple[tuple[str, ...], _Reader]] = {
    "key": (("start_key", "end_key"), _json),
    "startkey": (("start_key",), _json),
    "start_key": (("start_key",), _json),
    "endkey": (("end_key",), _json),
    "end_key": (("end_key",), _json),
    "startkey_docid": (("start_key_docid",), _text),
    "start_key_doc_id": (("start_key_docid",), _text),
    "endkey_docid": (("end_key_docid",), _text),
    "end_key_doc_id": (("end_key_docid",), _text),
    "partition": (("partition",), _text),
    "skip": (("skip",), _number),
    "limit": (("limit",), _number),
    "group_level": (("group_level",), _number),
    **{
        name: ((name,), _boolean)
        for name in (
            "reduce", "group", "descending", "inclusive_end", "include_docs", "conflicts", "attachments",
            "att_encoding_info", "update_seq", "sorted",
        )
    },
}  # fmt: skip
"""Each option's name: the fields that it sets, and how its value is read."""

_CHOICES: Mapping[str, tuple[Any, ...]] = {
    "stale": ("ok", "update_after"),
    "stable": ("true", "false", True, False),
    "update": ("true", "false", "lazy", True, False),
}
"""Options that mean nothing to lists of ids and are still checked. 1 and 0 pass for true and false."""

_UPDATES: Mapping[Any, str] = {
    "ok": "false",
    "update_after": "lazy",
    "false": "false",
    False: "false",
    "lazy": "lazy",
}
