"""Documents with attachments from and to peers that cut, miscount, reorder or know no multipart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.couch import attached
from couchgrass.couch.transport import HttpTransport
from couchgrass.docdb.wire import NotThere, Opened, Part, Wanted
from couchgrass.errors import (
    CouchgrassError,
    Forbidden,
    MissingStub,
    NotFound,
    PeerLost,
    TooLarge,
    Unauthorized,
)
from couchgrass.testing.scripted import Exchange, Play, Scripted, answers, hangs_up
from tests.couch.asking import database, pieces, with_plays

FILES = {"a.txt": b"the first\r\n--inn or not\r", "empty": b"", "b": bytes(range(256)) * 3}
WANTED = [Wanted("doc", "2-b", ("1-a",)), Wanted("doc", "1-x")]
MIXED = {"content_type": 'multipart/mixed; boundary="outer"'}


def leaf_text(files: dict[str, bytes], **lengths: int) -> bytes:
    kind = {"content_type": "text/plain", "revpos": 2}
    stubs = {
        name: {**kind, "length": lengths.get(name, len(text)), "follows": True}
        for name, text in files.items()
    }
    stubs["known"] = {**kind, "length": 5, "stub": True}
    # A number as only a text can keep it.
    head = b'{"_id":"doc","_rev":"2-b","n":1.50e0,"_attachments":'
    return head + json.dumps(stubs).encode() + b"}"


def mixed(*parts: bytes) -> bytes:
    """The whole answer, as CouchDB frames it."""
    return b"--outer" + b"".join(b"\r\n%b\r\n--outer" % part for part in parts) + b"--"


def related(document: bytes, files: dict[str, bytes], named: bool = True) -> bytes:
    text = b'Content-Type: multipart/related; boundary="inner"\r\n\r\n--inner\r\n'
    text += b"Content-Type: application/json\r\n\r\n" + document
    for name, content in files.items():
        disposition = f'Content-Disposition: attachment; filename="{name}"\r\n' if named else ""
        text += b"\r\n--inner\r\n%b\r\n%b" % (disposition.encode(), content)
    return text + b"\r\n--inner--"


PLAIN = b'Content-Type: application/json\r\n\r\n{"_id":"doc","_rev":"1-x","error":"mine","missing":"mine"}'
ABSENT = b'Content-Type: application/json; error="true"\r\n\r\n{"missing":"1-x"}'
WHOLE = mixed(related(leaf_text(FILES), FILES), PLAIN, ABSENT)

Found = list[tuple[Any, ...]]


async def read(found: AsyncIterator[Opened | NotThere], into: Found) -> None:
    async for one in found:
        if isinstance(one, NotThere):
            into.append(("absent", one.rev))
            continue
        content = b"".join([bytes(data) async for data in one.chunks])
        into.append((one.rev, bytes(one.doc), [part.name for part in one.parts], content))


def opened(play: Play, *more: Play, wanted: Sequence[Wanted] = WANTED) -> Found:
    """What a peer's answer opens to."""
    found: Found = []

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        await read(database(transport).open_revs("doc", wanted), found)

    with_plays(work, play, *more)
    return found


ALL: Found = [
    ("2-b", leaf_text(FILES), list(FILES), b"".join(FILES.values())),
    ("1-x", PLAIN.partition(b"\r\n\r\n")[2], [], b""),
    ("absent", "1-x"),
]


# --- what comes --------------------------------------------------------------------------------------


def test_leaves_come_with_their_bytes_and_their_own_text() -> None:
    assert opened(answers(200, WHOLE, **MIXED)) == ALL


def test_what_is_known_and_wanted_is_in_the_request() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        await read(database(transport, "d/b").open_revs("_design/é", WANTED), [])
        [seen] = peer.seen
        assert seen.path == "/d%2Fb/_design/%C3%A9"
        assert seen.headers["accept"] == "multipart/mixed"
        assert seen.query == {
            "revs": "true",
            "latest": "true",
            "open_revs": '["2-b","1-x"]',
            "atts_since": '["1-a"]',
        }

    with_plays(work, answers(200, WHOLE, **MIXED))


def test_urls_stay_short() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        known = tuple(f"{number}-{number:032x}" for number in range(500))
        wanted = [Wanted("doc", f"501-{number:032x}", known) for number in range(300)]
        await read(database(transport).open_revs("doc", wanted), [])
        assert max(len(seen.target) for seen in peer.seen) < 8000
        asked = [rev for seen in peer.seen for rev in json.loads(seen.query["open_revs"])]
        assert asked == [one.rev for one in wanted]

    with_plays(work, answers(200, mixed(), **MIXED))


def test_a_connection_whose_answer_was_read_is_used_again() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        for _ in range(3):
            await read(database(transport).open_revs("doc", WANTED), [])
        assert peer.connections == 1

    with_plays(work, answers(200, WHOLE + b"\r\n an epilogue", **MIXED))


# --- what does not come whole ------------------------------------------------------------------------


async def open_from(chunks: Sequence[bytes], found: Found) -> None:
    """The same without a network, so that it can be done thousands of times."""

    class Reply:
        status = 200
        headers: Mapping[str, str] = {}

        def chunks(self) -> AsyncIterator[bytes]:
            return pieces(*chunks)  # type: ignore[return-value]

    await read(attached._mixed(Reply(), b"outer", "doc", WANTED, "peer"), found)


def test_an_answer_that_is_cut_anywhere_is_lost_and_nothing_of_it_is_short() -> None:
    async def run() -> None:
        for size in range(len(WHOLE)):
            found: Found = []
            with pytest.raises(PeerLost):
                await open_from([WHOLE[:size]], found)
            assert found == ALL[: len(found)]

    asyncio.run(run())


@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_it_does_not_matter_where_chunks_end(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(WHOLE)]
    chunks = [WHOLE[one:other] for one, other in pairwise(places)]
    found: Found = []
    asyncio.run(open_from(chunks, found))
    assert found == ALL


@pytest.mark.parametrize("cut", range(0, len(WHOLE), 97))
def test_an_answer_that_is_cut_on_the_wire_is_lost(cut: int) -> None:
    async def cuts(exchange: Exchange) -> None:
        await exchange.begin(200, content_length=str(len(WHOLE)), **MIXED)
        await exchange.write(WHOLE[:cut])
        exchange.cut()

    with pytest.raises(PeerLost):
        opened(cuts)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("wrong", [-1, 1, 1000])
@pytest.mark.parametrize("name", FILES)
def test_attachments_with_other_lengths_than_announced_are_lost(name: str, wrong: int, named: bool) -> None:
    length = len(FILES[name]) + wrong
    if length >= 0:
        text = mixed(related(leaf_text(FILES, **{name: length}), FILES, named))
        with pytest.raises(PeerLost, match=f"attachment {name} has {length} bytes"):
            opened(answers(200, text, **MIXED))


def test_attachments_that_are_left_out_or_in_another_order_are_lost() -> None:
    some = {name: FILES[name] for name in ("a.txt", "empty")}
    with pytest.raises(PeerLost, match="the bytes of attachment b did not come"):
        opened(answers(200, mixed(related(leaf_text(FILES), some)), **MIXED))
    turned = {"b": b"12", "a.txt": b"34"}
    with pytest.raises(PeerLost, match=r"other bytes than those of attachment a\.txt"):
        opened(answers(200, mixed(related(leaf_text({"a.txt": b"12", "b": b"34"}), turned)), **MIXED))


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a%0Ab", "a\nb"])
def test_names_that_servers_escape_in_their_own_ways_do_not_matter(name: str) -> None:
    files = {name: b"text"}
    [found] = opened(answers(200, mixed(related(leaf_text(files), {"as it likes": b"text"})), **MIXED))
    assert found[2:] == ([name], b"text")


@pytest.mark.parametrize(
    "part",
    [
        b"Content-Type: application/json\r\n\r\n{",
        b"Content-Type: application/json\r\n\r\n[]",
        b'Content-Type: application/json\r\n\r\n{"_rev":"\xff"}',
        b'Content-Type: multipart/related; boundary="inner"\r\n\r\n--inner--',
        b'Content-Type: multipart/related; boundary="inner"\r\n\r\nnothing',
        related(b'{"_rev":"1-x","_attachments":{"f":{"follows":true}}}', {"f": b""}),
        related(b'{"_rev":"1-x","_attachments":{"f":{"follows":true,"length":"5"}}}', {"f": b"12345"}),
        related(b'{"_rev":"1-x","_attachments":[]}', {}),
        b"no header\r\n\r\n",
    ],
)
def test_what_can_not_be_understood_is_lost(part: bytes) -> None:
    with pytest.raises(PeerLost):
        opened(answers(200, mixed(part), **MIXED))


def test_a_document_over_its_bound_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attached, "DOCUMENT_BYTES_MAX", 100)
    with pytest.raises(TooLarge):
        opened(answers(200, WHOLE, **MIXED))


@pytest.mark.parametrize(
    ("play", "kind"),
    [
        (hangs_up, PeerLost),
        (answers(500, b"<html>"), PeerLost),
        (answers(401, {"error": "unauthorized"}), Unauthorized),
        (answers(404, {"error": "not_found", "reason": "Database does not exist."}), NotFound),
        (answers(404, b"<html>"), NotFound),
        (answers(302, location="/elsewhere"), CouchgrassError),
    ],
)
def test_a_refusal_is_about_the_request(play: Play, kind: type[CouchgrassError]) -> None:
    with pytest.raises(kind) as refused:
        opened(play)
    assert type(refused.value) is kind


def test_a_document_that_is_not_there_has_no_leaves() -> None:
    absent: Found = [("absent", "2-b"), ("absent", "1-x")]
    assert opened(answers(404, {"error": "not_found", "reason": "missing"})) == absent


def test_a_peer_without_multipart_gives_the_bytes_inside_the_documents() -> None:
    """As express-pouchdb does."""
    inline = b'{"_id":"doc","_rev":"2-b","n":1.50e0,"_attachments":{"f":{"data":"AAA="}}}'
    text = b'[{"ok":%b},{"missing":"1-x"}]' % inline

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        found: Found = []
        await read(database(transport).open_revs("doc", WANTED), found)
        assert found == [("2-b", inline, [], b""), ("absent", "1-x")]
        assert [seen.query.get("attachments") for seen in peer.seen] == [None, "true"]

    with_plays(work, answers(200, text, content_type="application/json"))


# --- what goes ---------------------------------------------------------------------------------------

PARTS = [Part(name, "text/plain", len(text)) for name, text in FILES.items()]


def to_put(*given: bytes | Exception, parts: Sequence[Part] = PARTS) -> Opened:
    return Opened("doc", "2-b", leaf_text(FILES), parts, pieces(*(given or FILES.values())))


def test_a_leaf_is_put_as_one_text_of_known_length() -> None:
    got: list[bytes] = []

    async def reads(exchange: Exchange) -> None:
        got.append(await exchange.body())
        await exchange.answer(201, {"ok": True})

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        await database(transport).put_opened(to_put())
        await database(transport).put_opened(Opened("doc", "1-x", b"{}", (), pieces()))
        with_files, plain = peer.seen
        assert with_files.query == {"new_edits": "false"}
        boundary = with_files.headers["content-type"].partition('boundary="')[2].strip('"').encode()
        assert got[0].startswith(
            b"--" + boundary + b"\r\nContent-Type: application/json\r\n\r\n" + leaf_text(FILES)
        )
        contents = [part.partition(b"\r\n\r\n")[2] for part in got[0].split(b"\r\n--" + boundary)[1:-1]]
        assert contents == list(FILES.values())
        assert (plain.headers["content-type"], got[1]) == ("application/json", b"{}")

    with_plays(work, reads)


@pytest.mark.parametrize(
    ("play", "kind"),
    [
        (answers(403, {"error": "forbidden", "reason": "no"}), Forbidden),
        (answers(412, {"error": "missing_stub", "reason": "id:doc, name:known"}), MissingStub),
        (answers(413, b"<html>"), TooLarge),
        (answers(500), PeerLost),
        (answers(302, location="/"), CouchgrassError),
        (hangs_up, PeerLost),
    ],
)
@pytest.mark.parametrize("parts", [(), PARTS])
def test_a_refused_leaf_is_told(play: Play, kind: type[CouchgrassError], parts: Sequence[Part]) -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(kind) as refused:
            await database(transport).put_opened(to_put(parts=parts))
        assert type(refused.value) is kind

    with_plays(work, play)


def test_a_leaf_whose_source_breaks_is_cut_off_and_the_source_blamed() -> None:
    failure = PeerLost("the source is gone")

    async def takes(exchange: Exchange) -> None:
        with pytest.raises(asyncio.IncompleteReadError):
            await exchange.body()
        exchange.cut()

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(PeerLost) as lost:
            await database(transport).put_opened(to_put(FILES["a.txt"], failure))
        assert lost.value is failure

    with_plays(work, takes)


def test_a_target_that_refuses_early_leaves_the_source_readable() -> None:
    """Its answer ends the upload while that waits for the source; then the next leaf is read as ever."""
    goes_on = asyncio.Event()
    files = {"large": bytes(1_000_000)}
    text = mixed(related(leaf_text(files), files), PLAIN)

    async def play(exchange: Exchange) -> None:
        if exchange.method == "GET":
            await exchange.begin(200, content_length=str(len(text)), **MIXED)
            await exchange.write(text[:5000])
            await goes_on.wait()
            await exchange.write(text[5000:])
            return
        await exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await exchange.answer(413, {"error": "attachment_too_large", "reason": "large"}, connection="close")
        exchange.cut()

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        peered = database(transport)
        revs = []
        async for one in peered.open_revs("doc", WANTED):
            assert isinstance(one, Opened)
            revs.append(one.rev)
            if one.parts:
                with pytest.raises(TooLarge):
                    await peered.put_opened(one)
                goes_on.set()
        assert revs == ["2-b", "1-x"]

    with_plays(work, play)
