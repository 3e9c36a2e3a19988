"""The cache of code: bounded in memory and on disk, and never wrong."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.functions.store.code_cache import CodeCache, Shelf, is_digest


def digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


async def opened(folder: Path, memory: int = 1000, disk: int = 1000) -> CodeCache:
    cache = CodeCache(folder, memory_bytes_max=memory, disk_bytes_max=disk)
    await cache.open()
    return cache


def test_what_was_put_is_there_in_memory_and_after_a_restart_on_disk(tmp_path: Path) -> None:
    async def work() -> None:
        cache = await opened(tmp_path / "code")
        await cache.put(digest(b"a"), b"a")
        assert await cache.get(digest(b"a")) == b"a" and await cache.get(digest(b"b")) is None
        again = await opened(tmp_path / "code")
        assert await again.get(digest(b"a")) == b"a"
        assert (tmp_path / "code").stat().st_mode & 0o777 == 0o700

    asyncio.run(work())


def test_the_least_recently_used_goes_from_the_disk(tmp_path: Path) -> None:
    async def work() -> None:
        cache = await opened(tmp_path, memory=0, disk=30)
        texts = [bytes([letter]) * 10 for letter in b"abcd"]
        for text in texts[:3]:
            await cache.put(digest(text), text)
        assert await cache.get(digest(texts[0])) == texts[0]
        await cache.put(digest(texts[3]), texts[3])
        assert [await cache.get(digest(text)) for text in texts] == [texts[0], None, *texts[2:]]
        assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
            digest(text) for text in (texts[0], *texts[2:])
        )
        smaller = await opened(tmp_path, disk=15)
        assert [await smaller.get(digest(text)) is not None for text in texts].count(True) == 1

    asyncio.run(work())


def test_a_file_that_is_not_what_its_name_says_is_not_taken(tmp_path: Path) -> None:
    async def work() -> None:
        cache = await opened(tmp_path)
        await cache.put(digest(b"a"), b"a")
        (tmp_path / digest(b"a")).write_bytes(b"b")
        (tmp_path / f"{digest(b'c')}.half").write_bytes(b"c")
        again = await opened(tmp_path)
        assert await again.get(digest(b"a")) is None
        assert list(tmp_path.iterdir()) == []

    asyncio.run(work())


def test_a_disk_that_takes_nothing_is_no_failure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        cache = await opened(tmp_path / "code")
        (tmp_path / "code").rmdir()
        await cache.put(digest(b"a"), b"a")
        assert await cache.get(digest(b"a")) == b"a"

    asyncio.run(work())
    assert "can't be kept" in caplog.text


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 12)), max_size=30), st.integers(0, 20))
def test_a_shelf_never_holds_more_than_it_may(steps: list[tuple[str, int]], most: int) -> None:
    shelf, model = Shelf(most), dict[str, int]()
    for name, size in steps:
        model.pop(name, None)
        model[name] = size
        gone = shelf.add(name, size)
        assert gone == list(model)[: len(gone)], "the oldest go first"
        for one in gone:
            del model[one]
        assert shelf.bytes == sum(model.values()) <= most
        assert all((one in shelf) == (one in model) for one in "abcde")


def test_a_digest_is_looked_at_on_a_thread_when_that_takes_long() -> None:
    async def work() -> None:
        for text in (b"", b"a", b"a" * 1_000_000):
            assert await is_digest(text, digest(text)) and not await is_digest(text, digest(b"other"))

    asyncio.run(work())
