"""The door: to a real database below a path or behind TLS, for the hosts in use only."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from couchgrass.couch.auth import basic
from couchgrass.functions.run.door import Door, opened
from couchgrass.testing.server import ServerProcess

HOST = "acme.cloudant.com"
Use = Callable[[aiohttp.ClientSession, str], Awaitable[None]]


async def use_door(door: Door, server: ServerProcess, use: Use) -> None:
    target = await door.open()
    headers = {"host": HOST, "authorization": basic(server.user, server.password)}
    try:
        async with aiohttp.ClientSession(headers=headers) as session:
            await use(session, f"http://{target.host}:{target.port}")
    finally:
        await door.close()


def through(server: ServerProcess, use: Use) -> None:
    async def main() -> None:
        await use_door(Door(server.url + "/"), server, use)

    asyncio.run(main())


def test_documents_attachments_and_refusals_pass(couch_server: ServerProcess, db_name: str) -> None:
    # A name of this test's own: a name that was refused a few times is locked for a while.
    nobody = basic(db_name, "y")

    async def use(session: aiohttp.ClientSession, url: str) -> None:
        async with session.put(f"{url}/{db_name}") as answer:
            assert answer.status == 201
            assert answer.headers["location"].endswith(f"/{db_name}")
        async with session.put(f"{url}/{db_name}/a%2Fb", json={"title": "x" * 900_000}) as answer:
            rev = (await answer.json())["rev"]
        async with session.get(f"{url}/{db_name}/a%2Fb", params={"rev": rev}) as answer:
            assert len((await answer.json())["title"]) == 900_000
        async with session.put(
            f"{url}/{db_name}/a%2Fb/file", params={"rev": rev}, data=b"\0\1" * 100_000
        ) as answer:
            assert answer.status == 201
        async with session.get(f"{url}/{db_name}/a%2Fb/file") as answer:
            assert await answer.read() == b"\0\1" * 100_000
        async with session.head(f"{url}/{db_name}/a%2Fb") as answer:
            assert (answer.status, answer.headers["etag"][:3]) == (200, '"2-')
        async with session.get(f"{url}/{db_name}/none") as answer:
            assert answer.status == 404
        async with session.get(f"{url}/{db_name}", headers={"authorization": nobody}) as answer:
            assert answer.status == 401

    through(couch_server, use)


def test_a_feed_is_live_through_it(couch_server: ServerProcess, db_name: str) -> None:
    async def use(session: aiohttp.ClientSession, url: str) -> None:
        async with session.put(f"{url}/{db_name}") as answer:
            assert answer.status == 201
        async with session.get(f"{url}/{db_name}/_changes?feed=continuous&heartbeat=1000") as feed:
            for name in ("one", "two"):
                async with session.put(f"{url}/{db_name}/{name}", json={}) as answer:
                    assert answer.status == 201
                while not (line := (await feed.content.readline()).strip()):
                    pass
                assert json.loads(line)["id"] == name

    through(couch_server, use)


def test_only_hosts_of_accounts_are_let_in(couch_server: ServerProcess) -> None:
    async def use(session: aiohttp.ClientSession, url: str) -> None:
        for host, status in ((HOST, 200), (f"{HOST}:443", 200), ("cloudant.com", 403), ("x", 403)):
            async with session.get(f"{url}/", headers={"host": host}) as answer:
                assert answer.status == status, host

    through(couch_server, use)


def test_a_database_that_is_gone_is_a_502() -> None:
    async def main() -> None:
        door = Door("http://127.0.0.1:1/below")
        target = await door.open()
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{target.port}/", headers={"host": HOST}) as answer,
        ):
            assert (answer.status, (await answer.json())["error"]) == (502, "peer_lost")
        await door.close()

    asyncio.run(main())


async def spoken(request: web.Request) -> web.Response:
    """Says what came, and answers as a database below /couch would."""
    response = web.json_response(
        {"host": request.headers["host"], "path": request.raw_path, "scheme": request.scheme}
    )
    response.headers["location"] = f"{request.scheme}://{request.headers['host']}/couch/db/doc"
    response.headers["set-cookie"] = "AuthSession=x; Path=/couch/; HttpOnly"
    return response


@pytest.mark.parametrize("tls", [False, True])
def test_host_path_and_tls_are_the_databases_and_the_answer_is_the_accounts(
    tls: bool, certificate: dict[str, str]
) -> None:
    async def main() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", spoken)
        runner = web.AppRunner(app)
        await runner.setup()
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(certificate["CERT"], certificate["KEY"])
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serving if tls else None).start()
        scheme, port = "https" if tls else "http", runner.addresses[0][1]
        trusting = ssl.create_default_context(cafile=certificate["CERT"])
        door = Door(f"{scheme}://127.0.0.1:{port}/couch", tls=trusting if tls else None)
        target = await door.open()
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{target.port}/db/a%2Fb?x=%20", headers={"host": HOST}) as answer,
        ):
            assert await answer.json() == {
                "host": f"127.0.0.1:{port}",
                "path": "/couch/db/a%2Fb?x=%20",
                "scheme": scheme,
            }
            assert answer.headers["location"] == f"https://{HOST}/db/doc"
            assert answer.headers["set-cookie"] == "AuthSession=x; Path=/; HttpOnly"
        await door.close()
        await runner.cleanup()

    asyncio.run(main())


def test_a_plain_database_needs_no_door(couch_server: ServerProcess) -> None:
    async def main() -> None:
        target, door = await opened(couch_server.url)
        assert (target.port, door) == (couch_server.port, None)
        target, door = await opened("https://couch.example")
        assert door is not None
        assert target.host == "127.0.0.1"
        await door.close()

    asyncio.run(main())
