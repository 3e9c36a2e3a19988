"""Documents as JSON text, spliced and not parsed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass import json as wire
from couchgrass.docdb.render import doc_json, rev_list, revisions, revs_info

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
bodies = st.dictionaries(texts.filter(lambda name: name[:1] != "_"), st.integers() | texts, max_size=4)


@pytest.mark.parametrize(
    ("deleted", "body", "tail", "text"),
    [
        (False, b"{}", b"", b'{"_id":"a","_rev":"1-x"}'),
        (True, b"{}", b"", b'{"_id":"a","_rev":"1-x","_deleted":true}'),
        (False, b'{"z":1,"a":2}', b"", b'{"_id":"a","_rev":"1-x","z":1,"a":2}'),
        (True, b'{"z":1}', b',"_x":1', b'{"_id":"a","_rev":"1-x","_deleted":true,"z":1,"_x":1}'),
        (False, b"{}", b',"_x":1', b'{"_id":"a","_rev":"1-x","_x":1}'),
    ],
)
def test_the_databases_members_are_spliced_around_the_body(
    deleted: bool, body: bytes, tail: bytes, text: bytes
) -> None:
    assert doc_json("a", "1-x", deleted, body, tail) == text


@given(texts, texts, st.booleans(), bodies)
def test_a_spliced_document_is_the_json_of_its_members(
    doc_id: str, rev: str, deleted: bool, body: dict[str, Any]
) -> None:
    found = json.loads(doc_json(doc_id, rev, deleted, wire.encode(body)))
    assert found == {"_id": doc_id, "_rev": rev, **({"_deleted": True} if deleted else {}), **body}
    assert list(found)[2 + deleted :] == list(body)


def test_revisions_are_newest_first() -> None:
    assert revisions(3, ["c", "b"]) == b',"_revisions":{"start":3,"ids":["c","b"]}'


def test_revs_info_counts_down_and_tells_what_is_there() -> None:
    found = json.loads(b'{"_":0' + revs_info(4, ["d", "c", "b"], {"4-d": True, "3-c": False}) + b"}")
    assert found["_revs_info"] == [
        {"rev": "4-d", "status": "deleted"},
        {"rev": "3-c", "status": "available"},
        {"rev": "2-b", "status": "missing"},
    ]


def test_a_list_without_revisions_is_no_member_at_all() -> None:
    assert rev_list("_conflicts", []) == b""
    assert rev_list("_conflicts", ["2-b", "1-a"]) == b',"_conflicts":["2-b","1-a"]'
