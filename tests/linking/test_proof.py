"""The proof's document matches the selector, or there is none."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass.docdb.selector import compile_selector
from couchgrass.linking.job import NO_DESIGN
from couchgrass.linking.proof import FIELD, proof_doc


@pytest.mark.parametrize(
    "selector",
    [
        {"type": "todo"},
        {"type": {"$eq": "todo"}, "n": {"$gt": 3}},
        {"a.b": 1, "a.c": 2},
        {"a": {"x": 1}, "a.b": 2},
        {r"a\.b": 1},
        {"$and": [{"type": "todo"}, NO_DESIGN]},
        {"$or": [{"type": "todo"}, {"type": "note"}]},
        {"type": {"$in": ["a", "b"]}, "list": {"$size": 2}, "tags": {"$all": ["x"]}},
        {"type": {"$exists": True}, "n": {"$type": "number"}, "m": {"$lt": 0}, "s": {"$gt": "a"}},
        {"_id": {"$gt": None}, "k": {"$gt": None}},
        {"gone": {"$exists": False}},
        {"type": {"$ne": "todo"}},
        NO_DESIGN,
        {},
    ],
)
def test_a_plain_selector_is_met_by_the_document_and_its_tombstone(selector: Any) -> None:
    before = repr(selector)
    doc = proof_doc("proof", "run", selector)
    assert doc is not None and doc["_id"] == "proof" and doc[FIELD]["run"] == "run"
    accepts = compile_selector(selector)
    assert accepts(doc) and accepts({**doc, "_deleted": True}) and accepts({**doc, "back": True})
    assert repr(selector) == before


@pytest.mark.parametrize(
    "selector",
    [
        {"name": {"$regex": "^[a-z]{3}[0-9]+$"}},
        {"_id": "todo:1"},
        {"_id": {"$regex": "^todo:"}},
        {"n": {"$mod": [7, 3]}},
        {"a": 1, "a.b": 2},
        {FIELD: 1, "x": {"$gt": 5, "$lt": 3}},
    ],
)
def test_where_none_is_plain_to_see_there_is_none(selector: Any) -> None:
    assert proof_doc("proof", "run", selector) is None


def test_without_a_selector_any_document_will_do() -> None:
    doc = proof_doc("proof", "run", None)
    assert doc is not None and doc.keys() == {"_id", FIELD}
