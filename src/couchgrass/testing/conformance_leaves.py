"""The contract of `Peer`: documents, their histories and attachments, on the way out and in."""

from __future__ import annotations

import gzip

from couchgrass import json
from couchgrass.docdb.wire import Fetched, NotThere, Opened, Part, Wanted
from couchgrass.errors import CouchgrassError, Forbidden, MissingStub
from couchgrass.testing.conformance_subject import (
    ALL,
    Subject,
    all_changes,
    chunks_of,
    ids,
    leaf,
    opened,
    put,
    rev,
    revs_of,
    write,
)

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
    (change,) = await all_changes(peer)
    assert revs_of(change) == {rev("new", *names)}


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
    assert await all_changes(subject.peer) == []


async def wrong_lengths_write_nothing(subject: Subject) -> None:
    peer = subject.peer
    member = {"content_type": "image/png", "revpos": 1, "length": 5, "follows": True}
    doc = leaf("a", "1", _attachments={"x": member})
    for data in (b"1234", b"123456", b""):
        cut = Opened("a", rev("1"), doc, [Part("x", "image/png", 5)], chunks_of(data))
        try:
            await peer.put_opened(cut)
        except CouchgrassError:
            continue
        raise AssertionError(f"{len(data)} bytes were taken for 5")
    assert await all_changes(peer) == []


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
    assert {change.id for change in await all_changes(peer, ALL, before)} == {"good", "fine"}


async def a_refused_leaf_with_attachments_raises(subject: Subject) -> None:
    await subject.refuse()
    before = (await subject.peer.info()).update_seq
    members = {"x": {"content_type": "image/png", "revpos": 1, "length": 3, "follows": True}}
    doc = leaf("bad", "1", refused=True, _attachments=members)
    try:
        await subject.peer.put_opened(
            Opened("bad", rev("1"), doc, [Part("x", "image/png", 3)], chunks_of(b"abc"))
        )
    except Forbidden:
        assert await all_changes(subject.peer, ALL, before) == []
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
