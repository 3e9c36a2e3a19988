"""The log of database events: short, in order, and safe to resume from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.changes import start_seq
from couchgrass.docdb.http import db_events
from couchgrass.docdb.http.db_events import DbEvents

KINDS = st.sampled_from(["created", "updated", "deleted"])


def here(work: Callable[[], None]) -> None:
    async def run() -> None:
        work()

    asyncio.run(run())


def all_of(events: DbEvents, since: int = 0) -> list[tuple[int, str, str]]:
    return events.between(since, events.newest)


def test_updates_of_one_database_are_one_entry_at_the_newest_place() -> None:
    def work() -> None:
        events = DbEvents()
        for name in ("a", "b", "a", "a"):
            events.note(name, "updated")
        assert all_of(events) == [(2, "updated", "b"), (4, "updated", "a")]
        assert all_of(events, 2) == [(4, "updated", "a")]
        assert events.between(0, 3) == [(2, "updated", "b")]

    here(work)


def test_a_deletion_takes_the_place_of_the_databases_older_events() -> None:
    def work() -> None:
        events = DbEvents()
        for kind in ("created", "updated", "deleted"):
            events.note("a", kind)
        assert all_of(events) == [(3, "deleted", "a")]
        events.note("a", "created")
        assert all_of(events) == [(3, "deleted", "a"), (4, "created", "a")]

    here(work)


def test_only_so_many_deletions_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db_events, "DELETED_MAX", 2)

    def work() -> None:
        events = DbEvents()
        for name in ("a", "b", "a", "c"):
            events.note(name, "deleted")
        assert [name for _, _, name in all_of(events)] == ["a", "c"]

    here(work)


def test_a_new_log_begins_with_every_database_that_is_there_for_readers_from_before() -> None:
    def work() -> None:
        before = DbEvents(["a", "b"])
        events = DbEvents(["a", "b"])
        since = start_seq(before.seq(2), suffix=events.suffix, now=events.newest)
        assert all_of(events, since) == [(1, "updated", "a"), (2, "updated", "b")]
        assert start_seq(events.seq(1), suffix=events.suffix, now=events.newest) == 1

    here(work)


@given(notes=st.lists(st.tuples(st.sampled_from("abc"), KINDS)), since=st.integers(0, 20))
def test_a_reader_hears_the_last_event_of_every_database_that_had_one(
    notes: list[tuple[str, str]], since: int
) -> None:
    def work() -> None:
        events = DbEvents()
        for name, kind in notes:
            events.note(name, kind)
        found = all_of(events, since)
        assert [seq for seq, _, _ in found] == sorted({seq for seq, _, _ in found})
        last = dict(notes[since:])
        assert {name: kind for _, kind, name in found} == last

    here(work)


def test_the_servers_stop_rings_one_bell_for_all_feeds() -> None:
    async def run() -> None:
        events = DbEvents()
        stopping: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        bell = events.stop_bell(stopping)
        assert events.stop_bell(stopping) is bell
        heard = asyncio.Event()
        bell.hang(heard.set)
        stopping.set_result(None)
        await heard.wait()

    asyncio.run(run())
