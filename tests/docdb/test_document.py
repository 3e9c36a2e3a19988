"""Taking a document apart: ids, revisions, underscore fields, and a body that stays exact."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass import json
from couchgrass.docdb.document import check_doc_id, parse_document, parse_revisions
from couchgrass.docdb.render import doc_json
from couchgrass.docdb.rev import POS_MAX, Rev
from couchgrass.errors import BadRequest, CouchgrassError, DocValidation, IllegalDocId, TooLarge

HEX = "ab" * 16
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**200), 2**200),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=12,
)
bodies = st.dictionaries(st.text().filter(lambda key: not key.startswith("_")), values, max_size=6)


def same(one: Any, other: Any) -> bool:
    """Equal with types: 1 is not 1.0 is not true, and the order of keys counts."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@given(bodies)
def test_a_body_comes_back_exactly(body: dict[str, Any]) -> None:
    edit = parse_document(json.decode(json.encode({"_id": "x", **body})))
    text = doc_json("x", "1-a", False, edit.body)
    assert same(json.decode(text), {"_id": "x", "_rev": "1-a", **body})


@pytest.mark.parametrize(
    "number",
    ["123456789012345678901234567890", "1.0", "1", "-0.0", "0.1", "1e+300", "9007199254740993", "-1"],
)
def test_numbers_survive_exactly(number: str) -> None:
    edit = parse_document(json.decode(f'{{"_id":"x","n":{number}}}'))
    assert same(json.decode(edit.body)["n"], json.decode(number))


@pytest.mark.parametrize(
    "text",
    [b'{"a":"\xff"}', b"{", b'{"a":1}x', b'{"a":NaN}', b'{"a":"\\ud800"}', b"", b'{"a":01}', b"[" * 100_000],
)
def test_what_is_not_json_is_refused(text: bytes) -> None:
    with pytest.raises(BadRequest, match="invalid UTF-8 JSON"):
        json.decode(text)


@pytest.mark.parametrize("value", [None, 1, "x", [], True])
def test_a_document_is_an_object(value: Any) -> None:
    with pytest.raises(BadRequest, match="Document must be a JSON object"):
        parse_document(value)


@pytest.mark.parametrize("field", ["_foo", "_", "__id", "_ID"])
def test_unknown_underscore_fields_are_refused(field: str) -> None:
    with pytest.raises(DocValidation, match=f"^Bad special document member: {field}$"):
        parse_document({field: 1})


def test_what_the_database_itself_answers_is_ignored() -> None:
    ignored = {"_revs_info": [], "_local_seq": 1, "_conflicts": [], "_deleted_conflicts": []}
    assert parse_document({"a": 1, **ignored}).body == b'{"a":1}'


def test_replication_states_are_kept_in_the_body() -> None:
    assert parse_document({"_replication_state": "completed"}).body == b'{"_replication_state":"completed"}'


@pytest.mark.parametrize(
    ("doc_id", "reason"),
    [
        ("", "Document id must not be empty"),
        ("_x", "Only reserved document ids may start with underscore."),
        ("_design", "Only reserved document ids may start with underscore."),
        ("_design/", "Illegal document id `_design/`"),
        ("_local/", "Illegal document id `_local/`"),
        (1, "Document id must be a string"),
        (None, "Document id must be a string"),
    ],
)
def test_ids_are_checked(doc_id: Any, reason: str) -> None:
    with pytest.raises(IllegalDocId) as refused:
        check_doc_id(doc_id)
    assert refused.value.reason == reason


@pytest.mark.parametrize("doc_id", ["a", "_design/a", "_local/a", "é/ß", "a_", "-", " "])
def test_these_ids_are_good(doc_id: str) -> None:
    check_doc_id(doc_id)


def test_revisions_win_over_rev() -> None:
    for doc in (
        {"_rev": "1-x", "_revisions": {"start": 2, "ids": ["b", "a"]}},
        {"_revisions": {"start": 2, "ids": ["b", "a"]}, "_rev": "1-x"},
    ):
        edit = parse_document(doc)
        assert (edit.pos, edit.ids) == (2, ("b", "a"))


def test_rev_alone_names_one_revision() -> None:
    assert parse_document({"_rev": f"7-{HEX}"}).rev == Rev(7, HEX)


@pytest.mark.parametrize(
    ("revisions", "reason"),
    [
        ({"start": "2", "ids": []}, "_revisions.start isn't an integer."),
        ({"start": True, "ids": []}, "_revisions.start isn't an integer."),
        ({"start": 1, "ids": "x"}, "_revisions.ids isn't a array."),
        ({"start": 1, "ids": [1]}, "RevId isn't a string"),
        ({"start": 1, "ids": ["z" * 32]}, "RevId isn't a valid hexadecimal"),
        ({"start": 1, "ids": ["b", "a"]}, "_revisions.ids has more entries than _revisions.start."),
        ([], "_revisions.start isn't an integer."),
    ],
)
def test_bad_revisions_are_refused(revisions: Any, reason: str) -> None:
    with pytest.raises(DocValidation) as refused:
        parse_document({"_revisions": revisions})
    assert refused.value.reason == reason


@pytest.mark.parametrize("flag", [1, "true", None])
def test_deleted_must_be_a_boolean(flag: Any) -> None:
    with pytest.raises(DocValidation):
        parse_document({"_deleted": flag})


def test_the_id_of_the_url_counts() -> None:
    assert parse_document({"_id": "a"}, "b").id == "b"
    assert parse_document({"_id": "a"}).id == "a"
    assert parse_document({}).id == ""


def test_a_document_has_a_limit() -> None:
    with pytest.raises(TooLarge) as refused:
        parse_document({"_id": "big", "x": "y" * 100}, bytes_max=100)
    assert (refused.value.error, refused.value.reason) == ("document_too_large", "big")


@given(
    st.dictionaries(
        st.sampled_from(["_id", "_rev", "_deleted", "_revisions", "_attachments", "_x", "a"]), values
    )
)
def test_any_json_is_taken_or_refused_with_a_reason(doc: dict[str, Any]) -> None:
    try:
        parse_document(doc)
    except CouchgrassError as refused:
        assert 400 <= refused.status < 500
        assert refused.reason


def test_a_generation_too_high_to_be_read_back_is_refused() -> None:
    with pytest.raises(DocValidation):
        parse_revisions({"start": POS_MAX + 1, "ids": ["a"]})
    assert parse_revisions({"start": POS_MAX, "ids": ["a"]}) == (POS_MAX, ("a",))
