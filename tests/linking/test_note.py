"""A server's note on a link: names that are added and taken away, and nothing secret."""

from __future__ import annotations

from couchgrass.linking.note import Note, note_doc, read_note


def test_a_note_is_read_as_it_was_written() -> None:
    note = Note(("apikey-1", "apikey-2"), ("f00",))
    assert note_doc("todos", note) == {
        "db": "todos",
        "keys": ["apikey-1", "apikey-2"],
        "checkpoints": ["f00"],
    }
    assert read_note({"_id": "_local/x", "_rev": "0-1", **note_doc("todos", note)}) == note


def test_what_is_no_note_is_an_empty_one() -> None:
    for doc in (None, {}, {"keys": "apikey-1", "checkpoints": [1, None]}):
        assert read_note(doc) == Note()


def test_what_is_added_twice_is_there_once_and_what_is_taken_away_is_gone() -> None:
    one = Note(("b",)).plus(Note(("a", "b"), ("f00",)))
    assert one == Note(("a", "b"), ("f00",)) == one.plus(one)
    assert one.minus(Note(("b", "c"))) == Note(("a",), ("f00",))
    assert one.minus(one) == Note()
