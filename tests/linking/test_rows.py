"""The rows of ``couchgrass links``: of our scheduler, of Apache CouchDB's, and without secrets."""

from __future__ import annotations

from typing import Any

from couchgrass.linking.rows import LinkRow, link_rows

ON = "http://a.example"


def doc(**more: Any) -> dict[str, Any]:
    return {
        "database": "_replicator",
        "doc_id": "x",
        "id": "f00+continuous",
        "source": "http://b.example/db/",
        "target": "db",
        "state": "running",
        "info": {"changes_pending": 3, "doc_write_failures": 1},
        "error_count": 0,
        **more,
    }


def test_a_couchgrass_server_tells_the_lag_and_the_dead_letters() -> None:
    (row,) = link_rows(ON, [doc(lag_s=1.5, dead_letters=2, next_try=None)], [])
    assert row == LinkRow(ON, "x", "http://b.example/db", "db", "running", 1.5, 3, 2)


def test_what_is_measured_comes_from_the_job_when_the_document_s_row_has_it_not() -> None:
    job = {"id": "f00+continuous", "doc_id": "x", "info": {"changes_pending": 0}, "lag_s": 0}
    (row,) = link_rows(ON, [doc(info=None)], [job])
    assert (row.lag_s, row.pending) == (0.0, 0)


def test_what_was_written_is_what_the_server_says() -> None:
    (row,) = link_rows(ON, [doc(info={"docs_written": 7})], [])
    assert row.docs_written == 7
    (row,) = link_rows(ON, [doc(info={"error": "x"})], [])
    assert row.docs_written is None


def test_couchdb_tells_what_waits_and_what_failed() -> None:
    (row,) = link_rows(ON, [doc()], [])
    assert (row.lag_s, row.pending, row.dead_letters, row.next_try) == (None, 3, 1, None)


def test_a_job_that_does_not_run_says_why_and_when_it_is_tried_again() -> None:
    failing = doc(
        state="crashing",
        info={"error": "db_not_found: could not open http://u:secret@b.example/db/"},
        next_try="2026-01-01T00:00:00Z",
        database="some/_replicator",
    )
    (row,) = link_rows(ON, [failing], [])
    assert row.name == "some/_replicator/x" and row.pending is None
    assert row.error is not None and "secret" not in row.error
    assert row.next_try == "2026-01-01T00:00:00Z"


def test_jobs_without_a_document_are_shown_with_their_last_event() -> None:
    def job(name: str, event: str) -> dict[str, Any]:
        ends = {"source": "http://u:secret@b.example/db/", "target": name}
        return {
            "id": name,
            "database": None,
            "doc_id": None,
            "info": None,
            **ends,
            "history": [{"type": event}],
        }

    rows = link_rows(ON, [], [job("one", "started"), job("two", "crashed"), job("three", "added")])
    assert {row.name: row.state for row in rows} == {"one": "running", "two": "crashing", "three": "pending"}
    assert "secret" not in repr(rows)


def test_a_job_with_a_document_is_shown_once_and_rows_are_in_order() -> None:
    job = {"id": "f00+continuous", "doc_id": "x", "info": None}
    rows = link_rows(ON, [doc(), doc(doc_id="a", id=None, source="a", state="failed")], [job])
    assert [row.name for row in rows] == ["a", "x"]
