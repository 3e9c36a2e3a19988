"""The contract of `Peer`: the database itself, its `_local` documents, its changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from couchgrass.docdb.feed_filter import Filter
from couchgrass.docdb.wire import ZERO, Change, FeedEnd, Heartbeat
from couchgrass.errors import Conflict, NotFound
from couchgrass.testing.conformance_subject import (
    ALL,
    LONG_S,
    Subject,
    all_changes,
    leaf,
    rev,
    revs_of,
    write,
)

# --- the database ----------------------------------------------------------------------------------------


async def an_absent_database_is_not_found_until_it_is_made(subject: Subject) -> None:
    for ask in (subject.absent.info, lambda: subject.absent.changes(ZERO, ALL, 1)):
        try:
            await ask()
        except NotFound:
            continue
        raise AssertionError("a database that is not there answered")
    await subject.absent.create({})
    await subject.absent.create({})
    await subject.absent.info()
    assert await all_changes(subject.absent) == []


async def its_sequence_moves_and_its_start_stays(subject: Subject) -> None:
    before = await subject.peer.info()
    await write(subject.peer, leaf("a", "1"))
    after = await subject.peer.info()
    assert bytes(before.update_seq) != bytes(after.update_seq)
    assert before.instance_start_time == after.instance_start_time == await subject.peer.commit()


async def its_name_has_no_secret(subject: Subject) -> None:
    assert subject.peer.name
    assert "@" not in subject.peer.name


# --- local documents -------------------------------------------------------------------------------------


async def a_local_document_is_kept_and_replaced(subject: Subject) -> None:
    peer = subject.peer
    assert await peer.local("a+b c/ü") is None
    first = await peer.put_local("a+b c/ü", {"n": 1, "list": [{"seq": "1-x"}]})
    found = await peer.local("a+b c/ü")
    assert found is not None
    assert (found["n"], found["list"], found["_rev"]) == (1, [{"seq": "1-x"}], first)
    second = await peer.put_local("a+b c/ü", {"n": 2, "_rev": first})
    found = await peer.local("a+b c/ü")
    assert second != first
    assert found is not None
    assert (found["n"], found["_rev"]) == (2, second)
    assert "list" not in found


async def a_local_document_with_an_old_revision_conflicts_or_wins(subject: Subject) -> None:
    """CouchDB and we take the last writer, others refuse: both are no loss for a checkpoint."""
    peer = subject.peer
    first = await peer.put_local("x", {"n": 1})
    await peer.put_local("x", {"n": 2, "_rev": first})
    try:
        await peer.put_local("x", {"n": 3, "_rev": first})
        expected = 3
    except Conflict:
        expected = 2
    found = await peer.local("x")
    assert found is not None
    assert found["n"] == expected


async def local_documents_are_no_changes(subject: Subject) -> None:
    await subject.peer.put_local("x", {"n": 1})
    assert await all_changes(subject.peer) == []


# --- changes ---------------------------------------------------------------------------------------------


async def pages_of_changes_meet_without_gap_or_overlap(subject: Subject) -> None:
    peer = subject.peer
    await write(peer, *(leaf(f"doc{number}", "1") for number in range(5)))
    since, seen, sizes = ZERO, [], []
    while True:
        page = await peer.changes(since, ALL, 2)
        seen += [change.id for change in page.results]
        sizes.append(len(page.results))
        assert page.pending in (None, 5 - len(seen))
        since = page.last_seq
        if not page.results:
            break
    assert sorted(seen) == [f"doc{number}" for number in range(5)]
    assert sizes == [2, 2, 1, 0]


async def a_change_moves_its_document_to_the_end(subject: Subject) -> None:
    peer = subject.peer
    await write(peer, leaf("a", "1"), leaf("b", "1"))
    page = await peer.changes(ZERO, ALL, 10)
    await write(peer, leaf("a", "2", "1"))
    assert [(one.id, revs_of(one)) for one in await all_changes(peer, ALL, page.last_seq)] == [
        ("a", {rev("2", "1")})
    ]
    assert [one.id for one in await all_changes(peer)] == ["b", "a"]
    each = await all_changes(peer)
    assert [one.id for one in await all_changes(peer, ALL, each[0].seq)] == ["a"]


async def every_leaf_is_listed_or_only_the_winner(subject: Subject) -> None:
    peer = subject.peer
    await write(peer, leaf("a", "x", "1"), leaf("a", "y", "1"), leaf("a", "z", "1", _deleted=True))
    leaves = {rev("x", "1"), rev("y", "1"), rev("z", "1")}
    (every,) = await all_changes(peer)
    (winner,) = await all_changes(peer, Filter(all_leaves=False))
    assert revs_of(every) == leaves
    assert revs_of(winner) == {max(rev("x", "1"), rev("y", "1"))}
    assert not every.deleted


async def a_deleted_document_is_a_deleted_change(subject: Subject) -> None:
    await write(subject.peer, leaf("a", "1"), leaf("a", "2", "1", _deleted=True))
    (change,) = await all_changes(subject.peer)
    assert change.deleted
    assert revs_of(change) == {rev("2", "1")}


async def filters_choose_documents(subject: Subject) -> None:
    peer = subject.peer
    docs = [leaf("a", "1", kind="x"), leaf("b", "1", kind="y"), leaf("c", "1", kind="x")]
    await write(peer, *docs, leaf("_design/d", "1"))

    async def names(filter: Filter) -> set[str]:
        return {change.id for change in await all_changes(peer, filter)}

    assert await names(Filter(doc_ids=("b", "c", "nobody"))) == {"b", "c"}
    assert await names(Filter(selector={"kind": "x"})) == {"a", "c"}
    assert await names(Filter(name="_design")) == {"_design/d"}
    assert await names(Filter(doc_ids=())) == set()
    end = (await peer.changes(ZERO, Filter(selector={"kind": "z"}), 10)).last_seq
    assert await all_changes(peer, ALL, end) == []


async def a_filter_that_is_not_there_is_refused(subject: Subject) -> None:
    try:
        await subject.peer.changes(ZERO, Filter(name="nobody/nothing"), 10)
    except NotFound:
        return
    raise AssertionError("an unknown filter let something pass")


async def sequences_may_be_left_out_and_the_last_one_stays(subject: Subject) -> None:
    peer = subject.peer
    await write(peer, *(leaf(f"doc{number}", "1") for number in range(7)))
    page = await peer.changes(ZERO, ALL, 10, seq_interval=3)
    assert len(page.results) == 7
    assert bytes(page.last_seq) not in (b"null", b"")
    assert await all_changes(peer, ALL, page.last_seq) == []


async def pending_counts_what_is_to_come(subject: Subject) -> None:
    peer = subject.peer
    assert await peer.pending(ZERO, ALL) in (None, 0)
    await write(peer, *(leaf(f"doc{number}", "1") for number in range(3)))
    page = await peer.changes(ZERO, ALL, 1)
    assert await peer.pending(ZERO, ALL) in (None, 3)
    assert await peer.pending(page.last_seq, ALL) in (None, 2)


# --- the live feed ---------------------------------------------------------------------------------------


async def a_live_feed_brings_what_is_there_and_what_comes(subject: Subject) -> None:
    peer = subject.peer
    await write(peer, leaf("a", "1"), leaf("b", "1"))
    since = (await peer.changes(ZERO, ALL, 1)).last_seq
    async with asyncio.timeout(LONG_S), peer.feed(since, ALL) as events:
        first = await _next_change(events)
        assert revs_of(first) == {rev("1")}
        await write(peer, leaf("c", "2", "1"))
        second = await _next_change(events)
        assert (second.id, revs_of(second)) == ("c", {rev("2", "1")})
    assert await all_changes(peer, ALL, second.seq) == []
    assert {change.id for change in await all_changes(peer, ALL, first.seq)} == {"c"}


async def a_live_feed_filters(subject: Subject) -> None:
    peer = subject.peer
    async with (
        asyncio.timeout(LONG_S),
        peer.feed(ZERO, Filter(selector={"kind": "x"}, all_leaves=False)) as events,
    ):
        await write(peer, leaf("a", "1", kind="y"), leaf("b", "1", kind="x"))
        assert (await _next_change(events)).id == "b"


async def a_live_feed_of_nothing_is_refused(subject: Subject) -> None:
    try:
        async with asyncio.timeout(LONG_S), subject.absent.feed(ZERO, ALL) as events:
            async for _ in events:
                raise AssertionError("a database that is not there has changes")
    except NotFound:
        return
    raise AssertionError("a database that is not there has a feed")


async def a_silent_feed_says_that_it_lives_or_ends_well(subject: Subject) -> None:
    peer = subject.peer
    await write(peer, leaf("a", "1"))
    since = (await peer.info()).update_seq
    for _ in range(20):
        async with peer.feed(since, ALL) as events:
            async for event in events:
                match event:
                    case FeedEnd(last_seq):
                        assert await all_changes(peer, ALL, last_seq) == []
                        return
                    case Heartbeat():
                        continue
                raise AssertionError("a change that nobody made")


async def _next_change(events: AsyncIterator[Any]) -> Change:
    async for event in events:
        if isinstance(event, Change):
            return event
    raise AssertionError("the feed ended")
