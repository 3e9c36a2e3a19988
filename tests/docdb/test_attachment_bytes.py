"""The bytes of attachments: digests, compression, base64, whatever the chunks that they come in."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.attachment_bytes import (
    GUNZIP_BYTES_MAX,
    Base64,
    Compressor,
    Digest,
    Gunzip,
    PackedDigest,
    Sink,
    Stored,
    is_compressible,
)
from couchgrass.errors import BadRequest, TooLarge

MD5_FOO = hashlib.md5(b"foo").digest()


def run(sink: Sink, chunks: Iterable[bytes]) -> tuple[bytes, Stored]:
    packed = b"".join([*(bytes(sink.write(chunk)) for chunk in chunks), sink.finish()])
    return packed, sink.stored()


@pytest.mark.parametrize(
    "content_type", ["text/plain", "TEXT/html; charset=utf-8", " application/json ;x", "text/"]
)
def test_types_on_couchdbs_list_are_compressed(content_type: str) -> None:
    assert is_compressible(content_type)


@pytest.mark.parametrize(
    "content_type",
    ["image/png", "", "application/jsonp", "x; text/plain", "xtext/plain", "text/" + "x" * 300],
)
def test_other_types_are_not_compressed(content_type: str) -> None:
    assert not is_compressible(content_type)


def test_patterns_are_literal_but_for_the_star() -> None:
    assert is_compressible("image/svg+xml", "image/*+xml , text/css")
    assert is_compressible("text/css", "image/*+xml , text/css")
    assert not is_compressible("text/cssx", "image/*+xml , text/c*s")
    assert not is_compressible("text/css", "")


def test_identity_is_stored_as_it_comes_with_its_md5() -> None:
    packed, stored = run(Digest(), [b"f", b"oo"])
    assert packed == b"foo"
    assert stored == Stored("md5-rL0Y20zC+Fzt72VPzMSk2A==", 3, 3, "identity", MD5_FOO)


@given(st.binary(max_size=3000), st.integers(1, 500))
def test_gzip_from_a_replicator_is_stored_as_it_comes_with_the_length_it_decodes_to(
    text: bytes, size: int
) -> None:
    packed = gzip.compress(text, mtime=0)
    kept, stored = run(PackedDigest("a"), [packed[at : at + size] for at in range(0, len(packed), size)])
    assert kept == packed
    md5 = hashlib.md5(packed).digest()
    digest = "md5-" + base64.b64encode(md5).decode()
    assert stored == Stored(digest, len(text), len(packed), "gzip", md5)


@pytest.mark.parametrize("damaged", [b"", b"plain", gzip.compress(b"foo")[:-1], gzip.compress(b"foo") + b"x"])
def test_what_comes_as_gzip_and_is_none_is_refused(damaged: bytes) -> None:
    with pytest.raises(BadRequest):
        run(PackedDigest("a"), [damaged])


def test_gzip_that_decodes_to_more_than_the_limit_is_too_large() -> None:
    run(PackedDigest("a.txt", 100_000), [gzip.compress(bytes(100_000))])
    with pytest.raises(TooLarge) as refused:
        run(PackedDigest("a.txt", 100_000), [gzip.compress(bytes(100_001))])
    assert (refused.value.error, refused.value.reason) == ("attachment_too_large", "a.txt")


@given(st.lists(st.binary(max_size=2000), max_size=5), st.integers(1, 9))
def test_compressed_bytes_decode_to_what_came_in(chunks: list[bytes], level: int) -> None:
    text = b"".join(chunks)
    packed, stored = run(Compressor(level), chunks)
    assert gzip.decompress(packed) == text
    assert stored.digest == "md5-" + base64.b64encode(hashlib.md5(packed).digest()).decode()
    assert (stored.length, stored.encoded_length, stored.encoding) == (len(text), len(packed), "gzip")
    assert stored.received_md5 == hashlib.md5(text).digest()


@given(st.integers(1, 40_000), st.integers(1, 300))
def test_compressed_bytes_do_not_depend_on_the_cuts_or_the_time(size: int, words: int) -> None:
    text = b" ".join(b"%d" % (n * n % (words * 7)) for n in range(30_000))
    whole, _ = run(Compressor(), [text])
    cut, _ = run(Compressor(), [text[at : at + size] for at in range(0, len(text), size)])
    assert cut == whole
    assert whole[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"


def gunzip(chunks: Iterable[bytes]) -> list[bytes]:
    stream = Gunzip()
    pieces = [piece for chunk in chunks for piece in stream.write(chunk)]
    stream.close()
    return pieces


@given(st.lists(st.binary(max_size=500), min_size=1, max_size=3), st.integers(1, 100))
def test_gunzip_undoes_gzip_of_one_or_more_members_however_cut(texts: list[bytes], size: int) -> None:
    packed = b"".join(gzip.compress(text, mtime=0) for text in texts)
    chunks = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert b"".join(gunzip(chunks)) == b"".join(texts)


@pytest.mark.parametrize("extra", [-1, 0, 1, 100])
def test_gunzip_hands_out_a_bomb_in_bounded_pieces(extra: int) -> None:
    size = 40 * GUNZIP_BYTES_MAX + extra
    pieces = gunzip([gzip.compress(bytes(size))])
    assert sum(map(len, pieces)) == size
    assert max(map(len, pieces)) <= GUNZIP_BYTES_MAX


@pytest.mark.parametrize("damaged", [b"plain text", gzip.compress(b"foo") + b"junk"])
def test_gunzip_refuses_what_is_not_gzip(damaged: bytes) -> None:
    with pytest.raises(BadRequest, match="invalid gzip data"):
        gunzip([damaged])


@pytest.mark.parametrize("damaged", [b"", gzip.compress(b"foo")[:-1], gzip.compress(b"foo")[:5]])
def test_gunzip_refuses_what_is_cut_off(damaged: bytes) -> None:
    with pytest.raises(BadRequest, match="gzip data ends too early"):
        gunzip([damaged])


@given(st.lists(st.binary(max_size=20), max_size=6))
def test_base64_of_chunks_is_base64_of_the_whole(chunks: list[bytes]) -> None:
    coder = Base64()
    text = b"".join([*map(coder.write, chunks), coder.finish()])
    assert text == base64.b64encode(b"".join(chunks))
