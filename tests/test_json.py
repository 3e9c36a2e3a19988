"""JSON: what decodes can be written again, and a body can be decoded piece by piece."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass import json
from couchgrass.errors import BadRequest

values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.text(), st.floats(allow_nan=False, allow_infinity=False)
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=10,
)


@given(values)
def test_decoding_gives_back_what_was_encoded(value: Any) -> None:
    again = json.decode(json.encode(value))
    assert again == value
    assert json.encode(again) == json.encode(value)


@given(st.dictionaries(st.sampled_from(["docs", "a", "b"]), values))
def test_taking_a_body_apart_loses_nothing(body: dict[str, Any]) -> None:
    apart = json.decode_apart(json.encode(body), "docs")
    if type(body.get("docs")) is list:
        apart["docs"] = [json.decode(raw) for raw in apart["docs"]]
    assert apart == body


@pytest.mark.parametrize("text", [b"[1]", b"1", b'"docs"', b"{}", b'{"docs":{}}', b'{"docs":null}'])
def test_a_body_of_another_form_is_decoded_whole(text: bytes) -> None:
    assert json.decode_apart(text, "docs") == json.decode(text)


@pytest.mark.parametrize("text", [b'{"docs":[1,}', b'{"docs":[1],"a":}', b"", b'{"docs":[1]}x'])
def test_what_is_no_json_is_refused_either_way(text: bytes) -> None:
    with pytest.raises(BadRequest, match="invalid UTF-8 JSON"):
        json.decode_apart(text, "docs")


def test_a_bad_element_is_refused_when_it_is_decoded() -> None:
    apart = json.decode_apart(b'{"docs":["\xff"]}', "docs")
    with pytest.raises(BadRequest, match="invalid UTF-8 JSON"):
        json.decode(apart["docs"][0])
