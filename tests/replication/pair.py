"""Two database servers with replicators on the test's own event loop, and what tests ask of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from couchgrass.cli.replicator import Attached, attach
from couchgrass.docdb.http.app import App
from couchgrass.testing.in_process import ADMIN, Served, served

UNTIL_S = 60.0
PAUSE_S = 0.01


class Side:
    """One server, its replicator, and short ways to ask it. Paths begin with a slash."""

    def __init__(self, held: Served, attached: Attached) -> None:
        self.held = held
        self.attached = attached
        self.url = held.url

    @property
    def jobs(self) -> Any:
        """The replicator's jobs by their ids."""
        return self.attached.replicator.jobs

    def at(self, database: str, user: tuple[str, str] = ADMIN) -> str:
        """The URL of a database, with credentials."""
        return self.url.replace("http://", f"http://{user[0]}:{user[1]}@") + f"/{database}"

    async def json(self, method: str, path: str, body: Any = None) -> Any:
        """A request that is to succeed: its answer."""
        return await self.held.json(method, path, body)

    async def ask(
        self, method: str, path: str, body: Any = None, user: tuple[str, str] | None = ADMIN
    ) -> tuple[int, Any]:
        """A request: its status and answer. `user` None is nobody."""
        import aiohttp

        headers = {"Authorization": "" if user is None else aiohttp.encode_basic_auth(*user)}
        async with self.held.session.request(method, self.url + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def put(self, path: str, doc: Any) -> str:
        """Writes a document over what is there; its revision."""
        status, before = await self.ask("GET", path)
        rev = {"_rev": before["_rev"]} if status == 200 else {}
        return str((await self.json("PUT", path, {**doc, **rev}))["rev"])

    async def has(self, path: str) -> bool:
        """Is it there?"""
        return (await self.ask("GET", path))[0] == 200

    async def ids(self, database: str) -> set[str]:
        """The ids of a database's documents."""
        return {row["id"] for row in (await self.json("GET", f"/{database}/_all_docs"))["rows"]}

    async def row(self, doc_id: str, database: str = "_replicator") -> dict[str, Any]:
        """What ``_scheduler/docs`` says of one document; {} when it knows none."""
        status, row = await self.ask("GET", f"/_scheduler/docs/{database.replace('/', '%2F')}/{doc_id}")
        return row if status == 200 else {}

    async def state(self, doc_id: str, database: str = "_replicator") -> str | None:
        """The state in which a document is."""
        return (await self.row(doc_id, database)).get("state")

    async def complains(self, doc_id: str, words: str) -> bool:
        """Does it say that this is wrong? Not while it tries again."""
        info = (await self.row(doc_id)).get("info") or {}
        return words in (info.get("error") or "")

    async def setting(self, section: str, key: str, value: str) -> None:
        """Changes a setting."""
        await self.json("PUT", f"/_node/_local/_config/{section}/{key}", value)

    async def user(self, name: str, password: str = "pw", roles: tuple[str, ...] = ()) -> tuple[str, str]:
        """Makes a user."""
        doc = {"name": name, "password": password, "roles": list(roles), "type": "user"}
        await self.json("PUT", f"/_users/org.couchdb.user:{name}", doc)
        return name, password


@asynccontextmanager
async def side(data: Path) -> AsyncIterator[Side]:
    """One server with a replicator."""
    made: list[Attached] = []

    async def extend(app: App) -> Attached:
        made.append(await attach(app))
        return made[0]

    async with served(data, extend) as held:
        yield Side(held, made[0])


Work = Callable[[Side, Side], Awaitable[None]]


def pair(folder: Path, work: Work) -> None:
    """Runs `work(a, b)`: both have an empty database ``db``."""

    async def run() -> None:
        async with side(folder / "a") as a, side(folder / "b") as b:
            for one in (a, b):
                await one.json("PUT", "/db")
            await work(a, b)

    asyncio.run(run())


async def until(condition: Callable[[], Awaitable[Any]], limit_s: float = UNTIL_S) -> Any:
    """The first truthy result of the condition; fails when none comes."""
    async with asyncio.timeout(limit_s):
        while not (found := await condition()):
            await asyncio.sleep(PAUSE_S)
        return found


async def become(look: Callable[[], Awaitable[Any]], wanted: Any, limit_s: float = UNTIL_S) -> None:
    """Returns when `look()` gives `wanted`; says what it gave last when it does not."""
    found: Any = None
    try:
        async with asyncio.timeout(limit_s):
            while (found := await look()) != wanted:
                await asyncio.sleep(PAUSE_S)
    except TimeoutError:
        raise AssertionError(f"still {found!r}, not {wanted!r}") from None
