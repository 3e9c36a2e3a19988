"""The client against our own server, over HTTP and in its process: attachments, odd names, early refusals."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from couchgrass.couch.auth import Auth
from couchgrass.couch.database import CouchDatabase
from couchgrass.couch.in_process import AsgiTransport
from couchgrass.couch.transport import Transport, whole
from couchgrass.docdb.access import UserCtx
from couchgrass.docdb.feed_filter import Filter
from couchgrass.docdb.http.app import App
from couchgrass.docdb.wire import ZERO, Fetched, Opened, Wanted
from couchgrass.errors import MissingStub, PeerLost, TooLarge, Unauthorized
from couchgrass.testing.in_process import ADMIN, Served, served
from couchgrass.testing.server import ServerProcess
from tests.couch.asking import ask, database, transport_to

FILES = {
    "text.txt": ("text/plain", b"compress me, please. " * 5000),
    "empty.bin": ("application/octet-stream", b""),
    "small, 'odd' & über.bin": ("application/octet-stream", b"--boundary\r\n\r\n"),
    "large.bin": ("application/octet-stream", random.Random(3).randbytes(3_000_000)),
    "empty.txt": ("text/plain", b""),
}


def with_server(data: Path, work: Callable[[Served, list[Transport]], Awaitable[None]]) -> None:
    """Runs `work` with a server and the two ways to it."""

    async def run() -> None:
        async with AsyncExitStack() as stack:
            here = await stack.enter_async_context(served(data))
            over_http = await stack.enter_async_context(transport_to(here.url, auth=Auth(*ADMIN)))
            in_process = AsgiTransport(App(here.server), UserCtx(ADMIN[0], ("_admin",)))
            async with asyncio.timeout(60):
                await work(here, [over_http, in_process])

    asyncio.run(run())


async def put_files(transport: Transport, path: str) -> str:
    """Writes a document with FILES, one after the other; its last revision."""
    rev = ""
    for name, (content_type, content) in FILES.items():
        async with transport.request(
            "PUT",
            f"{path}/{quote(name)}",
            query=[("rev", rev)] if rev else [],
            headers={"content-type": content_type},
            body=content,
        ) as reply:
            answer = await whole(reply, 10_000)
            assert reply.status == 201, answer
            rev = answer.decode().partition('"rev":"')[2].partition('"')[0]
    return rev


async def leaf(peer: CouchDatabase, doc_id: str) -> tuple[Wanted, bool]:
    """A document's only leaf, and whether it has attachments."""
    page = await peer.changes(ZERO, Filter(doc_ids=(doc_id,)), 10)
    wanted = Wanted(doc_id, page.results[0].changes[0].rev)
    [fetched] = await peer.bulk_get([wanted])
    assert isinstance(fetched, Fetched)
    return wanted, fetched.has_attachments


def test_attachments_are_the_same_on_the_other_side(server_data: Path) -> None:
    async def work(here: Served, ways: list[Transport]) -> None:
        source, *_ = [database(way, "source/1+1") for way in ways]
        await source.create({})
        rev = await put_files(ways[0], "/source%2F1%2B1/doc")
        before = await source.document("doc")
        for number, (one, other) in enumerate((one, other) for one in ways for other in ways):
            target = database(other, f"target{number}")
            await target.create({})
            peer = database(one, "source/1+1")
            wanted, has_attachments = await leaf(peer, "doc")
            assert (wanted.rev, has_attachments) == (rev, True)
            count = 0
            async for opened in peer.open_revs("doc", [wanted]):
                assert isinstance(opened, Opened)
                assert [part.name for part in opened.parts] == list(before["_attachments"])
                await target.put_opened(opened)
                count += 1
            assert count == 1
            assert await target.document("doc") == before
            path = f"/target{number}/doc/large.bin"
            status, content = await ask(other, path=path)
            assert status == 200
            assert hashlib.md5(content).digest() == hashlib.md5(FILES["large.bin"][1]).digest()
        # Where a target has the parent, no attachment comes again.
        await source.put_document("doc", {**before, "more": 1})
        wanted, _ = await leaf(source, "doc")
        after = await source.document("doc")
        empty = database(ways[0], "empty")
        await empty.create({})
        for number, way in enumerate((*ways, *ways)):
            known = Wanted("doc", wanted.rev, (rev,))
            async for opened in database(way, "source/1+1").open_revs("doc", [known]):
                assert isinstance(opened, Opened) and not opened.parts
                await database(way, f"target{number}").put_opened(opened)
                assert await database(way, f"target{number}").document("doc") == after
                with pytest.raises(MissingStub):
                    await empty.put_opened(opened)

    with_server(server_data, work)


async def refuses(target: CouchDatabase, source: CouchDatabase, wanted: Wanted) -> bool:
    """Is a leaf too large for `target`? A server that refuses half-way closes the connection, and then its
    answer may be lost: so this is asked again, as a replicator does."""
    for _ in range(20):
        try:
            too_large = False
            async for opened in source.open_revs(wanted.id, [wanted]):
                assert isinstance(opened, Opened)
                try:
                    await target.put_opened(opened)
                except TooLarge:
                    too_large = True
            return too_large
        except PeerLost:
            pass
    raise AssertionError("no answer in twenty tries")


def test_a_target_that_finds_an_attachment_too_large_says_so_and_the_rest_comes(
    server_data: Path,
) -> None:
    async def work(here: Served, ways: list[Transport]) -> None:
        await here.json("PUT", "/source")
        await put_files(ways[0], "/source/doc")
        await here.json("PUT", "/source/plain", {})
        await here.json("PUT", "/target")
        async with here.session.put(
            here.url + "/_node/_local/_config/couchdb/max_attachment_size", json="100000"
        ) as answer:
            assert answer.status == 200
        for source in (database(way, "source") for way in ways):
            for target in (database(way, "target") for way in ways):
                refused = []
                for doc_id in ("doc", "plain"):
                    wanted, _ = await leaf(source, doc_id)
                    if await refuses(target, source, wanted):
                        refused.append(doc_id)
                assert refused == ["doc"]
                assert (await target.document("plain"))["_id"] == "plain"

    with_server(server_data, work)


def test_a_wrong_password_is_refused_over_http(server_data: Path) -> None:
    async def work(here: Served, ways: list[Transport]) -> None:
        await here.json("PUT", "/db")
        async with transport_to(here.url, auth=Auth(ADMIN[0], "wr0ng")) as transport:
            with pytest.raises(Unauthorized) as refused:
                await database(transport).info()
            assert "wr0ng" not in repr(refused.value) + refused.value.reason

    with_server(server_data, work)


IDS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text[0] != "_"),
    min_size=1,
    max_size=8,
    unique=True,
)
ODD = [
    ".",
    "..",
    "a/b",
    "a//b",
    "/",
    "a+b c",
    "%2F",
    "%",
    "?#&=;",
    '"\\',
    "\x00\r\n",
    "\xe9",
    "e\u0301",
    "\U0001f331",
    "~",
]


@example(ODD)
@given(IDS)
@settings(max_examples=20)
def test_any_document_id_goes_there_and_comes_back(couch_server: ServerProcess, ids: list[str]) -> None:
    async def run() -> None:
        name = "ids/" + hashlib.md5(repr(ids).encode()).hexdigest() + "+$(x)"
        auth = Auth(couch_server.user, couch_server.password)
        async with transport_to(couch_server.url, auth=auth) as transport:
            peer = database(transport, name)
            await peer.create({})
            written: dict[str, Any] = {}
            for number, doc_id in enumerate(ids):
                written[doc_id] = await peer.put_document(doc_id, {"n": number})
                assert (await peer.document(doc_id))["_id"] == doc_id
            page = await peer.changes(ZERO, Filter(), 100)
            assert {row.id: row.changes[0].rev for row in page.results} == written
            wanted = [Wanted(doc_id, rev) for doc_id, rev in written.items()]
            one_by_one = database(transport, name, bulk_get=False)
            for reader in (peer, one_by_one):
                found = await reader.bulk_get(wanted)
                assert {one.id: one.rev for one in found if isinstance(one, Fetched)} == written
            for doc_id, rev in written.items():
                async for opened in peer.open_revs(doc_id, [Wanted(doc_id, rev)]):
                    assert isinstance(opened, Opened) and opened.rev == rev
            await peer.put_local(ids[0], {"n": 1})
            found_local = await peer.local(ids[0])
            assert found_local is not None and found_local["_id"] == "_local/" + ids[0]
            design = "_design/" + ids[0]
            await peer.put_document(design, {"language": "javascript"})
            assert (await peer.document(design))["_id"] == design
            await ask(transport, "DELETE", peer.path)

    asyncio.run(run())
