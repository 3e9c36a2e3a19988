"""Where two checkpoint documents agree: never ahead of what both say, whatever they hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from couchgrass import json
from couchgrass.replication.checkpoint import (
    HISTORY_MAX,
    Session,
    Start,
    caught_up_at,
    common,
    http_date,
    is_same,
    record,
    reply,
)


def session(id: str, seq: Any, **counts: int) -> Session:
    return Session(
        session_id=id,
        start_time_s=0.0,
        end_time_s=60.0,
        start_last_seq=Raw(b"0"),
        recorded_seq=Raw(json.encode(seq)),
        **counts,
    )


def written(*steps: tuple[str, Any]) -> list[dict[str, Any]]:
    """The documents that checkpoints at `steps` (session, seq) write, as a database gives them back."""
    documents: list[dict[str, Any]] = []
    for id, seq in steps:
        history = documents[-1]["history"] if documents else []
        documents.append(json.decode(json.encode(record(history, session(id, seq)))))
    return documents


def seq_of(start: Start) -> Any:
    return None if start.seq is None else json.decode(start.seq)


def couchdb(session_id: str, seq: Any, *older: tuple[str, Any]) -> dict[str, Any]:
    """A document as CouchDB writes it."""
    entries = [
        {"session_id": id, "recorded_seq": at, "docs_read": 1} for id, at in ((session_id, seq), *older)
    ]
    return {"session_id": session_id, "source_last_seq": seq, "replication_id_version": 4, "history": entries}


def pouchdb(session_id: str, seq: Any, *older: tuple[str, Any]) -> dict[str, Any]:
    """A document as PouchDB writes it."""
    entries = [{"session_id": id, "last_seq": at} for id, at in ((session_id, seq), *older)]
    return {
        "session_id": session_id,
        "last_seq": seq,
        "replicator": "pouchdb",
        "version": 1,
        "history": entries[:5],
    }


@pytest.mark.parametrize("make", [couchdb, pouchdb])
def test_the_same_document_on_both_sides_is_gone_on_from(make: Any) -> None:
    document = make("s2", "9-abc", ("s1", "5-x"))
    assert seq_of(common(document, document)) == "9-abc"


@pytest.mark.parametrize("make", [couchdb, pouchdb])
def test_else_the_newest_session_that_both_know_is(make: Any) -> None:
    source = make("s4", 9, ("s3", 7), ("s2", 5), ("s1", 3))
    target = make("s5", 8, ("s2", 5), ("s1", 3))
    start = common(source, target)
    assert seq_of(start) == 5
    assert [entry["session_id"] for entry in start.history] == ["s2", "s1"]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (None, None),
        (None, couchdb("s", 5)),
        (couchdb("s", 5), None),
        ({}, {}),
        (couchdb("s", 5), couchdb("t", 5)),
        (couchdb("s", 0), couchdb("s", 0)),
        (couchdb("s", "0"), couchdb("s", "0")),
    ],
)
def test_sides_that_agree_on_nothing_start_from_nothing(source: Any, target: Any) -> None:
    assert common(source, target).seq is None


@pytest.mark.parametrize("seq", [7, "7-g1AAAA", [7, "opaque"], {"a": 1}, 2**70, ""])
def test_a_sequence_is_any_json_and_comes_back_as_it_was(seq: Any) -> None:
    (document,) = written(("s", seq))
    assert seq_of(common(document, document)) == (seq or None)


# --- damage ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        {"session_id": None, "source_last_seq": 5},
        {"source_last_seq": 5},
        {"session_id": "s"},
        {"session_id": "s", "source_last_seq": None},
        {"session_id": "s", "source_last_seq": True},
        {"session_id": "s", "source_last_seq": -1},
        {"session_id": "s", "history": 5},
        {"session_id": "", "source_last_seq": 5},
        {"session_id": ["s"], "source_last_seq": 5, "history": [None, 1, [], {}]},
        {"history": [{"session_id": 5, "recorded_seq": 5}, {"session_id": "s"}]},
    ],
)
def test_a_damaged_document_is_no_checkpoint(document: dict[str, Any]) -> None:
    assert common(document, document) == Start()
    assert common(document, couchdb("s", 5)) == common(couchdb("s", 5), document) == Start()


def test_sound_entries_of_a_damaged_document_count() -> None:
    damaged = {
        "session_id": 5,
        "history": [None, {"session_id": "s", "recorded_seq": 5, "docs_read": "many"}],
    }
    start = common(damaged, couchdb("t", 9, ("s", 5)))
    assert seq_of(start) == 5
    assert start.history == [{"session_id": "s", "recorded_seq": Raw(b"5")}]


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=3), some, max_size=3),
    max_leaves=4,
)
ENTRIES = st.dictionaries(
    st.sampled_from(["session_id", "recorded_seq", "last_seq", "checkpoint", "docs_read", "start_time"]), JSON
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "session_id": st.sampled_from(["a", "b"]) | JSON,
        "source_last_seq": JSON,
        "last_seq": JSON,
        "history": st.lists(ENTRIES | JSON, max_size=4) | JSON,
        "caught_up_at": JSON,
    },
)


@given(DOCUMENTS, DOCUMENTS)
def test_no_document_breaks_the_comparison_or_the_next_checkpoint(source: Any, target: Any) -> None:
    start = common(source, target)
    document = record(start.history, session("fresh", 5), caught_up_at=caught_up_at(source))
    assert seq_of(common(json.decode(json.encode(document)), document)) == 5


def test_a_long_history_is_cut() -> None:
    long = couchdb("s0", 1000, *((f"s{number}", 1000 - number) for number in range(1, 500)))
    assert len(common(long, long).history) <= HISTORY_MAX
    assert len(record(long["history"], session("new", 1001))["history"]) == HISTORY_MAX


# --- sides that differ -------------------------------------------------------------------------------


def test_a_crash_between_the_two_writes_goes_back_to_the_older_one() -> None:
    before, after = written(("s", "5-a"), ("s", "9-b"))
    assert seq_of(common(after, before)) == "5-a"


def test_a_target_from_a_backup_is_not_believed_to_have_what_the_source_remembers() -> None:
    old, *_, new = written(("s", "10-zz"), ("s", "8-yy"), ("s", "7-xx"))
    assert seq_of(common(new, old)) == "10-zz"
    *_, later = written(("s", "10-zz"), ("s", "8-yy"), ("t", "9-t"))
    assert seq_of(common(later, old)) == "10-zz"


def test_a_source_from_a_backup_is_not_asked_for_what_it_never_had() -> None:
    old, new = written(("s", "10-zz"), ("s", "8-yy"))
    assert seq_of(common(old, new)) == "10-zz"


@pytest.mark.parametrize("make", [couchdb, pouchdb])
@pytest.mark.parametrize(("older", "newer"), [(5, 9), ("5-zz", "9-aa"), ("5", "10")])
def test_other_replicators_documents_are_compared_by_number(make: Any, older: Any, newer: Any) -> None:
    assert seq_of(common(make("s", newer), make("s", older))) == older
    assert seq_of(common(make("s", older), make("s", newer))) == older


def test_sequences_that_nobody_can_compare_are_left_for_an_earlier_session() -> None:
    source, target = couchdb("s2", "abc", ("s1", 3)), couchdb("s2", "xyz", ("s1", 3))
    assert seq_of(common(source, target)) == 3


STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.text("xyz", min_size=1, max_size=3)), min_size=1)


@given(STEPS, st.data())
def test_the_start_is_never_after_the_older_of_two_documents(
    steps: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Sequences name their step but say nothing about order; whichever side fell back is the bound."""
    in_order = sorted(steps, key=lambda step: step[0])  # a session that is over does not come back
    documents = written(*((id, f"{text}{number}") for number, (id, text) in enumerate(in_order)))
    one, other = (data.draw(st.integers(0, len(documents) - 1)) for _ in range(2))
    start = common(documents[one], documents[other])
    if in_order[one][0] == in_order[other][0]:
        assert seq_of(start) == documents[min(one, other)]["source_last_seq"]
    elif start.seq is not None:
        at = int("".join(filter(str.isdigit, seq_of(start))))
        assert at <= min(one, other)


# --- what is written ---------------------------------------------------------------------------------


def test_a_session_replaces_its_own_entry_and_goes_before_others() -> None:
    *_, document = written(("a", 1), ("a", 2), ("b", 3), ("b", 4), ("b", 5))
    shown = [
        (entry["session_id"], entry["recorded_seq"], entry["checkpoint"]) for entry in document["history"]
    ]
    assert shown == [("b", 5, 3), ("a", 2, 2)]


def test_a_document_has_what_couchdb_writes() -> None:
    document = record([], session("s", "5-x", docs_read=3, doc_write_failures=1), caught_up_at=12.5)
    assert json.decode(json.encode(document)) == {
        "session_id": "s",
        "source_last_seq": "5-x",
        "replication_id_version": 4,
        "history": [
            {
                "session_id": "s",
                "start_time": "Thu, 01 Jan 1970 00:00:00 GMT",
                "end_time": "Thu, 01 Jan 1970 00:01:00 GMT",
                "start_last_seq": 0,
                "end_last_seq": "5-x",
                "recorded_seq": "5-x",
                "missing_checked": 0,
                "missing_found": 0,
                "docs_read": 3,
                "docs_written": 0,
                "doc_write_failures": 1,
                "bulk_get_docs": 0,
                "bulk_get_attempts": 0,
                "checkpoint": 1,
            }
        ],
        "caught_up_at": 12.5,
    }


def test_a_document_is_known_again_when_the_database_gives_it_back() -> None:
    document = record([], session("s", [5, "x"]))
    stored = {"_id": "_local/x", "_rev": "0-3", **json.decode(json.encode(document))}
    assert is_same(document, stored)
    assert is_same(document, dict(reversed(stored.items())))
    assert not is_same(record(document["history"], session("s", [5, "x"])), stored)


@pytest.mark.parametrize(("at_s", "text"), [(784111777.9, "Sun, 06 Nov 1994 08:49:37 GMT")])
def test_a_time_is_written_as_http_does(at_s: float, text: str) -> None:
    assert http_date(at_s) == text


@pytest.mark.parametrize(
    ("value", "at_s"),
    [(12.5, 12.5), (0, 0.0), (True, None), ("5", None), (-1, None), (1e300, None), (None, None)],
)
def test_when_the_target_was_last_up_to_date_is_read_or_unknown(value: Any, at_s: float | None) -> None:
    assert caught_up_at({"caught_up_at": value}) == at_s
    assert caught_up_at({}) is None
    assert caught_up_at(None) is None


# --- what a request is answered ----------------------------------------------------------------------


def test_a_request_is_answered_with_the_history() -> None:
    (document,) = written(("s", 5))
    stored = document | {"_id": "_local/x", "_rev": "0-1", "caught_up_at": 5.0}
    answer = {
        "ok": True,
        "session_id": "s",
        "source_last_seq": 5,
        "replication_id_version": 4,
        "history": document["history"],
    }
    assert reply(stored, no_changes=False) == answer
    assert reply(stored, no_changes=True) == {**answer, "no_changes": True}
    assert reply(None, no_changes=True) == {"ok": True, "no_changes": True}
    assert reply(stored, no_changes=False, use_checkpoints=False) == {"ok": True, "use_checkpoints": False}


def test_a_request_for_named_documents_is_answered_with_counts_beside() -> None:
    document = record([], session("s", 5, docs_read=2, docs_written=1, doc_write_failures=1))
    answer = reply(document, no_changes=False, doc_ids=True)
    assert answer["start_time"] == http_date(0) and answer["end_time"] == http_date(60)
    assert (answer["docs_read"], answer["docs_written"], answer["doc_write_failures"]) == (2, 1, 1)
