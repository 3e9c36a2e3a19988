"""Attachments on their way in: limits, hang-ups, refusals; what is left of them in the storage."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from couchgrass import json
from couchgrass.docdb.attachment import Follows, check_md5
from couchgrass.docdb.http import upload
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.upload import Uploads
from couchgrass.docdb.sqlite.compaction import compact
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.schema import CHUNK_BYTES
from couchgrass.errors import BadRequest, CouchgrassError, TooLarge
from couchgrass.testing.in_process import ADMIN, Served, served, until

MIB = 1024 * 1024


def noise(size: int) -> bytes:
    block = b"".join(hashlib.sha512(b"%d" % number).digest() for number in range(CHUNK_BYTES // 64))
    return (block * (size // len(block) + 1))[:size]


PACKED = gzip.compress(noise(MIB))


def follows(data: bytes | None, **members: Any) -> Follows:
    told: dict[str, Any] = {
        "content_type": "image/png",
        "revpos": 0,
        "md5": b"",
        "length": None,
        "encoded_length": None if data is None else len(data),
        "encoding": "identity",
    }
    return Follows(**{**told, **members})


async def cut(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def chunks(db: Database) -> int:
    """Chunks of attachments in the storage."""
    return sum(count for (count,) in db.reader.execute("SELECT count(*) FROM chunks"))


def with_request(folder: Path, work: Callable[[Request, Database], Awaitable[None]]) -> None:
    """Runs `work` with a request to an empty database of a running server."""

    async def run() -> None:
        async with served(folder) as place:
            await place.json("PUT", "/db")
            scope: dict[str, Any] = {
                "method": "PUT", "raw_path": b"/db/doc", "query_string": b"", "headers": [], "client": None,
            }  # fmt: skip
            request = Request(place.server, scope, asyncio.Event().wait)  # type: ignore[arg-type]
            request.db = place.server.store.get("db")
            await work(request, request.db)

    asyncio.run(run())


def test_small_ones_wait_in_memory_and_large_ones_are_written_however_they_arrive(server_data: Path) -> None:
    async def receive(request: Request, db: Database, size: int, piece: int) -> None:
        data = noise(size)
        small = size <= upload.SMALL_BYTES_MAX
        before = chunks(db)
        async with Uploads(request) as uploads:
            fresh = await uploads.receive("a", follows(data), cut(data, piece))
            assert (fresh.stored.length, fresh.stored.encoded_length) == (size, size)
            check_md5(fresh.stored.received_md5, hashlib.md5(data).digest())
            assert fresh.data == (data if small else None)
            assert db.uploading == (set() if small else {fresh.blob})
            assert chunks(db) - before == (0 if small else -(-size // CHUNK_BYTES))
        assert not db.uploading

    async def work(request: Request, db: Database) -> None:
        for size in (0, 1, 65_536, 65_537, CHUNK_BYTES, 2 * upload.WRITE_BYTES, 2 * upload.WRITE_BYTES + 7):
            for piece in (1000, 65_536, 300_000, 10 * MIB):
                await receive(request, db, size, piece)

    with_request(server_data, work)


def test_many_small_ones_do_not_pile_up_in_memory(server_data: Path) -> None:
    data = noise(upload.SMALL_BYTES_MAX)

    async def work(request: Request, db: Database) -> None:
        async with Uploads(request) as uploads:
            made = [await uploads.receive(str(n), follows(data), cut(data, 9000)) for n in range(20)]
            empty = await uploads.receive("none", follows(b""), cut(b"", 1))
        assert sum(len(fresh.data or b"") for fresh in made) == upload.HELD_BYTES_MAX
        assert chunks(db) == 4
        assert empty.data == b""

    with_request(server_data, work)


@pytest.mark.parametrize(
    ("data", "told", "reason"),
    [
        (noise(MIB), {"encoded_length": MIB - 1}, "attachment longer than expected"),
        (noise(MIB), {"encoded_length": MIB + 1}, "attachment shorter than expected"),
        (noise(MIB), {"md5": b"x" * 16}, "Possible message corruption."),
        (noise(MIB), {"encoding": "gzip"}, "invalid gzip data"),
        (
            gzip.compress(noise(MIB))[:-9],
            {"encoding": "gzip", "encoded_length": None},
            "gzip data ends too early",
        ),
    ],
)
def test_what_does_not_arrive_as_told_is_refused_and_deleted_again(
    server_data: Path, data: bytes, told: dict[str, Any], reason: str
) -> None:
    async def work(request: Request, db: Database) -> None:
        with pytest.raises(BadRequest) as refused:
            async with Uploads(request) as uploads:
                await uploads.receive("a", follows(data, **told), cut(data, 100_000))
        assert refused.value.reason == reason
        await until(lambda: chunks(db) == 0 and not db.uploading)

    with_request(server_data, work)


@pytest.mark.parametrize("stray", [CouchgrassError("a"), ValueError("b"), asyncio.CancelledError()])
def test_whatever_ends_the_request_before_the_commit_has_the_bytes_deleted(
    server_data: Path, stray: BaseException
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield noise(30 * MIB)
        raise stray

    async def work(request: Request, db: Database) -> None:
        with pytest.raises(type(stray)):
            async with Uploads(request) as uploads:
                await uploads.receive("a", follows(None), broken())
        await until(lambda: chunks(db) == 0 and not db.uploading)

    with_request(server_data, work)


def test_gzip_that_comes_as_gzip_stays_and_gets_the_length_it_decodes_to(server_data: Path) -> None:
    text = noise(MIB)
    packed = PACKED

    async def work(request: Request, db: Database) -> None:
        async with Uploads(request) as uploads:
            told = follows(packed, encoding="gzip", length=7, md5=hashlib.md5(packed).digest())
            fresh = await uploads.receive("a", told, cut(packed, 100_000))
        assert (fresh.stored.length, fresh.stored.encoded_length) == (len(text), len(packed))
        assert fresh.stored.encoding == "gzip"

    with_request(server_data, work)


def in_server(folder: Path, work: Callable[[Served, Database], Awaitable[None]]) -> None:
    """Runs `work` with a server and an empty database ``db`` of it."""

    async def run() -> None:
        async with served(folder) as place:
            await place.json("PUT", "/db")
            await work(place, place.server.store.get("db"))

    asyncio.run(run())


@pytest.mark.parametrize("declared", [True, False])
def test_past_max_attachment_size_is_413_and_nothing_stays(server_data: Path, declared: bool) -> None:
    async def work(place: Served, db: Database) -> None:
        await place.json("PUT", "/_node/_local/_config/couchdb/max_attachment_size", "1000000")
        body: Any = noise(1_000_001) if declared else cut(noise(1_000_001), 50_000)
        async with place.session.put(place.url + "/db/big/a.png", data=body) as answer:
            assert answer.status == 413
            assert await answer.json() == {"error": "attachment_too_large", "reason": "a.png"}
        async with place.session.put(place.url + "/db/fits/a", data=noise(1_000_000)) as answer:
            assert answer.status == 201
        await until(lambda: chunks(db) == 4 and not db.uploading)

    in_server(server_data, work)


def test_a_client_that_hangs_up_leaves_nothing_behind(server_data: Path) -> None:
    async def work(place: Served, db: Database) -> None:
        host, port = place.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        token = base64.b64encode(":".join(ADMIN).encode()).decode()
        head = f"PUT /db/doc/a HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {token}\r\n"
        writer.write(head.encode() + b"Content-Length: 9000000\r\n\r\n" + noise(5 * MIB))
        await until(lambda: chunks(db) > 2 and bool(db.uploading))
        writer.close()
        await writer.wait_closed()
        await until(lambda: chunks(db) == 0 and not db.uploading)

    in_server(server_data, work)


def test_compaction_leaves_what_is_being_uploaded_and_sweeps_what_is_not_named(
    server_data: Path,
) -> None:
    data = noise(2 * MIB)

    async def work(place: Served, db: Database) -> None:
        arrived, go_on = asyncio.Event(), asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield data
            await until(lambda: chunks(db) >= 4)
            arrived.set()
            await go_on.wait()
            yield b"end"

        async def put() -> int:
            async with place.session.put(place.url + "/db/doc/a", data=slowly()) as answer:
                return answer.status

        putting = asyncio.create_task(put())
        await arrived.wait()
        await compact(db, lambda *_: True)
        assert chunks(db) >= 4
        go_on.set()
        assert await putting == 201
        await compact(db, lambda *_: True)
        async with place.session.get(place.url + "/db/doc/a") as answer:
            assert await answer.read() == data + b"end"
        rev = (await place.json("GET", "/db/doc"))["_rev"]
        await place.json("DELETE", f"/db/doc?rev={rev}")
        await compact(db, lambda *_: True)
        assert chunks(db) == 0

    in_server(server_data, work)


def test_bytes_for_a_revision_that_is_there_already_are_not_kept(server_data: Path) -> None:
    data = noise(MIB)
    member = {"follows": True, "length": len(data), "content_type": "image/png", "revpos": 1}
    document = {"_rev": "1-abc", "_attachments": {"a": member}}

    async def work(place: Served, db: Database) -> None:
        body = b'--x\r\nContent-Type: application/json\r\n\r\n%b\r\n--x\r\n\r\n%b\r\n--x--' % (
            json.encode(document), data,
        )  # fmt: skip
        for _ in range(3):
            async with place.session.put(
                place.url + "/db/doc?new_edits=false",
                data=io.BytesIO(body),
                headers={"Content-Type": "multipart/related; boundary=x"},
            ) as answer:
                assert (await answer.json())["rev"] == "1-abc"
        await until(lambda: chunks(db) == 4 and not db.uploading)
        async with place.session.get(place.url + "/db/doc/a") as answer:
            assert await answer.read() == data

    in_server(server_data, work)


def test_a_refused_commit_has_the_bytes_deleted(server_data: Path) -> None:
    async def work(place: Served, db: Database) -> None:
        await place.json("PUT", "/db/doc", {})
        async with place.session.put(place.url + "/db/doc/a", data=noise(MIB)) as answer:
            assert answer.status == 409
        await until(lambda: chunks(db) == 0 and not db.uploading)

    in_server(server_data, work)


def test_too_large_is_told_before_the_body_is_read(server_data: Path) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    async def work(request: Request, db: Database) -> None:
        with pytest.raises(TooLarge):
            async with Uploads(request) as uploads:
                await uploads.receive("a", follows(None, encoded_length=2**40), never())

    with_request(server_data, work)
