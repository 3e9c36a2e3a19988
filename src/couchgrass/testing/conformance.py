"""The contract of `Peer`, as rules that every implementation must keep.

A rule is a coroutine of a `Subject`: a peer of an empty database, and what is needed around it. Tests run
each rule of RULES over each implementation, every time with a fresh database; SLOW_RULES wait as long as a
live feed is silent, so they are for peers whose time is simulated.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import Any

from couchgrass import json
from couchgrass.couch.peer import Peer
from couchgrass.docdb.feed_filter import Filter
from couchgrass.docdb.wire import (
    ZERO,
    Change,
    FeedEnd,
    Fetched,
    Heartbeat,
    NotThere,
    Opened,
    Part,
    Seq,
    Wanted,
)
from couchgrass.errors import Conflict, CouchgrassError, Forbidden, MissingStub, NotFound

ALL = Filter()
LONG_S = 60.0
"""What must come comes within so long; nothing waits for it to pass."""


@dataclass(frozen=True, slots=True)
class Subject:
    """`peer` has an empty database, that of `absent` does not exist.

    `refuse`: from now on the database refuses (403) documents with ``"refused": true``. `secure`: changes the
    database's ``_security``.
    """

    peer: Peer
    absent: Peer
    refuse: Callable[[], Awaitable[None]]
    secure: Callable[[], Awaitable[None]]


Rule = Callable[[Subject], Awaitable[None]]


def ids(*names: str) -> list[str]:
    """Revision ids made from names, newest first."""
    return [md5(name.encode(), usedforsecurity=False).hexdigest() for name in names]


def leaf(doc_id: str, *names: str, **members: Any) -> bytes:
    """A leaf as JSON text; `names` stand for its revisions, the newest first, and count down to 1."""
    revisions = {"start": len(names), "ids": ids(*names)}
    head = {"_id": doc_id, "_rev": rev(*names), "_revisions": revisions}
    return json.encode({**head, **members})


def rev(*names: str) -> str:
    """The revision that `leaf` writes for these names."""
    return f"{len(names)}-{ids(*names)[0]}"


async def write(peer: Peer, *docs: bytes) -> None:
    """Writes leaves that nobody refuses."""
    refused = await peer.bulk_docs(docs)
    assert not refused, refused


async def opened(peer: Peer, *wanted: Wanted) -> list[tuple[dict[str, Any], list[Part], bytes] | NotThere]:
    """All leaves of one document with their bytes."""
    found: list[tuple[dict[str, Any], list[Part], bytes] | NotThere] = []
    async for one in peer.open_revs(wanted[0].id, wanted):
        if isinstance(one, NotThere):
            found.append(one)
        else:
            data = b"".join([bytes(chunk) async for chunk in one.chunks])
            found.append((json.decode(one.doc), list(one.parts), data))
    return found


async def put(
    peer: Peer, doc_id: str, names: Sequence[str], follows: Mapping[str, tuple[str, bytes, str]], **stubs: Any
) -> None:
    """Writes a leaf whose attachments follow: name to (type, stored bytes, encoding)."""
    members: dict[str, Any] = dict(stubs)
    for name, (kind, data, encoding) in follows.items():
        plain = gzip.decompress(data) if encoding == "gzip" else data
        packed = {"encoding": "gzip", "encoded_length": len(data)} if encoding == "gzip" else {}
        members[name] = {
            "content_type": kind,
            "revpos": len(names),
            "length": len(plain),
            "follows": True,
            **packed,
        }
    parts = [Part(name, kind, len(data), encoding) for name, (kind, data, encoding) in follows.items()]
    doc = leaf(doc_id, *names, _attachments=members)
    await peer.put_opened(
        Opened(doc_id, rev(*names), doc, parts, _chunks(*(d for _, d, _ in follows.values())))
    )


async def _chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    """Bytes in two chunks each, which need not end where a part does."""
    for piece in pieces:
        half = len(piece) // 2
        for chunk in (piece[:half], piece[half:]):
            if chunk:
                yield chunk


async def _all(peer: Peer, filter: Filter = ALL, since: Seq = ZERO) -> list[Change]:
    return (await peer.changes(since, filter, 1000)).results


def _revs(change: Change) -> set[str]:
    return {one.rev for one in change.changes}


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
    assert await _all(subject.absent) == []


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
    assert await _all(subject.peer) == []


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
    assert [(one.id, _revs(one)) for one in await _all(peer, ALL, page.last_seq)] == [("a", {rev("2", "1")})]
    assert [one.id for one in await _all(peer)] == ["b", "a"]
    each = await _all(peer)
    assert [one.id for one in await _all(peer, ALL, each[0].seq)] == ["a"]


async def every_leaf_is_listed_or_only_the_winner(subject: Subject) -> None:
    peer = subject.peer
    await write(peer, leaf("a", "x", "1"), leaf("a", "y", "1"), leaf("a", "z", "1", _deleted=True))
    leaves = {rev("x", "1"), rev("y", "1"), rev("z", "1")}
    (every,) = await _all(peer)
    (winner,) = await _all(peer, Filter(all_leaves=False))
    assert _revs(every) == leaves
    assert _revs(winner) == {max(rev("x", "1"), rev("y", "1"))}
    assert not every.deleted


async def a_deleted_document_is_a_deleted_change(subject: Subject) -> None:
    await write(subject.peer, leaf("a", "1"), leaf("a", "2", "1", _deleted=True))
    (change,) = await _all(subject.peer)
    assert change.deleted
    assert _revs(change) == {rev("2", "1")}


async def filters_choose_documents(subject: Subject) -> None:
    peer = subject.peer
    docs = [leaf("a", "1", kind="x"), leaf("b", "1", kind="y"), leaf("c", "1", kind="x")]
    await write(peer, *docs, leaf("_design/d", "1"))

    async def names(filter: Filter) -> set[str]:
        return {change.id for change in await _all(peer, filter)}

    assert await names(Filter(doc_ids=("b", "c", "nobody"))) == {"b", "c"}
    assert await names(Filter(selector={"kind": "x"})) == {"a", "c"}
    assert await names(Filter(name="_design")) == {"_design/d"}
    assert await names(Filter(doc_ids=())) == set()
    end = (await peer.changes(ZERO, Filter(selector={"kind": "z"}), 10)).last_seq
    assert await _all(peer, ALL, end) == []


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
    assert await _all(peer, ALL, page.last_seq) == []


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
        assert _revs(first) == {rev("1")}
        await write(peer, leaf("c", "2", "1"))
        second = await _next_change(events)
        assert (second.id, _revs(second)) == ("c", {rev("2", "1")})
    assert await _all(peer, ALL, second.seq) == []
    assert {change.id for change in await _all(peer, ALL, first.seq)} == {"c"}


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
                        assert await _all(peer, ALL, last_seq) == []
                        return
                    case Heartbeat():
                        continue
                raise AssertionError("a change that nobody made")


async def _next_change(events: AsyncIterator[Any]) -> Change:
    async for event in events:
        if isinstance(event, Change):
            return event
    raise AssertionError("the feed ended")


# --- what is missing -------------------------------------------------------------------------------------


async def the_difference_names_what_is_not_there(subject: Subject) -> None:
    peer = subject.peer
    await write(peer, leaf("a", "2", "1"))
    found = await peer.revs_diff(
        {"a": [rev("2", "1"), rev("1"), rev("3", "2", "1")], "b": [rev("1")], "same": []}
    )
    assert set(found) - {"same"} == {"a", "b"}
    assert found["a"].missing == [rev("3", "2", "1")]
    assert found["a"].possible_ancestors == [rev("2", "1")]
    assert found["b"].missing == [rev("1")]
    assert found["b"].possible_ancestors == []
    assert await peer.revs_diff({"a": [rev("1")]}) == {}


# --- leaves out ------------------------------------------------------------------------------------------


async def leaves_come_with_their_history(subject: Subject) -> None:
    peer = subject.peer
    await write(peer, leaf("a", "x", "1", n=1), leaf("a", "y", "1", n=2, _deleted=True))
    found = {
        one.rev: json.decode(one.doc)
        for one in await peer.bulk_get([Wanted("a", rev("x", "1")), Wanted("a", rev("y", "1"))])
        if isinstance(one, Fetched) and not one.has_attachments
    }
    assert found[rev("x", "1")] == {
        "_id": "a",
        "_rev": rev("x", "1"),
        "n": 1,
        "_revisions": {"start": 2, "ids": ids("x", "1")},
    }
    assert found[rev("y", "1")]["_deleted"] is True


async def a_replaced_leaf_comes_as_its_successor(subject: Subject) -> None:
    peer = subject.peer
    await write(peer, leaf("a", "1"))
    await write(peer, leaf("a", "3", "2", "1", n=3))
    (found,) = await peer.bulk_get([Wanted("a", rev("1"))])
    assert isinstance(found, Fetched)
    assert found.rev == rev("1")
    assert json.decode(found.doc)["_rev"] == rev("3", "2", "1")


async def what_is_not_there_is_said_for_itself(subject: Subject) -> None:
    peer = subject.peer
    await write(peer, leaf("a", "1"))
    wanted = [Wanted("a", rev("other")), Wanted("a", rev("1")), Wanted("nobody", rev("1"))]
    found = await peer.bulk_get(wanted)
    absent = {(one.id, one.rev) for one in found if isinstance(one, NotThere)}
    there = [one.id for one in found if isinstance(one, Fetched)]
    assert absent == {("a", rev("other")), ("nobody", rev("1"))}
    assert there == ["a"]


async def the_text_of_a_document_stays(subject: Subject) -> None:
    text = '{"z":1.0,"a":100000000000000000001,"ü\\u0000":["😀",null,1e3,-0.0],"nested":{"b":{},"a":[]}}'
    head = f'{{"_id":"a/b+ü","_rev":"1-{ids("1")[0]}",'
    await write(subject.peer, (head + text[1:]).encode())
    (found,) = await subject.peer.bulk_get([Wanted("a/b+ü", rev("1"))])
    assert isinstance(found, Fetched)
    members = json.decode(found.doc)
    kept = {key: value for key, value in members.items() if not key.startswith("_")}
    assert json.encode(kept) == json.encode(json.decode(text))
    assert list(kept) == ["z", "a", "ü\0", "nested"]


async def a_history_of_two_thousand_revisions_comes_along(subject: Subject) -> None:
    peer = subject.peer
    names = [str(number) for number in range(2000, 0, -1)]
    await write(peer, leaf("a", *names))
    (found,) = await peer.bulk_get([Wanted("a", rev(*names))])
    assert isinstance(found, Fetched)
    history = json.decode(found.doc)["_revisions"]
    kept = len(history["ids"])
    assert history["start"] == 2000
    assert 1000 <= kept <= 2000
    assert history["ids"] == ids(*names)[:kept]
    await write(peer, leaf("a", "new", *names))
    (change,) = await _all(peer)
    assert _revs(change) == {rev("new", *names)}


# --- attachments -----------------------------------------------------------------------------------------

PACKED = gzip.compress(b"text " * 100, mtime=0)
SEVERAL = {
    "bytes": ("application/octet-stream", bytes(range(256)) * 40, "identity"),
    "empty": ("application/octet-stream", b"", "identity"),
    "packed ü.txt": ("text/plain", PACKED, "gzip"),
    "last": ("image/png", b"\r\n--\r\n", "identity"),
}


async def attachments_come_as_they_were_put(subject: Subject) -> None:
    peer = subject.peer
    await put(peer, "a/b", ["1"], SEVERAL)
    await put(peer, "a/b", ["1"], SEVERAL)
    (fetched,) = await peer.bulk_get([Wanted("a/b", rev("1"))])
    assert isinstance(fetched, Fetched)
    assert fetched.has_attachments
    (found,) = await opened(peer, Wanted("a/b", rev("1")))
    assert not isinstance(found, NotThere)
    doc, parts, data = found
    follows = [name for name, one in doc["_attachments"].items() if one.get("follows")]
    assert [part.name for part in parts] == follows
    assert set(follows) == set(SEVERAL)
    start = 0
    for part in parts:
        kind, stored, encoding = SEVERAL[part.name]
        assert (part.content_type, part.length, part.encoding) == (kind, len(stored), encoding)
        assert data[start : start + part.length] == stored
        start += part.length
    assert start == len(data)


async def what_came_can_be_put_again(subject: Subject) -> None:
    """A peer's leaf goes into another database as it is, bytes and all."""
    peer, other = subject.peer, subject.absent
    await other.create({})
    await put(peer, "a", ["1"], SEVERAL)
    async for one in peer.open_revs("a", [Wanted("a", rev("1"))]):
        assert isinstance(one, Opened)
        await other.put_opened(one)
    views = []
    for each in (peer, other):
        (found,) = await opened(each, Wanted("a", rev("1")))
        assert not isinstance(found, NotThere)
        views.append((found[0]["_attachments"], found[1], found[2]))
    assert views[0] == views[1]


async def known_attachments_are_stubs(subject: Subject) -> None:
    peer = subject.peer
    await put(peer, "a", ["1"], {"old": ("image/png", b"old bytes", "identity")})
    stub = {"stub": True, "revpos": 1, "content_type": "image/png", "length": 9}
    await put(peer, "a", ["2", "1"], {"new": ("image/png", b"new", "identity")}, old=stub)
    (found,) = await opened(peer, Wanted("a", rev("2", "1"), (rev("1"),)))
    assert not isinstance(found, NotThere)
    doc, parts, data = found
    assert [part.name for part in parts] == ["new"]
    assert data == b"new"
    assert doc["_attachments"]["old"].get("stub") is True
    (found,) = await opened(peer, Wanted("a", rev("2", "1")))
    assert not isinstance(found, NotThere)
    assert {part.name for part in found[1]} == {"old", "new"}


async def leaves_that_are_not_there_are_not_opened(subject: Subject) -> None:
    peer = subject.peer
    await put(peer, "a", ["1"], {"x": ("image/png", b"x", "identity")})
    found = await opened(peer, Wanted("a", rev("1")), Wanted("a", rev("other")))
    assert sorted(isinstance(one, NotThere) for one in found) == [False, True]
    found = await opened(peer, Wanted("nobody", rev("1")))
    assert all(isinstance(one, NotThere) for one in found)


async def a_stub_without_its_bytes_is_told(subject: Subject) -> None:
    stub = {"stub": True, "revpos": 1, "content_type": "image/png", "length": 9}
    for names in (["2", "1"], ["1"]):
        try:
            await put(
                subject.peer,
                "a",
                names,
                {"new": ("image/png", b"new", "identity")},
                old={**stub, "revpos": 1},
            )
        except MissingStub:
            continue
        raise AssertionError("a stub for nothing was taken")
    refused = await subject.peer.bulk_docs([leaf("a", "2", "1", _attachments={"old": stub})])
    assert [one.error for one in refused] == ["missing_stub"]
    assert await _all(subject.peer) == []


async def wrong_lengths_write_nothing(subject: Subject) -> None:
    peer = subject.peer
    member = {"content_type": "image/png", "revpos": 1, "length": 5, "follows": True}
    doc = leaf("a", "1", _attachments={"x": member})
    for data in (b"1234", b"123456", b""):
        cut = Opened("a", rev("1"), doc, [Part("x", "image/png", 5)], _chunks(data))
        try:
            await peer.put_opened(cut)
        except CouchgrassError:
            continue
        raise AssertionError(f"{len(data)} bytes were taken for 5")
    assert await _all(peer) == []


# --- leaves in -------------------------------------------------------------------------------------------


async def writing_twice_changes_nothing(subject: Subject) -> None:
    peer = subject.peer
    docs = [leaf("a", "2", "1"), leaf("b", "1", _deleted=True)]
    await write(peer, *docs)
    before = await peer.info()
    await write(peer, *docs, docs[0])
    assert bytes((await peer.info()).update_seq) == bytes(before.update_seq)
    await write(peer)


async def refusals_name_their_documents_and_spare_the_others(subject: Subject) -> None:
    peer = subject.peer
    await subject.refuse()
    before = (await peer.info()).update_seq
    refused = await peer.bulk_docs(
        [leaf("good", "1"), leaf("bad", "2", "1", refused=True), leaf("fine", "1")]
    )
    assert [(one.id, one.error) for one in refused] == [("bad", "forbidden")]
    assert refused[0].rev in ("", rev("2", "1"))
    assert refused[0].reason
    assert {change.id for change in await _all(peer, ALL, before)} == {"good", "fine"}


async def a_refused_leaf_with_attachments_raises(subject: Subject) -> None:
    await subject.refuse()
    before = (await subject.peer.info()).update_seq
    members = {"x": {"content_type": "image/png", "revpos": 1, "length": 3, "follows": True}}
    doc = leaf("bad", "1", refused=True, _attachments=members)
    try:
        await subject.peer.put_opened(
            Opened("bad", rev("1"), doc, [Part("x", "image/png", 3)], _chunks(b"abc"))
        )
    except Forbidden:
        assert await _all(subject.peer, ALL, before) == []
        return
    raise AssertionError("a document that is not allowed was taken")


async def rules_change_with_design_documents_and_security(subject: Subject) -> None:
    peer = subject.peer
    seen = [await peer.rules()]
    await write(peer, leaf("ordinary", "1"))
    assert await peer.rules() == seen[0]
    await write(peer, leaf("_design/a", "1", language="javascript"))
    seen.append(await peer.rules())
    await write(peer, leaf("_design/a", "2", "1", language="javascript", views={}))
    seen.append(await peer.rules())
    await subject.secure()
    seen.append(await peer.rules())
    assert len(set(seen)) == 4, "a change of the rules does not show"


RULES: tuple[Rule, ...] = (
    an_absent_database_is_not_found_until_it_is_made,
    its_sequence_moves_and_its_start_stays,
    its_name_has_no_secret,
    a_local_document_is_kept_and_replaced,
    a_local_document_with_an_old_revision_conflicts_or_wins,
    local_documents_are_no_changes,
    pages_of_changes_meet_without_gap_or_overlap,
    a_change_moves_its_document_to_the_end,
    every_leaf_is_listed_or_only_the_winner,
    a_deleted_document_is_a_deleted_change,
    filters_choose_documents,
    a_filter_that_is_not_there_is_refused,
    sequences_may_be_left_out_and_the_last_one_stays,
    pending_counts_what_is_to_come,
    a_live_feed_brings_what_is_there_and_what_comes,
    a_live_feed_filters,
    a_live_feed_of_nothing_is_refused,
    the_difference_names_what_is_not_there,
    leaves_come_with_their_history,
    a_replaced_leaf_comes_as_its_successor,
    what_is_not_there_is_said_for_itself,
    the_text_of_a_document_stays,
    a_history_of_two_thousand_revisions_comes_along,
    attachments_come_as_they_were_put,
    what_came_can_be_put_again,
    known_attachments_are_stubs,
    leaves_that_are_not_there_are_not_opened,
    a_stub_without_its_bytes_is_told,
    wrong_lengths_write_nothing,
    writing_twice_changes_nothing,
    refusals_name_their_documents_and_spare_the_others,
    a_refused_leaf_with_attachments_raises,
    rules_change_with_design_documents_and_security,
)

SLOW_RULES: tuple[Rule, ...] = (a_silent_feed_says_that_it_lives_or_ends_well,)
