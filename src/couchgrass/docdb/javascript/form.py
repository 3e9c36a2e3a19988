"""What CouchDB asks of a design document before it stores one, and the functions that are in it.

Its members have types, each view has a map function, and the functions of views compile; all other functions
are looked at when they are first called. Specification: ``couch_mrview:validate`` of CouchDB 3.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from couchgrass.errors import BadRequest, CouchgrassError

JAVASCRIPT: Final = "javascript"
QUERY: Final = "query"
"""The language of design documents that hold selectors instead of functions."""

RANK_MAX: Final = 100
"""The highest N of the built-in reduces ``_top_N`` and ``_bottom_N``."""

_ANY: Final = "*"
_TYPES: Final[Mapping[str, type]] = {"object": dict, "string": str, "array": list, "boolean": bool}
_BUILT_IN: Final = ("_sum", "_count", "_stats", "_approx_count_distinct", "_first", "_last")
_RANK: Final = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)

_Step = tuple[str, str]
_FORM: Final[tuple[tuple[_Step, ...], ...]] = (
    (("filters", "object"), (_ANY, "string or object")),
    (("language", "string"),),
    (("lists", "object"), (_ANY, "string or object")),
    (("options", "object"),),
    (("options", "object"), ("include_design", "boolean")),
    (("options", "object"), ("local_seq", "boolean")),
    (("options", "object"), ("partitioned", "boolean")),
    (("rewrites", "array or string"),),
    (("shows", "object"), (_ANY, "string or object")),
    (("updates", "object"), (_ANY, "string or object")),
    (("validate_doc_update", "object or string"),),
    (("views", "object"), ("lib", "object")),
    (("views", "object"), (_ANY, "object"), ("map", "")),
    (("views", "object"), (_ANY, "object"), ("reduce", "string")),
)
"""Paths into a design document and the types along them. The map's type depends on the language."""


class InvalidDesignDoc(BadRequest):
    """A design document of the wrong form."""

    error = "invalid_design_doc"


class CompilationError(BadRequest):
    """A view's function does not compile."""

    error = "compilation_error"


class ViewFunction(NamedTuple):
    """A function that is to compile: "map" or "reduce" of a view."""

    kind: str
    view: str
    source: str


def language_of(ddoc: Mapping[str, Any]) -> str:
    """The language of its functions."""
    return str(ddoc.get("language", JAVASCRIPT))


def check_language(ddoc: Mapping[str, Any]) -> None:
    """Raises CouchgrassError (500 ``unknown_query_language``) unless the functions are in JavaScript."""
    language = language_of(ddoc)
    if language != JAVASCRIPT:
        raise CouchgrassError(language, error="unknown_query_language")


def check_form(ddoc: Mapping[str, Any]) -> None:
    """Raises InvalidDesignDoc with CouchDB's reasons."""
    map_type = "object" if ddoc.get("language") == QUERY else "string"
    for path in _FORM:
        _check(ddoc, tuple((name, kind or map_type) for name, kind in path), ())
    for name, view in ddoc.get("views", {}).items():
        if name != "lib" and "map" not in view:
            raise InvalidDesignDoc(f"View `{name}` must contain map function")
    if ddoc.get("options", {}).get("partitioned") is True:
        raise InvalidDesignDoc("partitioned option cannot be true in a non-partitioned database.")


def _check(value: Any, path: Sequence[_Step], above: tuple[str, ...]) -> None:
    """Follows one path; what is missing on it is left alone."""
    if not path:
        return
    (name, kinds), rest = path[0], path[1:]
    for found in list(value) if name == _ANY else [name]:
        if found in value:
            member = value[found]
            if not isinstance(member, tuple(_TYPES[kind] for kind in kinds.split(" or "))):
                where = ".".join((*above, found))
                raise InvalidDesignDoc(f"`{where}` field must have {kinds} type")
            _check(member, rest, (*above, found))


def view_functions(ddoc: Mapping[str, Any]) -> Iterator[ViewFunction]:
    """The functions of a JavaScript design document's views. Raises InvalidDesignDoc for a bad reduce."""
    for name, view in ddoc.get("views", {}).items():
        if name == "lib":
            continue
        yield ViewFunction("map", name, view["map"])
        reduce = view.get("reduce")
        if reduce is None:
            continue
        if reduce.startswith("_"):
            _check_built_in(reduce)
        else:
            yield ViewFunction("reduce", name, reduce)


def _check_built_in(reduce: str) -> None:
    for ranked in ("_top_", "_bottom_"):
        if reduce.startswith(ranked):
            rank = reduce.removeprefix(ranked)
            if not _RANK.fullmatch(rank):
                raise InvalidDesignDoc("invalid rank reducer")
            if not 1 <= int(rank) <= RANK_MAX:
                raise InvalidDesignDoc(f"rank value must be between 1 and {RANK_MAX}")
            return
    if not reduce.startswith(_BUILT_IN):
        raise InvalidDesignDoc(f"`{reduce}` is not a supported reduce function.")


def not_compiled(function: ViewFunction, reason: str) -> CompilationError:
    """CouchDB's words for a function of a view that does not compile."""
    return CompilationError(
        f"Compilation of the {function.kind} function in the '{function.view}' view failed: {reason}"
    )
