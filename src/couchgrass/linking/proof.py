"""The document that proves a link by going there and back: what is in it, so that the link carries it.

It must match the link's selector, and so must its tombstone, or it would stay on the other side: the deletion
keeps the fields. A selector is met by its plain conditions; where that does not do, there is no such
document.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from couchgrass.docdb.selector import compile_selector, parse_field
from couchgrass.errors import CouchgrassError

FIELD: Final = "couchgrass_link"
"""The member that says what the document is, for whoever finds it."""

_ABOUT: Final = "Written by `couchgrass link` to prove that documents go there and back; it removes it again."


def proof_doc(doc_id: str, run: str, selector: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The document, with `run` to tell one run's from another's; None if no document is found that
    matches."""
    doc: dict[str, Any] = {"_id": doc_id, FIELD: {"about": _ABOUT, "run": run}}
    if selector is None:
        return doc
    try:
        _meet(doc, copy.deepcopy(selector))
        return doc if doc["_id"] == doc_id and compile_selector(selector)(doc) else None
    except (CouchgrassError, TypeError, AttributeError):
        return None


def _meet(doc: dict[str, Any], selector: Mapping[str, Any]) -> None:
    for field, condition in selector.items():
        if field == "$and":
            for part in condition:
                _meet(doc, part)
        elif field == "$or" and condition:
            _meet(doc, condition[0])
        elif not field.startswith("$"):
            _set(doc, parse_field(field), _value(condition))


class _Nothing:
    """No value can be told, or none is wanted."""


def _value(condition: Any) -> Any:
    """A value that the condition on a field holds for, as far as that is plain to see."""
    if not isinstance(condition, dict) or not any(key.startswith("$") for key in condition):
        return condition
    for operator, argument in condition.items():
        match operator:
            case "$eq" | "$gte" | "$lte":
                return argument
            case "$in" if argument:
                return argument[0]
            case "$ne":
                return f"not {argument}"
            case "$all":
                return argument
            case "$size":
                return [0] * argument
            case "$gt" | "$lt" if isinstance(argument, int | float) and not isinstance(argument, bool):
                return argument + (1 if operator == "$gt" else -1)
            case "$gt" if isinstance(argument, str):
                return argument + "0"
            case "$gt" if argument is None:
                return 0
            case "$exists" if argument is True:
                return True
            case "$type" if argument in _OF_TYPE:
                return _OF_TYPE[argument]
    return _Nothing


_OF_TYPE: Final[Mapping[str, Any]] = {
    "null": None,
    "boolean": True,
    "number": 0,
    "string": "",
    "array": [],
    "object": {},
}


def _set(doc: dict[str, Any], names: list[str], value: Any) -> None:
    if value is _Nothing or names == ["_id"]:
        return
    for name in names[:-1]:
        doc = doc.setdefault(name, {})
    doc[names[-1]] = value
