"""What a changes feed is asked for: its options, its filter, and where it starts.

Rules: CouchDB's ``chttpd_db:parse_changes_query``, and ``couch_changes`` for filters and timeouts.

A sequence is ``N-uuid``. One with another suffix comes from a database that was deleted, or from another
server, and counts as 0: the reader sees everything and can't miss a change. So does one that lies in the
future, which only a database that was restored from a copy can have handed out.

Where this differs from CouchDB: a plain integer is taken as a sequence (CouchDB 1.x's form), and a `style`
that is none is refused, where CouchDB fails with 500.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.docdb.erlang_term import erlang_term
from couchgrass.docdb.selector import compile_changes_selector, parse_field
from couchgrass.errors import BadRequest

NO_LIMIT: Final = 10**15
"""CouchDB's default limit; `seq_interval` counts down from it."""

FILTER_SILENCE_MS: Final = 5000
"""A normal feed whose filter finds nothing sends a newline this often."""

_SEQ: Final = re.compile(r'"?([0-9]{1,18})(-[A-Za-z0-9_-]+)?"?')
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,30}")


class Feed(Enum):
    """How a feed is sent; ``live`` is another word for continuous."""

    NORMAL = "normal"
    LONGPOLL = "longpoll"
    CONTINUOUS = "continuous"
    EVENTSOURCE = "eventsource"


_FEEDS: Final = frozenset(feed.value for feed in Feed)


class ChangesQuery(msgspec.Struct, frozen=True):
    """What a feed was asked for. Times are in milliseconds; None where the option was not given.

    `since` and `filter` are the texts as they came; `heartbeat_ms` is 0 for `heartbeat=true`.
    """

    feed: Feed = Feed.NORMAL
    since: str = "0"
    descending: bool = False
    limit: int = NO_LIMIT
    all_leaves: bool = False
    include_docs: bool = False
    conflicts: bool = False
    attachments: bool = False
    att_encoding_info: bool = False
    heartbeat_ms: int | None = None
    timeout_ms: int | None = None
    seq_interval: int = 1
    filter: str = ""
    view: str = ""
    doc_ids: str | None = None

    @property
    def live(self) -> bool:
        """True when the feed waits for changes. A descending one has an end and never waits."""
        return self.feed is not Feed.NORMAL and not self.descending

    @property
    def follows_moves(self) -> bool:
        """True when the feed shows documents that move to the end while it is read."""
        return self.feed is Feed.NORMAL and not self.descending

    def wait_ms(self, most_ms: int) -> int:
        """How long the feed may be silent: then it ends or, with a heartbeat, sends one.

        `most_ms` is the server's `changes_timeout`, which is the default and the cap.
        """
        if self.feed is Feed.NORMAL:
            return FILTER_SILENCE_MS
        if self.heartbeat_ms is not None:
            return min(self.heartbeat_ms or most_ms, most_ms)
        return most_ms if self.timeout_ms is None else min(self.timeout_ms, most_ms)


def parse_changes_query(options: Mapping[str, str], last_event_id: str | None = None) -> ChangesQuery:
    """The options of ``_changes``; unknown ones are left alone. Raises BadRequest with CouchDB's reasons.

    `last_event_id` is the header that a browser's EventSource sends when it reconnects; it beats `since`.
    """
    found: dict[str, Any] = {}
    for key, text in options.items():
        parse = _PARSERS.get(key.lower())
        if parse is not None:
            found.update(parse(text))
    return _resumed(ChangesQuery(**found), last_event_id)


def parse_updates_query(options: Mapping[str, str], last_event_id: str | None = None) -> ChangesQuery:
    """The options of ``_db_updates``: fewer, and with reasons of their own. Raises BadRequest.

    Specification: ``global_changes_httpd``, which knows no `last_event_id`.
    """
    found: dict[str, Any] = {}
    for key, text in options.items():
        if key == "feed":
            if text not in _FEEDS:
                raise BadRequest("Supported `feed` types: normal, continuous, longpoll, eventsource")
            found["feed"] = Feed(text)
        elif key == "since":
            found["since"] = text
        elif key == "descending":
            found["descending"] = text == "true"
        elif key == "heartbeat" and text in ("true", "false"):
            found["heartbeat_ms"] = 0 if text == "true" else None
        elif key in ("limit", "heartbeat", "timeout"):
            value = integer(text)
            if value is None or value < 0:
                raise BadRequest("invalid_integer")
            found[key if key == "limit" else f"{key}_ms"] = value
    return _resumed(ChangesQuery(**found), last_event_id)


def _resumed(query: ChangesQuery, last_event_id: str | None) -> ChangesQuery:
    if last_event_id is None or query.feed is not Feed.EVENTSOURCE:
        return query
    return msgspec.structs.replace(query, since=last_event_id)


def _feed(text: str) -> dict[str, Any]:
    if text == "live":
        return {"feed": Feed.CONTINUOUS}
    try:
        return {"feed": Feed(text)}
    except ValueError:
        reason = "Supported `feed` types: normal, continuous, live, longpoll, eventsource"
        raise BadRequest(reason) from None


def _style(text: str) -> dict[str, Any]:
    if text not in ("main_only", "all_docs"):
        raise BadRequest("The style parameter should be main_only or all_docs")
    return {"all_leaves": text == "all_docs"}


def _heartbeat(text: str) -> dict[str, Any]:
    if text == "true":
        return {"heartbeat_ms": 0}
    value = integer(text)
    if value is None:
        raise BadRequest("Invalid heartbeat value. Expecting a positive integer value (in milliseconds).")
    if value <= 0:
        raise BadRequest("The heartbeat value should be a positive integer (in milliseconds).")
    return {"heartbeat_ms": value}


def _seq_interval(text: str) -> dict[str, Any]:
    value = integer(text)
    if value is None or value <= 0:
        raise BadRequest("invalid_seq_interval")
    return {"seq_interval": value}


def _non_negative(field: str, name: str) -> Callable[[str], dict[str, Any]]:
    def parse(text: str) -> dict[str, Any]:
        value = integer(text)
        if value is None:
            raise BadRequest(f"The {name} parameter should be a non-negative integer")
        if value < 0:
            raise BadRequest(f"The {name} value should be a non-negative integer")
        return {field: value}

    return parse


def _only_true(field: str) -> Callable[[str], dict[str, Any]]:
    return lambda text: {field: True} if text == "true" else {}


def _as_is(field: str) -> Callable[[str], dict[str, Any]]:
    return lambda text: {field: text}


_PARSERS: Final[dict[str, Callable[[str], dict[str, Any]]]] = {
    "feed": _feed,
    "style": _style,
    "heartbeat": _heartbeat,
    "seq_interval": _seq_interval,
    "limit": _non_negative("limit", "limit"),
    "timeout": _non_negative("timeout_ms", "timeout"),
    "since": _as_is("since"),
    "last-event-id": _as_is("since"),
    "filter": _as_is("filter"),
    "view": _as_is("view"),
    "doc_ids": _as_is("doc_ids"),
    "descending": _only_true("descending"),
    "include_docs": _only_true("include_docs"),
    "conflicts": _only_true("conflicts"),
    "attachments": _only_true("attachments"),
    "att_encoding_info": _only_true("att_encoding_info"),
}


def integer(text: str) -> int | None:
    """An option's integer, bounded so that it fits everywhere; None when it is none."""
    if not _INTEGER.fullmatch(text):
        return None
    return max(-(2**62), min(int(text), 2**62))


def start_seq(since: str, *, suffix: str, now: int) -> int:
    """The sequence that a feed starts after. `suffix` ends this life's sequences, `now` is the newest.

    Raises BadRequest for what is no sequence.
    """
    if since == "now":
        return now
    found = _SEQ.fullmatch(since)
    if found is None:
        raise BadRequest("Malformed sequence supplied in 'since' parameter.")
    number = int(found[1])
    return number if found[2] in (None, suffix) and number <= now else 0


class DocIds(msgspec.Struct, frozen=True):
    """``filter=_doc_ids``."""

    ids: frozenset[str]


class DesignDocs(msgspec.Struct, frozen=True):
    """``filter=_design``."""


class Selected(msgspec.Struct, frozen=True):
    """``filter=_selector``. `fields` are the members of `include_docs`' documents; None: all."""

    accepts: Callable[[Any], bool]
    fields: tuple[str, ...] | None = None


class Designed(msgspec.Struct, frozen=True):
    """A function of a design document: member `function` of its object `kind` (views or filters)."""

    ddoc: str
    kind: str
    function: str


Filter = DocIds | DesignDocs | Selected | Designed


def parse_filter(query: ChangesQuery, body: Any) -> Filter | None:
    """The filter. `body` is a POST's JSON, None for a GET. Raises BadRequest with CouchDB's reasons."""
    name = query.filter
    if not name.strip("/"):
        return None
    if name == "_doc_ids":
        ids = json.decode(query.doc_ids or "null") if body is None else body.get("doc_ids")
        if type(ids) is not list or not all(type(one) is str for one in ids):
            raise BadRequest("`doc_ids` filter parameter is not a list of doc ids.")
        return DocIds(frozenset(ids))
    if name == "_design":
        return DesignDocs()
    if name == "_selector":
        if body is None:
            raise BadRequest("Selector must be specified in POST payload")
        return Selected(compile_changes_selector(body.get("selector")), _fields(body.get("fields")))
    if name == "_view":
        if not query.view:
            raise BadRequest("`view` filter parameter is not provided.")
        return _designed(query.view, "views", "`view` must be of the form `designname/viewname`")
    if name.startswith("_"):
        raise BadRequest("unknown builtin filter name")
    return _designed(name, "filters", "`filter` must be of the form `designname/filtername`")


def _designed(text: str, kind: str, refusal: str) -> Designed:
    parts = [part for part in text.split("/") if part]
    if len(parts) != 2:
        raise BadRequest(refusal)
    return Designed(f"_design/{parts[0]}", kind, parts[1])


def _fields(fields: Any) -> tuple[str, ...] | None:
    if fields is None:
        return None
    if type(fields) is not list:
        raise BadRequest("Selector error: fields must be JSON array")
    for field in fields:
        if type(field) is not str:
            raise BadRequest(f"Invalid JSON for field spec: {erlang_term(field)}")
        parse_field(field)
    return tuple(fields) or None


def extract(doc: dict[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    """The document with these fields only, nested as they were; an array's element as an object's member."""
    taken: dict[str, Any] = {}
    for field in fields:
        value: Any = doc
        path = parse_field(field)
        for name in path:
            if type(value) is dict and name in value:
                value = value[name]
            elif type(value) is list and name.isdecimal() and int(name[:18]) < len(value):
                value = value[int(name)]
            else:
                break
        else:
            into = taken
            for name in path[:-1]:
                deeper = into.get(name)
                if type(deeper) is not dict:
                    deeper = into[name] = {}
                into = deeper
            into[path[-1]] = value
    return taken
