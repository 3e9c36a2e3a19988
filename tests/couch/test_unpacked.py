"""Attachments unpacked on their way: what arrives is what was packed, or nothing does."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.couch.attached import MISMATCH
from couchgrass.couch.unpacked import PIECE_BYTES, is_packed, unpacked
from couchgrass.docdb.wire import Opened, Part
from couchgrass.errors import PeerLost

TEXT = b"couch grass " * 1000


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def opened(files: Sequence[tuple[str, bytes, bytes | None]], *, cut: int = 4096, lie: int = 0) -> Opened:
    """A leaf with (name, bytes, packed bytes) attached, which come in pieces of `cut` bytes."""
    stubs: dict[str, Any] = {}
    parts = []
    stream = b""
    for name, content, packed in files:
        sent = content if packed is None else packed
        stubs[name] = {"content_type": "text/plain", "length": len(content) + lie, "follows": True}
        stubs[name] |= {"digest": "md5-x", "revpos": 3}
        if packed is not None:
            stubs[name] |= {"encoding": "gzip", "encoded_length": len(packed)}
        parts.append(Part(name, "text/plain", len(sent), "identity" if packed is None else "gzip"))
        stream += sent
    doc = json.dumps({"_id": "doc", "_rev": "3-aa", "big": 2**70, "_attachments": stubs}).encode()
    return Opened("doc", "3-aa", doc, parts, pieces(stream, cut))


def collected(leaf: Opened) -> bytes:
    async def collect() -> bytes:
        return b"".join([bytes(piece) async for piece in leaf.chunks])

    return asyncio.run(collect())


def test_only_packed_leaves_need_it() -> None:
    assert is_packed(opened([("a", b"1", None), ("b", TEXT, gzip.compress(TEXT))]))
    assert not is_packed(opened([("a", b"1", None)]))


def test_packed_attachments_are_described_and_sent_as_they_are() -> None:
    leaf = unpacked(opened([("a", b"12", None), ("b", TEXT, gzip.compress(TEXT)), ("c", b"3", None)]))
    doc = json.loads(leaf.doc)
    assert (doc["_id"], doc["_rev"], doc["big"]) == ("doc", "3-aa", 2**70)
    plain = {"content_type": "text/plain", "length": 2, "follows": True, "digest": "md5-x", "revpos": 3}
    assert doc["_attachments"]["a"] == plain
    assert doc["_attachments"]["b"] == {
        "content_type": "text/plain",
        "length": len(TEXT),
        "follows": True,
        "revpos": 3,
    }
    assert [(part.name, part.length, part.encoding) for part in leaf.parts] == [
        ("a", 2, "identity"),
        ("b", len(TEXT), "identity"),
        ("c", 1, "identity"),
    ]
    assert collected(leaf) == b"12" + TEXT + b"3"


@given(st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=5), st.integers(1, 64))
def test_any_attachments_arrive_whole_however_they_are_cut(
    contents: list[tuple[bytes, bool]], cut: int
) -> None:
    files = [
        (str(number), content, gzip.compress(content) if packs else None)
        for number, (content, packs) in enumerate(contents)
    ]
    leaf = unpacked(opened(files, cut=cut))
    assert collected(leaf) == b"".join(content for content, _ in contents)
    assert [part.length for part in leaf.parts] == [len(content) for content, _ in contents]


@pytest.mark.parametrize("lie", [-1, 1])
def test_a_length_that_is_not_true_breaks_off(lie: int) -> None:
    with pytest.raises(PeerLost) as broken:
        collected(unpacked(opened([("a", TEXT, gzip.compress(TEXT))], lie=lie)))
    assert broken.value.error == MISMATCH


@pytest.mark.parametrize("packed", [b"no gzip at all", gzip.compress(TEXT)[:-20], zlib.compress(TEXT)])
def test_bytes_that_are_no_gzip_break_off(packed: bytes) -> None:
    with pytest.raises(PeerLost) as broken:
        collected(unpacked(opened([("a", TEXT, packed)])))
    assert broken.value.error == MISMATCH


def test_a_packed_attachment_without_its_length_breaks_off() -> None:
    leaf = opened([("a", TEXT, gzip.compress(TEXT))])
    doc = json.loads(leaf.doc)
    del doc["_attachments"]["a"]["length"]
    with pytest.raises(PeerLost) as broken:
        unpacked(Opened(leaf.id, leaf.rev, json.dumps(doc).encode(), leaf.parts, leaf.chunks))
    assert broken.value.error == MISMATCH


def test_bytes_that_do_not_come_break_off() -> None:
    whole = opened([("a", TEXT, gzip.compress(TEXT))])
    cut = Opened(whole.id, whole.rev, whole.doc, whole.parts, pieces(gzip.compress(TEXT)[:30], 10))
    with pytest.raises(PeerLost) as broken:
        collected(unpacked(cut))
    assert broken.value.error == "peer_lost"


def test_a_bomb_is_not_unpacked_past_its_length() -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    leaf = opened([("a", b"0" * 1000, bomb)])
    with pytest.raises(PeerLost):
        collected(unpacked(leaf))


def test_what_little_becomes_much_comes_in_pieces() -> None:
    """Else one chunk of a large attachment would be in memory as a thousand times as much."""
    content = b"0" * 20_000_000
    leaf = unpacked(opened([("a", content, gzip.compress(content))], cut=1 << 20))

    async def follow() -> tuple[int, int]:
        tracemalloc.start()
        size = 0
        async for piece in leaf.chunks:
            size += len(piece)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size, peak

    size, peak = asyncio.run(follow())
    assert size == len(content) and peak < 8 * PIECE_BYTES
