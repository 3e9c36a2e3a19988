"""Entities as documents."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass import json
from couchgrass.functions import documents
from couchgrass.functions.documents import Pieces
from couchgrass.functions.entity import Action, Entity, Exec, Limits, Package, Parameter, Rule, Trigger
from tests.functions.test_bodies import json_values
from tests.functions.test_names import a_name

values = json_values.filter(lambda value: value == json.decode(json.encode(value)))
parameters = st.lists(st.builds(Parameter, st.text(), values, st.booleans()), max_size=3).map(tuple)
notes = st.dictionaries(st.text(), values, max_size=3)
common: dict[str, Any] = {
    "annotations": notes,
    "publish": st.booleans(),
    "updated": st.integers(0, 2**53),
}
entities: st.SearchStrategy[Entity] = st.one_of(
    st.builds(
        Action,
        a_name,
        st.just("") | a_name,
        a_name,
        st.builds(Exec, st.just("python:3"), digest=st.text(max_size=64), components=st.just(("/a/b",))),
        parameters=parameters,
        limits=st.builds(Limits),
        **common,
    ),
    st.builds(
        Package,
        a_name,
        a_name,
        binding=st.none() | st.tuples(a_name, a_name),
        parameters=parameters,
        **common,
    ),
    st.builds(Trigger, a_name, a_name, parameters=parameters, **common),
    st.builds(Rule, a_name, a_name, st.tuples(a_name, a_name), st.tuples(a_name, a_name, a_name), **common),
)


@given(entities, st.none() | st.just(Pieces("code:1:ab", 2)))
def test_an_entity_comes_back_from_its_document(entity: Entity, pieces: Pieces | None) -> None:
    doc = documents.document(entity, code=b"code", pieces=pieces)
    assert "_rev" not in doc
    found = documents.read_document({**json.decode(json.encode(doc)), "_rev": "3-abc"})
    assert found is not None
    read, at = found
    assert read.rev == "3-abc" and at == pieces
    assert documents.document(read, code=b"code", pieces=pieces) == {**doc, "_rev": "3-abc"}


def test_ids_are_openwhisks() -> None:
    assert documents.entity_id(Action("ns", "p", "a", Exec("python:3"))) == "ns/p/a"
    assert documents.entity_id(Action("ns", "", "a", Exec("python:3"))) == "ns/a"
    assert documents.entity_id(Trigger("ns", "a")) == documents.entity_id(Package("ns", "a")) == "ns/a"


def test_a_document_of_another_form_is_not_read() -> None:
    assert documents.read_document({"_id": "x"}) is None
    assert documents.read_document({"_id": "x", "entityType": ["action"]}) is None
    for wrong in (
        {"_id": "ns/a", "entityType": "trigger"},
        {"_id": "ns/b", "entityType": "trigger", "namespace": "ns", "name": "a"},
        {"_id": "ns/a", "entityType": "trigger", "namespace": "ns", "name": "a", "updated": "x"},
    ):
        with pytest.raises(ValueError):
            documents.read_document(wrong)


@pytest.mark.parametrize(("size", "count"), [(1, 1), (8 << 20, 1), ((8 << 20) + 1, 2), (48 << 20, 6)])
def test_pieces_are_as_many_as_needed_and_know_their_lead(size: int, count: int) -> None:
    pieces = documents.new_pieces(size, now_ms=5, random=b"\x0a")
    assert pieces == Pieces("code:5:0a", count)
    assert pieces.ids() == [f"{pieces.lead}:{number}" for number in range(count)]
