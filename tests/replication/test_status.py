"""What is shown of replications: CouchDB's members, and ours beside them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from couchgrass.errors import QueryParseError
from couchgrass.replication.status import (
    Counts,
    Event,
    JobView,
    State,
    doc_row,
    iso8601,
    job_row,
    paged,
    parse_states,
    task_row,
)

AT_S = 1493442097.9  # 2017-04-29T05:01:37Z
VIEW = JobView(
    id="8f5b+continuous",
    source="http://h/foo/",
    target="todos",
    state=State.RUNNING,
    start_time_s=AT_S,
    last_updated_s=AT_S + 1,
    database="_replicator",
    doc_id="doc",
    user="bob",
    continuous=True,
    pid="<0.1.0>",
    history=(Event(AT_S + 1, "started"), Event(AT_S, "crashed", "no peer"), Event(AT_S, "added")),
    counts=Counts(docs_read=3, changes_pending=0, source_seq=Raw(b'"7-x"'), through_seq=Raw(b"[7,1]")),
    lag_s=1.5,
    next_try_s=AT_S + 2,
    dead_letters=4,
)
INFO = {
    "revisions_checked": 0,
    "missing_revisions_found": 0,
    "docs_read": 3,
    "docs_written": 0,
    "changes_pending": 0,
    "doc_write_failures": 0,
    "bulk_get_docs": 0,
    "bulk_get_attempts": 0,
    "checkpointed_source_seq": "0",
    "source_seq": "7-x",
    "through_seq": "[7,1]",
}
OURS = {"lag_s": 1.5, "next_try": "2017-04-29T05:01:39Z", "dead_letters": 4}


def test_a_time_is_written_in_whole_seconds_utc() -> None:
    assert iso8601(AT_S) == "2017-04-29T05:01:37Z"
    assert iso8601(0) == "1970-01-01T00:00:00Z"


def test_a_job_is_shown_with_its_history() -> None:
    assert job_row(VIEW, "node@host") == {
        "id": "8f5b+continuous",
        "pid": "<0.1.0>",
        "source": "http://h/foo/",
        "target": "todos",
        "database": "_replicator",
        "user": "bob",
        "doc_id": "doc",
        "info": INFO,
        "history": [
            {"timestamp": "2017-04-29T05:01:38Z", "type": "started"},
            {"timestamp": "2017-04-29T05:01:37Z", "type": "crashed", "reason": "no peer"},
            {"timestamp": "2017-04-29T05:01:37Z", "type": "added"},
        ],
        "node": "node@host",
        "start_time": "2017-04-29T05:01:37Z",
        **OURS,
    }


def test_a_job_that_never_ran_has_no_counts_and_nothing_of_ours() -> None:
    fresh = JobView(
        id=None, source="a", target="b", state=State.INITIALIZING, start_time_s=0, last_updated_s=0
    )
    row = job_row(fresh, "node@host")
    assert [row[name] for name in ("id", "pid", "database", "user", "doc_id", "info")] == [None] * 6
    assert [row[name] for name in ("lag_s", "next_try", "dead_letters")] == [None, None, 0]


def test_a_document_is_shown_with_its_state() -> None:
    assert doc_row(VIEW, "node@host") == {
        "doc_id": "doc",
        "database": "_replicator",
        "id": "8f5b+continuous",
        "node": "node@host",
        "source": "http://h/foo/",
        "target": "todos",
        "state": "running",
        "info": INFO,
        "error_count": 0,
        "last_updated": "2017-04-29T05:01:38Z",
        "start_time": "2017-04-29T05:01:37Z",
        "source_proxy": None,
        "target_proxy": None,
        **OURS,
    }


@pytest.mark.parametrize("state", [State.ERROR, State.CRASHING, State.FAILED])
def test_what_is_wrong_stands_in_place_of_the_counts(state: State) -> None:
    row = doc_row(replace(VIEW, state=state, error="no peer", error_count=2), "node@host")
    assert (row["state"], row["info"], row["error_count"]) == (state.value, {"error": "no peer"}, 2)


@pytest.mark.parametrize("state", [State.RUNNING, State.PENDING, State.COMPLETED])
def test_an_old_error_is_not_shown_of_a_job_that_is_well(state: State) -> None:
    assert doc_row(replace(VIEW, state=state, error="no peer"), "node@host")["info"] == INFO


def test_a_job_that_is_over_has_no_id_and_no_node() -> None:
    over = {state for state in State if doc_row(replace(VIEW, state=state), "node@host")["id"] is None}
    assert over == {State.COMPLETED, State.FAILED}
    row = doc_row(replace(VIEW, state=State.COMPLETED), "node@host")
    assert not row.keys() & {"node", "source_proxy", "target_proxy"}


def test_a_task_is_shown_with_its_counts_beside_its_names() -> None:
    row = task_row(replace(VIEW, started_on_s=AT_S, updated_on_s=AT_S + 3, checkpoint_interval_ms=700))
    assert row == {
        "type": "replication",
        "user": "bob",
        "replication_id": "8f5b+continuous",
        "database": "_replicator",
        "doc_id": "doc",
        "source": "http://h/foo/",
        "target": "todos",
        "continuous": True,
        "checkpoint_interval": 700,
        **INFO,
        "pid": "<0.1.0>",
        "process_status": "running",
        "started_on": 1493442097,
        "updated_on": 1493442100,
        **OURS,
    }


def test_a_task_that_has_done_nothing_yet_counts_from_zero() -> None:
    row = task_row(replace(VIEW, counts=None))
    assert (row["docs_read"], row["changes_pending"], row["source_seq"]) == (0, None, "0")
    assert row["started_on"] == row["updated_on"] == int(AT_S)


ROWS: list[dict[str, Any]] = [{"id": number} for number in range(150)]


@pytest.mark.parametrize(
    ("limit", "skip", "offset", "count"),
    [
        (None, None, 0, 100),
        ("0", None, 0, 0),
        ("+5", "10", 10, 5),
        (None, "149", 149, 1),
        ("5", "1000", 150, 0),
        ("999999999999999999", "0", 0, 150),
    ],
)
def test_a_page_is_a_part_of_all_rows(limit: str | None, skip: str | None, offset: int, count: int) -> None:
    assert paged(ROWS, member="jobs", limit=limit, skip=skip) == {
        "total_rows": 150,
        "offset": offset,
        "jobs": ROWS[offset : offset + count],
    }


def test_a_page_may_be_without_a_bound() -> None:
    assert len(paged(ROWS, member="docs", default_limit=None)["docs"]) == 150


@pytest.mark.parametrize("text", ["", "x", "1.0", " 1", "1_0", "٣"])
def test_a_limit_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(QueryParseError, match=r"^limit must be an integer$"):
        paged(ROWS, member="jobs", limit=text)


def test_a_negative_skip_is_refused() -> None:
    with pytest.raises(QueryParseError) as refused:
        paged(ROWS, member="jobs", skip="-1")
    assert refused.value.reason == "skip not in range of [0,infinity]"


@pytest.mark.parametrize(
    ("text", "states"),
    [
        (None, set(State)),
        ("", set(State)),
        (",", set(State)),
        ("running", {State.RUNNING}),
        ("Crashing,,ERROR", {State.CRASHING, State.ERROR}),
    ],
)
def test_states_are_chosen_by_name(text: str | None, states: set[State]) -> None:
    assert parse_states(text) == states


def test_an_unknown_state_is_refused_with_the_known_ones() -> None:
    with pytest.raises(QueryParseError) as refused:
        parse_states("running,triggered")
    assert refused.value.reason == (
        "States must be one or more of [initializing,error,running,pending,crashing,completed,failed]"
    )
