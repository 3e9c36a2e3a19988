"""Two servers that play Apache CouchDB, to be linked and unlinked, and what was said of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from couchgrass.linking.address import parse_address
from couchgrass.linking.apply.link import Asked, Linked, link
from couchgrass.linking.apply.pair import Show
from couchgrass.linking.apply.unlink import Unlinked, unlink
from couchgrass.linking.steps import Done
from tests.linking.apache import Apache, apaches

TODOS = Asked(("todos",), timeout_s=60.0)


class Pair:
    """Two servers and what was said while they were linked."""

    def __init__(self, a: Apache, b: Apache) -> None:
        self.a, self.b = a, b
        self.addresses = (parse_address(a.auth_url), parse_address(b.auth_url))
        self.done: list[Done] = []
        self.said: list[str] = []

    async def link(self, asked: Asked = TODOS) -> Linked:
        self.done.clear()
        return await link(self.addresses, asked, Show(self.done.append, self.said.append))

    async def unlink(self, dbs: tuple[str, ...] | None = None) -> Unlinked:
        self.done.clear()
        return await unlink(self.addresses, dbs, Show(self.done.append, self.said.append))

    @property
    def writes(self) -> int:
        return self.a.writes + self.b.writes

    @property
    def accounts(self) -> list[str]:
        return [
            name
            for server in (self.a, self.b)
            for name, doc in server.dbs.get("_users", {}).items()
            if not doc.get("_deleted")
        ]


def with_pair(work: Callable[[Pair], Awaitable[None]]) -> None:
    """Two servers of which the first one has the database ``todos``."""

    async def main() -> None:
        async with apaches(2) as (a, b):
            a.create("todos")
            await work(Pair(a, b))

    asyncio.run(main())
