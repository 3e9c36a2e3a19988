"""Bodies that go out in pieces: each pause of the taker is bounded, the source's own is not counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from couchgrass.couch.upload import PIECE_BYTES, Upload, sliced
from tests.couch.asking import pieces


def test_a_body_in_memory_is_cut_into_pieces_and_nothing_else() -> None:
    async def run() -> None:
        body = bytes(range(256)) * (PIECE_BYTES // 256) + b"the rest"
        parts = [bytes(piece) async for piece in sliced(body)]
        assert [len(part) for part in parts] == [PIECE_BYTES, 8]
        assert b"".join(parts) == body
        assert [piece async for piece in sliced(b"")] == []

    asyncio.run(run())


def test_who_takes_too_long_with_a_piece_is_interrupted() -> None:
    async def run() -> None:
        bound = asyncio.timeout(60)
        upload = Upload(sliced(b"a piece"), 0.01, bound)
        with pytest.raises(TimeoutError):
            async with bound:
                async for _ in upload:
                    await asyncio.Event().wait()
        assert upload.has_begun and upload.failed is None

    asyncio.run(run())


def test_the_source_may_take_its_time() -> None:
    async def run() -> None:
        goes_on = asyncio.Event()
        bound = asyncio.timeout(0.0)

        async def slow() -> AsyncIterator[bytes | memoryview]:
            assert bound.when() is None
            await goes_on.wait()
            yield b"late"

        async with bound:
            upload = Upload(slow(), 60, bound)
            asyncio.get_running_loop().call_soon(goes_on.set)
            assert [piece async for piece in upload] == [b"late"]
            assert bound.when() is not None, "the answer has to come in time, too"

    asyncio.run(run())


def test_once_the_answer_has_begun_nothing_more_is_sent() -> None:
    async def run() -> None:
        sent: list[bytes] = []

        async def send(upload: Upload) -> None:
            async for piece in upload:
                sent.append(bytes(piece))
                upload.answered()

        async with asyncio.timeout(60) as bound:
            upload = Upload(pieces(b"one", b"two"), 60, bound)
            sender = asyncio.create_task(send(upload))
            while not sent:
                await asyncio.sleep(0)
            await upload.end()
        assert sender.cancelled()
        assert sent == [b"one"]

    asyncio.run(run())


def test_its_source_is_free_once_it_has_ended() -> None:
    async def run() -> None:
        class Source:
            """Only one may wait for it at a time, as with a socket."""

            waits = False

            def __aiter__(self) -> Source:
                return self

            async def __anext__(self) -> bytes:
                assert not self.waits
                self.waits = True
                try:
                    await asyncio.Event().wait()
                finally:
                    self.waits = False
                raise AssertionError

        async def send(upload: Upload) -> None:
            async for _ in upload:
                pass

        source = Source()
        async with asyncio.timeout(60) as bound:
            upload = Upload(source, 60, bound)
            await upload.end()
            sender = asyncio.create_task(send(upload))
            while not source.waits:
                await asyncio.sleep(0)
            await upload.end()
            assert not source.waits
            assert sender.cancelled()

    asyncio.run(run())


def test_what_the_source_raises_is_kept() -> None:
    async def run() -> None:
        failure = ValueError("the source")

        async def broken() -> AsyncIterator[bytes | memoryview]:
            yield b"some"
            raise failure

        async with asyncio.timeout(60) as bound:
            upload = Upload(broken(), 60, bound)
            with pytest.raises(ValueError, match="the source"):
                async for _ in upload:
                    pass
        assert upload.failed is failure

    asyncio.run(run())


def test_a_second_sender_does_not_get_the_rest() -> None:
    async def run() -> None:
        async with asyncio.timeout(60) as bound:
            sent = aiter(Upload(sliced(bytes(3 * PIECE_BYTES)), 60, bound))
            await anext(sent)

            async def another() -> None:
                with pytest.raises(ConnectionResetError):
                    await anext(sent)

            await asyncio.create_task(another())

    asyncio.run(run())
