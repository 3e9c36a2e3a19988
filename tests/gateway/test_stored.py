"""A document comes back as it went in, key order and all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass import json
from couchgrass.errors import BadRequest
from couchgrass.gateway.stored import TEXT_BYTES_MAX, StoredApi, from_document, id_of, text_of, to_document

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=6))
def test_a_document_round_trips_with_its_order(document: dict[str, Any]) -> None:
    api = StoredApi("guest", "/v1", "t", text_of(document), 1, 2, "1-a")
    again = from_document(json.decode(json.encode(to_document(api))))
    assert again == api
    assert again.text == text_of(document)
    assert list(again.document) == list(document)
    assert again.document == document


def test_the_id_tells_namespace_and_base_path() -> None:
    assert id_of("guest", "/v1") == "api/guest/v1"


@pytest.mark.parametrize(
    "change",
    [{"type": "x"}, {"namespace": 5}, {"_id": "api/other/v1"}, {"created": "x"}, {"document": None}],
)
def test_what_is_no_api_is_none(change: dict[str, Any]) -> None:
    assert from_document({**to_document(StoredApi("guest", "/v1", "t", "{}", 1, 2)), **change}) is None


def test_a_document_is_bounded() -> None:
    with pytest.raises(BadRequest):
        text_of({"x": "y" * TEXT_BYTES_MAX})
